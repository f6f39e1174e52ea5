"""`lock`, `unlock`: keep changes away from a place, with a reason, until somebody takes it off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from bot import (
    Actions,
    Arg,
    Button,
    Change,
    Ctx,
    Document,
    Effect,
    Note,
    Op,
    Plan,
    Refused,
    Role,
    Scope,
    Target,
    Title,
    UsageError,
    Weight,
    command,
)
from bot.desk.settings import once
from bot.releases.targets import app_ref, check_cluster
from bot.releases.words import check_span, span_of, stamp


def check_place(value: Any) -> str | None:
    """Accepts an app, or `CLUSTER[/NAMESPACE[/APP]]`."""
    parts = str(value).split("/")
    if 1 <= len(parts) <= 3 and all(re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,62}", p) for p in parts):
        return None
    return "write an app's name, or CLUSTER, CLUSTER/NAMESPACE or CLUSTER/NAMESPACE/APP"


@dataclass(frozen=True)
class Lock:
    """What `lock` takes."""

    place: Annotated[
        str, Arg("App, or CLUSTER[/NAMESPACE[/APP]]", complete="apps", check=check_place)
    ]
    reason: Annotated[tuple[str, ...], Arg("Why, for whoever runs into it", rest=True)]
    until: Annotated[str, Arg("For how long: 30m, 2h, 1d", flag=True, check=check_span)] = ""


@dataclass(frozen=True)
class Unlock:
    """What `unlock` takes."""

    place: Annotated[
        str, Arg("App, or CLUSTER[/NAMESPACE[/APP]]", complete="apps", check=check_place)
    ]


@dataclass(frozen=True)
class LockState:
    """A place and what holds it now.

    Attributes:
        expires_at: Microseconds UTC, None for "until taken off".
    """

    place: str
    word: str
    locked: bool
    reason: str = ""
    person: str = ""
    expires_at: int | None = None


def place_target(scope: Scope, p: Lock | Unlock) -> Target:
    """The place that is meant: an app by its name, else a path."""
    parts = p.place.split("/")
    if len(parts) == 1 and parts[0] in scope.config.apps:
        return app_ref(scope.config, parts[0], "", scope.cluster).target
    if len(parts) == 1 and parts[0] not in scope.config.clusters:
        known = ", ".join(sorted({*scope.config.apps, *scope.config.clusters}))
        raise UsageError(f"{parts[0]} is neither an app nor a cluster", hint=f"Known: {known}")
    check_cluster(scope.config, parts[0])
    return Target(*parts)


async def plan_lock(ctx: Ctx, p: Lock) -> Plan:
    """Refuses a place that somebody has locked already."""
    reason = " ".join(p.reason).strip()
    if not reason:
        raise UsageError("A lock needs a reason", hint="Write it after the place")
    place = ctx.target.path
    held = await ctx.desk.lock_on(ctx.target)
    if held is not None:
        raise Refused(
            f"{place} is locked already",
            why=f"{held.person}: {held.reason}",
            hint=f"`unlock {p.place}` takes it off",
        )
    until = f"for {p.until}" if p.until else "until somebody takes it off"
    return Plan(
        f"Lock {place}",
        facts={"place": place, "reason": reason, "until": p.until},
        changes=(Change("changes", "allowed", f"refused {until}: {reason}"),),
    )


def view_lock(result: LockState, now: int) -> Document:
    """Locked or free, and the way back."""
    if not result.locked:
        return Document.of(Title(f"{result.place} is unlocked", tone="good"))
    until = f"until {stamp(result.expires_at)}" if result.expires_at else "until it is taken off"
    return Document.of(
        Title(f"{result.place} is locked {until}", tone="warn"),
        Note.of(f"{result.person}: {result.reason}"),
        Actions((Button("Unlock", "run", command=f"unlock {result.word}"),)),
    )


@command(
    "lock",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Lock,
    target=place_target,
    plan=plan_lock,
    view=view_lock,
    locks=False,
    examples=('lock parse "migration until noon"', "lock prod/shop --until 2h inventory"),
    timeout=30,
)
async def lock(ctx: Ctx, p: Lock, op: Op) -> LockState:
    """Keep changes by others away from an app, a namespace or a cluster.

    Whoever locked it may still change it. Running operations go on.
    """
    reason = str(op.facts["reason"])

    async def put() -> int | str:
        expires = ctx.clock() + span_of(p.until) if p.until else None
        await ctx.desk.lock(ctx.asker, ctx.target, reason, expires, op.id)
        return expires or "open"

    async def there() -> int | str | None:
        held = await ctx.desk.lock_on(ctx.target)
        if held is None or (held.person, held.reason) != (ctx.asker.person, reason):
            return None
        return held.expires_at or "open"

    expires = await op.step("put the lock on", put, done=there)
    ends = expires if isinstance(expires, int) else None
    return LockState(ctx.target.path, p.place, True, reason, ctx.asker.person, ends)


async def plan_unlock(ctx: Ctx, p: Unlock) -> Plan:
    """Says whose lock it is; another person's asks for a confirmation."""
    place = ctx.target.path
    held = await ctx.desk.lock_on(ctx.target)
    if held is None:
        return Plan(f"{place} is not locked", facts={"place": place}, nothing=True)
    own = held.person == ctx.asker.person
    return Plan(
        f"Unlock {place}",
        facts={"place": place, "since": held.since},
        changes=(Change("changes", f"refused by {held.person}: {held.reason}", "allowed"),),
        warnings=() if own else (f"{held.person} locked it, not you.",),
        weight=Weight.RUN if own else Weight.CONFIRM,
    )


@command(
    "unlock",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Unlock,
    target=place_target,
    plan=plan_unlock,
    view=view_lock,
    locks=False,
    examples=("unlock parse",),
    timeout=30,
)
async def unlock(ctx: Ctx, p: Unlock, op: Op) -> LockState:
    """Take a lock off."""

    async def held() -> bool:
        lock = await ctx.desk.lock_on(ctx.target)
        return lock is not None and lock.since == op.facts["since"]

    take_off = partial(ctx.desk.unlock, ctx.asker, ctx.target, op.id)
    await once(op, "take the lock off", take_off, held, wanted=False)
    return LockState(ctx.target.path, p.place, False)


COMMANDS = (lock, unlock)
