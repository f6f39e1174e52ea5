"""The changes of a time, newest first: from the bot's operations, and seen from outside."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from bot.render.plot import Mark, MarkKind
    from bot.store.outside_changes import OutsideChange
    from bot.store.requests import Request

Kind = Literal[
    "deploy", "rollback", "scale", "restart", "restore", "drill", "uninstall",
    "made", "deleted", "changed",
]  # fmt: skip

AUTOSCALER = "autoscaler"
"""Who it was when nobody was: a controller followed its own rules."""

COMMANDS: Mapping[str, Kind] = {
    "deploy": "deploy",
    "rollback": "rollback",
    "scale": "scale",
    "autoscale": "scale",
    "restart": "restart",
    "restore": "restore",
    "restore drill": "drill",
    "uninstall": "uninstall",
}
"""The commands that change what runs in a cluster."""

_MARKS: Mapping[str, MarkKind] = {"uninstall": "deploy", "made": "deploy", "deleted": "deploy"}
_ENDS: Mapping[str, str] = {
    "failed": "failed",
    "cancelled": "cancelled",
    "stuck": "stopped, and needs a person",
    "running": "still running",
}
"""By the state of a request."""


@dataclass(frozen=True, slots=True)
class ChangeSeen:
    """One change.

    Attributes:
        at: When it began; microseconds UTC.
        app: The app it concerns; empty when none does, or several may.
        kind: What sort of change.
        text: One line for people, in no markup: `Scale parse-mongodb from 3 to 2`.
        by: The person, or for a change from outside what the cluster calls them (`kubectl`);
            `autoscaler`; empty when nobody can tell.
        outside: Not made through the bot, by somebody. An autoscaler is not somebody.
        job: Id of the bot's operation; empty for all others.
    """

    at: int
    cluster: str
    namespace: str
    app: str
    kind: Kind
    text: str
    by: str
    outside: bool
    job: str = ""


class Records(Protocol):
    """Where changes are kept: the desk."""

    async def changed(
        self,
        *,
        cluster: str,
        since: int,
        until: int,
        commands: Collection[str],
        namespace: str = "",
        app: str = "",
    ) -> tuple[list[Request], list[OutsideChange]]:
        """See `bot.desk.Desk`."""


async def changes(
    records: Records,
    *,
    cluster: str,
    since: int,
    until: int,
    namespace: str = "",
    app: str = "",
) -> tuple[ChangeSeen, ...]:
    """What changed in a cluster, newest first.

    Args:
        records: `ctx.desk`, or the product's desk.
        cluster: Where.
        since: Microseconds UTC.
        until: Microseconds UTC, excluded.
        namespace: Only there, when given.
        app: Only this app. With its namespace also what belongs there to no app alone.

    Raises:
        StoreUnavailable: If the state cannot be read.
    """
    own, others = await records.changed(
        cluster=cluster,
        since=since,
        until=until,
        commands=COMMANDS,
        namespace=namespace,
        app=app,
    )
    seen = [*(_own(request) for request in own), *(_other(one) for one in others)]
    return tuple(sorted(seen, key=lambda one: -one.at))


def marks(seen: Iterable[ChangeSeen]) -> tuple[Mark, ...]:
    """The same as marks for a picture, oldest first."""
    from bot.render.plot import Mark

    return tuple(Mark(one.at, one.text, _mark(one)) for one in sorted(seen, key=lambda one: one.at))


def _mark(one: ChangeSeen) -> MarkKind:
    if one.outside:
        return "outside"
    kind: MarkKind = _MARKS.get(one.kind, "outside")
    match one.kind:
        case "deploy" | "rollback" | "scale" | "restart" | "restore" | "drill":
            return one.kind
        case _:
            return kind


def _own(request: Request) -> ChangeSeen:
    summary = str((request.plan or {}).get("summary") or request.text or request.command)
    end = _ENDS.get(request.state)
    return ChangeSeen(
        at=request.started_at or request.created_at,
        cluster=request.cluster,
        namespace=request.namespace,
        app=request.app,
        kind=COMMANDS[request.command],
        text=f"{summary} ({end})" if end else summary,
        by=request.person,
        outside=False,
        job=request.id,
    )


def _other(one: OutsideChange) -> ChangeSeen:
    kind: Kind = one.kind  # type: ignore[assignment]
    return ChangeSeen(
        at=one.at,
        cluster=one.cluster,
        namespace=one.namespace,
        app=one.app,
        kind=kind,
        text=one.text,
        by=AUTOSCALER if one.automatic else one.manager,
        outside=not one.automatic,
    )
