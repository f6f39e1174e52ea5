"""Recording overrides after a success, as a durable step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bot.releases.overrides import Wish

if TYPE_CHECKING:
    from bot.context import Ctx, Op, Target
    from bot.store.overrides import Override


async def remember(ctx: Ctx, op: Op, target: Target, revision: int, wishes: Iterable[Wish]) -> None:
    """Records that a revision works, and exactly these overrides with it."""
    kept = tuple(wishes)

    async def record() -> int:
        items = [_stored(ctx, wish, op.id) for wish in kept]
        await ctx.desk.save_overrides(target, revision, items)
        return revision

    async def recorded() -> int | None:
        return revision if await ctx.desk.recorded_revisions(target, [revision]) else None

    await op.step("remember it", record, done=recorded)


async def remember_more(ctx: Ctx, op: Op, target: Target, wishes: Iterable[Wish]) -> None:
    """Adds overrides to those of the newest recorded revision."""
    new = tuple(wishes)

    async def record() -> str:
        await ctx.desk.put_overrides(target, [_stored(ctx, wish, op.id) for wish in new])
        return op.id

    async def recorded() -> str | None:
        held = {(o.kind, o.path): o for o in (await ctx.desk.overrides(target)).items}
        ours = all(w.key in held and held[w.key].request_id == op.id for w in new)
        return op.id if ours else None

    await op.step("remember it for the next deploy", record, done=recorded)


def _stored(ctx: Ctx, wish: Wish, request_id: str) -> Override:
    from bot.store.overrides import Override

    return Override(
        kind=wish.kind,
        path=wish.path,
        value=wish.value,
        actor=wish.actor or ctx.asker.actor,
        person=wish.by or ctx.asker.person,
        at=wish.at or ctx.clock(),
        request_id=wish.request_id or request_id,
    )
