"""Telling the bot's own operations from what others do. Pure.

What the bot writes itself carries its field manager. What helm and Velero write for it does not:
a release's revision is the bot's when its description or its label says so (a later upgrade
inherits the label, so that only the first revision with it counts), and else when an operation
that makes such things was under way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.releases.words import SECOND

if TYPE_CHECKING:
    from bot.changes.observed import Revision
    from bot.store.requests import Request

SLACK = 10 * SECOND
"""So far may the clocks of bot and cluster differ."""
RESTORERS = ("restore",)
"""Commands after which everything may be new."""
COMMANDS = ("deploy", "rollback", "restore", "uninstall", "scale", "restart")


@dataclass(frozen=True, slots=True)
class Spell:
    """An operation of the bot.

    Attributes:
        began: Microseconds UTC.
        ended: None while it runs.
        done: It did what it was asked for.
        target: The revision that a rollback goes back to; 0 when that is not known.
    """

    id: str
    command: str
    began: int
    ended: int | None
    done: bool = False
    target: int = 0


@dataclass(frozen=True, slots=True)
class Ours:
    """The bot's operations of late in one namespace."""

    spells: Sequence[Spell] = ()

    @classmethod
    def of(cls, requests: Collection[Request]) -> Ours:
        """From the requests that began to run."""
        return cls(tuple(map(_spell, (r for r in requests if r.started_at is not None))))

    def under_way(self, at: int, commands: Collection[str] = COMMANDS) -> bool:
        """Whether one of these commands was at work then."""
        return any(spell.command in commands and _within(spell, at) for spell in self.spells)

    def made(self, one: Revision, all_: Sequence[Revision], description: str | None) -> bool:
        """Whether the bot made that revision.

        Args:
            one: The revision.
            all_: Those of the release that are on record.
            description: Helm's; None when it cannot be read.
        """
        ids = {spell.id for spell in self.spells}
        if (description or "").partition(" ")[0] in ids:
            return True
        first = min((r.number for r in all_ if r.operation == one.operation), default=0)
        if one.operation in ids and one.number == first:
            return True
        if any(_rolls_back(s, description) and _within(s, one.made_at) for s in self.spells):
            return True
        return self.under_way(one.made_at, RESTORERS)


def _spell(request: Request) -> Spell:
    to = ((request.plan or {}).get("facts") or {}).get("to")
    return Spell(
        *(request.id, request.command, request.started_at or 0, request.finished_at),
        done=request.state == "done",
        target=to if request.command == "rollback" and isinstance(to, int) else 0,
    )


def _rolls_back(spell: Spell, description: str | None) -> bool:
    """Whether it made a revision with that description; a deploy that fails rolls back, too."""
    maker = spell.command == "rollback" or (spell.command == "deploy" and not spell.done)
    if description is None or not maker:
        return maker
    to = f"Rollback to {spell.target}" if spell.target else "Rollback to "
    return description == to if spell.target else description.startswith(to)


def _within(spell: Spell, at: int) -> bool:
    return spell.began - SLACK <= at and (spell.ended is None or at <= spell.ended + SLACK)


def owners(apps: Mapping[str, str]) -> str:
    """The app of a namespace: the only one that has its release there, else empty.

    Args:
        apps: Release → app, of one namespace.
    """
    names = set(apps.values())
    return names.pop() if len(names) == 1 else ""
