"""Velero's objects of one cluster, kept up to date by watches."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from bot.recovery.watch.picture import Picture, age
from integrations.errors import IntegrationError
from integrations.kubernetes.watch import Change, Event, watch
from integrations.velero import kinds
from integrations.velero.models import Backup, Location, Restore, Schedule

if TYPE_CHECKING:
    from integrations.kubernetes.kinds import Kind
    from integrations.velero.client import Velero

log = structlog.get_logger(__name__)

RETRY = 30.0
"""Seconds until a watch that was refused is tried again."""
_READ: Mapping[Kind, Callable[[Mapping[str, Any]], Any]] = {
    kinds.BACKUP: Backup.from_object,
    kinds.RESTORE: Restore.from_object,
    kinds.SCHEDULE: Schedule.from_object,
    kinds.LOCATION: Location.from_object,
}


@dataclass(frozen=True, slots=True)
class Lost:
    """Contact with the cluster is lost: since when (microseconds UTC), and why."""

    since: int
    error: IntegrationError


class Mirror:
    """Watches four kinds.

    Args:
        velero: Where.
        clock: Microseconds UTC.
        stalled: `backup/NAME` → since when it is known to make no progress, from before.
        stirred: Is told of every change but mere progress; must not block.

    Attributes:
        moved: A run's uid → when it was last seen to make progress.
    """

    def __init__(
        self,
        velero: Velero,
        clock: Callable[[], int],
        stalled: Mapping[str, int],
        stirred: Callable[[], None],
        *,
        retry: float = RETRY,
    ) -> None:
        self._velero, self._clock, self._stirred = velero, clock, stirred
        self._stalled, self._retry = stalled, retry
        self._held: dict[Kind, dict[str, Any]] = {kind: {} for kind in _READ}
        self._synced: set[Kind] = set()
        self._lost: dict[Kind, Lost] = {}
        self.moved: dict[str, int] = {}

    async def run(self) -> None:
        """Watches until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind in _READ:
                group.create_task(self._follow(kind), name=f"watch {kind.plural}")

    @property
    def complete(self) -> bool:
        """Whether the picture is that of the cluster now, as far as anybody can know."""
        return not self._lost and len(self._synced) == len(_READ)

    @property
    def lost(self) -> Lost | None:
        """Since when the picture is not; None while it is, or before the first answer."""
        return min(self._lost.values(), key=lambda lost: lost.since, default=None)

    @property
    def picture(self) -> Picture:
        """What there is; backups and restores newest first."""
        backups, restores, schedules, locations = (self._held[k].values() for k in _READ)
        return Picture(
            tuple(sorted(backups, key=age, reverse=True)),
            tuple(sorted(restores, key=age, reverse=True)),
            tuple(sorted(schedules, key=lambda s: s.name)),
            tuple(sorted(locations, key=lambda x: x.name)),
        )

    async def _follow(self, kind: Kind) -> None:
        while True:
            self._synced.discard(kind)
            self._held[kind].clear()
            objects = watch(
                self._velero.kube,
                kind,
                namespace=self._velero.namespace,
                on_lost=partial(self._contact, kind),
            )
            try:
                async with aclosing(objects.events()) as events:
                    async for event in events:
                        self._take(kind, event)
            except IntegrationError as error:  # refused, or there is no such kind
                self._contact(kind, error)
            await asyncio.sleep(self._retry * random.uniform(0.8, 1.2))  # noqa: S311 - jitter

    def _contact(self, kind: Kind, error: IntegrationError | None) -> None:
        if error is None:
            self._lost.pop(kind, None)
        else:
            before = self._lost.get(kind)
            self._lost[kind] = Lost(before.since if before else self._clock(), error)
        self._stirred()

    def _take(self, kind: Kind, event: Event) -> None:
        held = self._held[kind]
        if event.type is Change.SYNCED:
            self._synced.add(kind)
            self._lost.pop(kind, None)
            self._stirred()
            return
        name = str(event.object["metadata"]["name"])
        before = held.pop(name, None)
        if event.type is not Change.DELETED:
            try:
                held[name] = _READ[kind](event.object)
            except (KeyError, TypeError, ValueError) as error:
                log.warning("object not understood", kind=kind.kind, name=name, why=repr(error))
        after = held.get(name)
        if kind in (kinds.BACKUP, kinds.RESTORE):
            self._note_progress(kind, before, after)
            if before is not None and after is not None and _state(before) == _state(after):
                return  # a second's progress
        self._stirred()

    def _note_progress(self, kind: Kind, before: Any, after: Any) -> None:
        if before is not None and (after is None or after.uid != before.uid):
            self.moved.pop(before.uid, None)
        if after is None or after.finished:
            self.moved.pop(after.uid if after else "", None)
        elif after.uid not in self.moved:
            known = self._stalled.get(f"{kind.kind.lower()}/{after.name}")
            self.moved[after.uid] = known or self._clock()
        elif before is not None and _progress(before) != _progress(after):
            self.moved[after.uid] = self._clock()


def _progress(run: Backup | Restore) -> tuple[object, ...]:
    return run.phase, run.items_done, run.items_total, run.warnings, run.errors


def _state(run: Backup | Restore) -> tuple[object, ...]:
    expires = run.expires_at if isinstance(run, Backup) else None
    return run.uid, run.phase, run.labels, run.annotations, run.started_at, expires
