"""What the ops channel hears: changes made in a terminal, and the audit log's head."""

from __future__ import annotations

from typing import Any

from bot.chores import post_head
from bot.clock import now
from bot.context import Asker
from bot.engine import Incoming
from bot.slack.replier import Overheard
from bot.store import audit
from tests.bot.engine.conftest import Surface
from tests.bot.slack.conftest import Office, everything

DAY = 86_400_000_000


async def test_a_change_made_in_a_terminal_is_told_once(bot: Office) -> None:
    inner = Surface()
    bot.repliers["terminal"] = Overheard(inner, bot.surface.ops)
    actor = f"slack:{bot.team}/{bot.user('adam')}"
    asker = Asker(actor, actor, "adam")
    words: Any = ("size", "web", "5")
    admission = await bot.engine.admit(Incoming("k", words, asker, {"kind": "terminal"}, now()))
    assert await bot.engine.proceed(admission) is None
    line = everything(await bot.told("bob", "ops", "size is 5", private=False))
    assert "size web 5" in line
    await bot.until(lambda: bool(inner.ended))
    await bot.quiet()
    assert len(bot.seen("bob", "ops")) == 1


async def test_the_head_is_posted_once_a_day_and_is_the_newest_row(bot: Office) -> None:
    await bot.ask("alice", "dev", "size web 5")
    await bot.told("bob", "ops", "size is 5")
    await bot.quiet()
    head = await bot.store.read(audit.head)
    assert head is not None
    at = now()
    for _ in range(3):
        await post_head(bot.store, bot.surface.ops, lambda: at)
    shown = everything(await bot.told("bob", "ops", "Audit log", private=False))
    assert head.hash in shown
    assert "all of them proved" in shown
    await post_head(bot.store, bot.surface.ops, lambda: at + DAY)
    await bot.until(lambda: sum("Audit log" in everything(m) for m in bot.seen("bob", "ops")) == 2)


async def test_a_broken_log_is_told(bot: Office) -> None:
    await bot.ask("vera", "ops", "size web 5")
    await bot.told("vera", "ops", "You may not")

    def tamper(db: Any) -> None:
        db.execute("DROP TRIGGER audit_no_update")
        db.execute("UPDATE audit SET actor = 'somebody else' WHERE seq = 1")

    await bot.store.write(tamper)
    await post_head(bot.store, bot.surface.ops, now)
    shown = everything(await bot.told("bob", "ops", "not all of them proved", private=False))
    assert "Row 1" in shown
