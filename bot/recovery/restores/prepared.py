"""What the plan of a restore is made of: what was asked for, and all that was found. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from bot.recovery.backups.proof import Proof
from bot.recovery.restores.copying import Reach
from bot.recovery.restores.retained import Stuck, Tied
from bot.recovery.restores.room import Room
from bot.recovery.restores.surveying import Survey
from bot.recovery.restores.unseen import Unseen
from bot.recovery.which.choosing import Choice
from bot.recovery.which.intent import Intent, Words

if TYPE_CHECKING:
    from integrations.velero.models import Backup, Location


class Asked(Words, Protocol):
    """All parameters of `restore`."""

    @property
    def only(self) -> str: ...  # noqa: D102
    @property
    def update(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a restore is about to do, and what it would meet.

    Attributes:
        choice: The backup, and why this one.
        mapping: Namespace in the backup → namespace here.
        resources: Kinds asked for; empty for all.
        selectors: Labels, any of which suffices; empty for everything.
        survey: What the cluster has.
        proof: Which volumes of the backup hold data.
        room: What goes first, with `--replace`.
        location: Storage location to be closed to writes, for another cluster's backup.
        waits: The backup has yet to show up here.
        troubles: Other clusters that could not be asked → why.
        where: The flag that offered commands need to mean this cluster.
        waiting: Claims that will not get their volumes.
        fixed: Claims that exist, and whose volumes would outlive them.
        remade: Claims whose volumes come back on the storage that they had.
        reach: What a copy would do to the living app.
        unseen: Why the backup could not be read, and what is known all the same.
    """

    intent: Intent
    choice: Choice
    mapping: Mapping[str, str]
    resources: tuple[str, ...]
    selectors: tuple[Mapping[str, str], ...]
    survey: Survey
    proof: Proof
    room: Room | None = None
    location: Location | None = None
    waits: bool = False
    troubles: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    waiting: tuple[Stuck, ...] = ()
    fixed: tuple[str, ...] = ()
    remade: tuple[Tied, ...] = ()
    reach: Reach = field(default_factory=Reach)
    unseen: Unseen | None = None

    @property
    def backup(self) -> Backup:
        """The one that is restored."""
        return self.choice.backup

    @property
    def live(self) -> bool:
        """It touches a namespace with objects of the backup in it, or reaches into one.

        Of a backup that nobody has read that is assumed.
        """
        return bool(self.survey.met or self.room or self.reach.named or self.unseen)
