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
    """

    id: str
    command: str
    began: int
    ended: int | None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Ours:
    """The bot's operations of late in one namespace."""

    spells: Sequence[Spell] = ()

    @classmethod
    def of(cls, requests: Collection[Request]) -> Ours:
        """From the requests that began to run."""
        return cls(
            tuple(
                Spell(r.id, r.command, r.started_at, r.finished_at, r.state == "done")
                for r in requests
                if r.started_at is not None
            )
        )

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
        rolled_back = description is None or description.startswith("Rollback to ")
        if rolled_back and any(_rolls_back(s) and _within(s, one.made_at) for s in self.spells):
            return True
        return self.under_way(one.made_at, RESTORERS)


def _rolls_back(spell: Spell) -> bool:
    """A deploy does, too, unless it succeeds."""
    return spell.command == "rollback" or (spell.command == "deploy" and not spell.done)


def _within(spell: Spell, at: int) -> bool:
    return spell.began - SLACK <= at and (spell.ended is None or at <= spell.ended + SLACK)


def owners(apps: Mapping[str, str]) -> str:
    """The app of a namespace: the only one that has its release there, else empty.

    Args:
        apps: Release → app, of one namespace.
    """
    names = set(apps.values())
    return names.pop() if len(names) == 1 else ""
