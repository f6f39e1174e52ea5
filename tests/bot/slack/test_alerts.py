"""Threads of conditions in the ops channel of the practice Slack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bot.alerts import Act, Condition, Findings, Item
from bot.alerts.threads import Threads
from bot.clock import now
from bot.slack.replier import OpsChannel
from bot.store import outbox
from bot.store.db import Store
from bot.store.keys import AuditKey
from sandbox.slack import SlackServer
from sandbox.slack.entities import Message
from tests.bot.engine.conftest import World
from tests.bot.slack.conftest import Office, buttons, everything, office

SOURCE = "velero/main"
HOUR = 3_600_000_000


def condition() -> Condition:
    return Condition(
        "failed/app/web",
        "The last backup of web failed",
        now() - HOUR,
        why=(("There is no good one. <!channel> & *bold*",),),
        acts=(Act("Size it", "size web 7"), Act("No such", "gone command")),
        items=(Item("b1", ("b1 failed",)),),
    )


def threads_of(bot: Office) -> Threads:
    return Threads(bot.store, bot.surface.ops, now, lambda: "/onprem ", ("size",))


def roots(bot: Office) -> list[Message]:
    return [m for m in bot.seen("bob", "ops") if m.thread_ts in (None, m.ts)]


def answers(bot: Office, root: Message) -> list[str]:
    below = [m for m in bot.seen("bob", "ops") if m.ts != root.ts and m.thread_ts == root.ts]
    return [everything(m) for m in below]


async def test_a_thread_from_open_to_over(bot: Office) -> None:
    threads, failed = threads_of(bot), condition()
    await threads.hold(SOURCE, Findings((failed,)), cluster="main")
    root = await bot.told("bob", "ops", "The last backup of web failed", private=False)
    assert "/onprem size web 7" in everything(root)
    assert list(buttons(root)) == ["Size it"]
    assert "<!channel>" not in everything(root)

    more = replace(failed, items=(*failed.items, Item("b2", ("b2 failed",))))
    for _ in range(3):
        await threads.hold(SOURCE, Findings((more,)), cluster="main")
    await bot.until(lambda: any("• b2 failed" in a for a in answers(bot, root)))

    well = Findings(well={failed.key: ("b3 is complete.",)})
    await threads.hold(SOURCE, well, cluster="main")
    await bot.until(lambda: any("1 h. b3 is complete." in a for a in answers(bot, root)))
    await bot.quiet()
    (only,) = roots(bot)
    assert "Over: The last backup of web failed" in everything(only)
    assert buttons(only) == {}
    assert len(bot.seen("bob", "ops")) == 3


async def test_its_button_runs_the_command_with_the_rights_of_whoever_presses(bot: Office) -> None:
    await threads_of(bot).hold(SOURCE, Findings((condition(),)))
    root = await bot.told("bob", "ops", "The last backup of web failed", private=False)
    await bot.server.click("vera", root, "Size it")
    await bot.told("vera", "ops", "You may not size")
    assert bot.world.size == 1
    await bot.server.click("alice", root, "Size it")
    await bot.told("alice", "ops", "size is 7")
    assert bot.world.size == 7


async def test_it_goes_on_after_a_restart(
    tmp_path: Path, server: SlackServer, world: World
) -> None:
    failed = condition()
    async with office(tmp_path, server, world) as bot:
        await threads_of(bot).hold(SOURCE, Findings((failed,)))
        await bot.told("bob", "ops", "The last backup of web failed")
        await bot.quiet()
    async with office(tmp_path, server, world) as bot:
        threads = threads_of(bot)
        await threads.hold(SOURCE, Findings((failed,)))
        (root,) = roots(bot)
        await bot.server.click("alice", root, "Size it")
        await bot.told("alice", "ops", "size is 7")
        await threads.hold(SOURCE, Findings())
        await bot.told("bob", "ops", "Over: The last backup of web failed")
        assert len([m for m in roots(bot) if "backup of web" in everything(m)]) == 1


async def test_a_kill_while_it_is_posted_doubles_it_at_most_once_and_loses_nothing(
    tmp_path: Path, server: SlackServer, world: World
) -> None:
    key = AuditKey.load_or_create(tmp_path / "keys" / "audit")
    store = await Store.open(tmp_path / "onprem.db", clock=now, audit_key=key)
    team, channel = server.workspace.team_id, server.workspace.channel("ops").id
    ops = OpsChannel(now, lambda: channel, lambda: team, lambda: None)
    failed = condition()
    before = Threads(store, ops, now, lambda: "/onprem ", ("size",))
    await before.hold(SOURCE, Findings((failed,)))
    taken = await store.write(lambda db: outbox.claim_next(db, now()))
    assert taken is not None  # it is on its way, and perhaps there, when the process ends
    await store.close()
    async with office(tmp_path, server, world) as bot:
        threads = threads_of(bot)
        await threads.hold(SOURCE, Findings((failed,)))
        await threads.hold(SOURCE, Findings())
        await bot.told("bob", "ops", "Over after")
        await bot.quiet()
        (root,) = roots(bot)
        assert "Over: The last backup of web failed" in everything(root)


async def test_a_root_that_somebody_deleted_comes_back_with_the_next_state(bot: Office) -> None:
    threads, failed = threads_of(bot), condition()
    await threads.hold(SOURCE, Findings((failed,)))
    root = await bot.told("bob", "ops", "The last backup of web failed")
    await bot.quiet()
    bot.server.workspace.delete(root)
    await threads.hold(SOURCE, Findings((replace(failed, title="It still fails"),)))
    await bot.told("bob", "ops", "It still fails")
