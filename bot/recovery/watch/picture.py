"""What a watch over one cluster's Velero has to go by. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.alerts import Act
from bot.recovery.which.apps import APP_LABEL, app_of
from bot.releases.targets import AppRef, apps_on

if TYPE_CHECKING:
    from bot.config import Config
    from integrations.velero.models import Backup, Location, Restore, Schedule

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
WAITING = frozenset({"New", "Queued", "ReadyToStart"})
"""Phases of a run that nobody works on yet."""


@dataclass(frozen=True, slots=True)
class Picture:
    """All that Velero has in one cluster."""

    backups: tuple[Backup, ...] = ()
    restores: tuple[Restore, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    locations: tuple[Location, ...] = ()

    @property
    def runs(self) -> tuple[Backup | Restore, ...]:
        """Backups and restores."""
        return (*self.backups, *self.restores)


@dataclass(frozen=True, slots=True)
class Known:
    """What no object tells.

    Attributes:
        now: Microseconds UTC, as all times here.
        moved: A run's uid → when it was last seen to make progress.
        paused: A schedule's uid → when it was first seen paused.
        born: App → since when something of it is in the cluster, None when nothing is; an app
            that is missing was not looked for.
        server: Whether Velero's server answered; None when it was not asked.
    """

    now: int
    moved: Mapping[str, int] = field(default_factory=dict)
    paused: Mapping[str, int] = field(default_factory=dict)
    born: Mapping[str, int | None] = field(default_factory=dict)
    server: bool | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """One cluster, as it is configured; it remembers whose each backup is."""

    config: Config
    cluster: str
    _owners: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def apps(self) -> tuple[AppRef, ...]:
        """Its apps that are backed up."""
        return tuple(ref for ref in apps_on(self.config, self.cluster) if ref.config.backup)

    @property
    def remembered(self) -> int:
        """Of how many backups, also such as are gone, it knows the owner."""
        return len(self._owners)

    @property
    def namespace(self) -> str:
        """Where its Velero lives."""
        return self.config.clusters[self.cluster].velero_namespace

    def app_of(self, backup: Backup) -> str:
        """The app that a backup is of; empty when it is none's."""
        known = backup.name, backup.labels.get(APP_LABEL, "")
        if known not in self._owners:
            found = app_of(self.config, self.cluster, backup.name, backup.labels)
            self._owners[known] = found
        return self._owners[known]

    def act(self, label: str, command: str) -> Act:
        """A command, for this cluster."""
        several = len(self.config.clusters) > 1
        return Act(label, f"{command} --cluster {self.cluster}" if several else command)

    def kubectl(self, words: str) -> str:
        """A kubectl command line about Velero, for a person."""
        return f"kubectl --namespace {self.namespace} {words}"


def made_at(run: Backup | Restore) -> int:
    """The moment whose state a run holds; what was made elsewhere keeps its own."""
    return run.started_at or run.created_at or 0


def age(run: Backup | Restore) -> tuple[int, int, str]:
    """What sorts runs, the oldest first: Velero's times are whole seconds, names often finer."""
    return made_at(run), run.created_at or 0, run.name


def ended_at(run: Backup | Restore) -> int:
    """When a finished run ended; a refused one never began."""
    return run.completed_at or run.started_at or run.created_at or 0


def expired(backup: Backup, now: int) -> bool:
    """Its data may go at any moment."""
    return backup.expires_at is not None and backup.expires_at <= now
