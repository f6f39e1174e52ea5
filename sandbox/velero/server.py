"""The practice Velero of one cluster: it lives while its Deployment has a pod that is ready."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from sandbox.kube.controllers import Behaviours, Pace
from sandbox.kube.controllers.work import Key, Lane, Work
from sandbox.kube.eventlog import Event
from sandbox.kube.pods import Runtime
from sandbox.kube.resources import DEPLOYMENTS
from sandbox.kube.runtime import ExecResult
from sandbox.kube.store import Store
from sandbox.velero.backups import Backups
from sandbox.velero.definitions import (
    BACKUPS,
    DELETIONS,
    DOWNLOADS,
    LOCATIONS,
    RESTORES,
    SCHEDULES,
    STATUS_REQUESTS,
)
from sandbox.velero.faults import SWITCHES
from sandbox.velero.install import install
from sandbox.velero.locations import Locations
from sandbox.velero.objectstore import ObjectStore
from sandbox.velero.refilling import Waiting
from sandbox.velero.requests import Requests
from sandbox.velero.restores import Restores
from sandbox.velero.schedules import Schedules
from sandbox.velero.site import NAMESPACE, Site, available
from sandbox.velero.tempo import Tempo

_log = logging.getLogger(__name__)
_LANES = {
    BACKUPS.key: ("backups", "collect"),
    RESTORES.key: ("restores",),
    SCHEDULES.key: ("schedules",),
    LOCATIONS.key: ("validate",),
    DOWNLOADS.key: ("downloads",),
    STATUS_REQUESTS.key: ("statuses",),
    DELETIONS.key: ("deletions",),
}
_WATCHED = (BACKUPS, RESTORES, SCHEDULES, LOCATIONS, DOWNLOADS, STATUS_REQUESTS, DELETIONS)


class PracticeVelero:
    """Velero as its custom resources show it, and volumes that can be looked at.

    Attributes:
        objects: The object store, maybe shared with another cluster's Velero.
        faults: Failures in force; change them with `fault`.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self.objects, self.faults = site.objects, site.faults
        self._work = Work()
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._end = site.store.subscribe(self._on_event)
        self._notice()

    @classmethod
    def installed(
        cls,
        store: Store,
        runtime: Runtime,
        behaviours: Behaviours,
        objects: ObjectStore,
        *,
        pace: Pace,
    ) -> PracticeVelero:
        """Install Velero into a cluster and let it work; `close` ends it.

        Args:
            store: The cluster's objects.
            runtime: What runs in its pods, for hooks and volumes.
            behaviours: How its containers behave; restored pods wait for their volumes.
            objects: A started object store.
            pace: How fast the cluster lives.
        """

        async def run(pod: dict[str, Any], container: str, command: list[str]) -> ExecResult:
            return await runtime.exec(pod, container, command, None)

        install(store, objects.url)
        site = Site(store, objects, runtime.disks, run, Tempo.of(pace))
        behaviours.programs = Waiting(site, behaviours.programs)
        return cls(site)

    async def close(self) -> None:
        """End all work."""
        self._end()
        tasks = [*self._tasks, *([self._task] if self._task else [])]
        self._halt()
        await asyncio.gather(*tasks, return_exceptions=True)

    def fault(self, name: str, value: bool = True) -> None:
        """Put a failure in force or take it back.

        Args:
            name: One of `sandbox.velero.faults.SWITCHES`.
            value: False takes it back.

        Raises:
            ValueError: There is none of that name.
        """
        if name not in SWITCHES:
            raise ValueError(f"{name!r} is no failure of Velero; there are {', '.join(SWITCHES)}")
        setattr(self.faults, name, value)
        self._notice()

    def heal(self) -> None:
        """Take all failures back."""
        self.faults.clear()
        self._notice()

    def look(self) -> None:
        """Look at everything now: storage, backups of others, expired ones, schedules."""
        if self._task is None:
            return
        for resource in _WATCHED:
            for obj in self._site.store.scan(resource, NAMESPACE):
                for lane in (*_LANES[resource.key], *(["sync"] * (resource is LOCATIONS))):
                    self._work.add(lane, (NAMESPACE, obj["metadata"]["name"]))

    def volume(self, namespace: str, claim: str) -> dict[str, Any]:
        """What lies on a claim's volume."""
        return self._site.disks.read(self._site.disks.claim(namespace, claim))

    def write_volume(self, namespace: str, claim: str, content: dict[str, Any]) -> None:
        """Put content on a claim's volume.

        Raises:
            ValueError: There is no such claim.
        """
        key = self._site.disks.claim(namespace, claim)
        if not key:
            raise ValueError(f"there is no claim {namespace}/{claim}")
        self._site.disks.write(key, content)

    # -- life --------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether the server works."""
        return self._task is not None

    @property
    def ready(self) -> bool:
        """Whether it works, and a location is usable."""
        locations = self._site.store.scan(LOCATIONS, NAMESPACE)
        return self.alive and any(available(location) for location in locations)

    def _notice(self) -> None:
        """Begin or stop to work, as the Deployment and the failures say."""
        found = self._site.store.peek(DEPLOYMENTS, NAMESPACE, "velero")
        ready = ((found or {}).get("status") or {}).get("readyReplicas", 0)
        if ready and not self.faults.away:
            self._begin()
        else:
            self._halt()

    def _begin(self) -> None:
        if self._task is not None:
            return
        work = self._work = Work()
        backups, restores = Backups(self._site, self._spawn), Restores(self._site, self._spawn)
        locations = Locations(self._site, work.later)
        schedules = Schedules(self._site, work.later)
        requests = Requests(self._site, self._spawn, work.later)
        for name, reconcile in (
            ("validate", locations.validate),
            ("sync", locations.sync),
            ("backups", backups.reconcile),
            ("restores", restores.reconcile),
            ("schedules", schedules.reconcile),
            ("downloads", requests.download),
            ("statuses", requests.status),
            ("deletions", requests.delete),
            ("collect", requests.collect),
        ):
            work.register(Lane(name, 0, reconcile))
        backups.recover()
        restores.recover()
        self._task = asyncio.create_task(work.run(), name="practice-velero")
        self.look()

    def _halt(self) -> None:
        for task in (*self._tasks, *([self._task] if self._task else [])):
            task.cancel()
        self._tasks.clear()
        self._task = None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a run of the practice Velero broke", exc_info=task.exception())

    def _on_event(self, event: Event) -> None:
        if event.resource.key == DEPLOYMENTS.key:
            meta = event.object["metadata"]
            if (meta["namespace"], meta["name"]) == (NAMESPACE, "velero"):
                self._notice()
            return
        lanes: tuple[str, ...] = _LANES.get(event.resource.key, ())
        if self._task is None or event.object["metadata"].get("namespace") != NAMESPACE:
            return
        key: Key = (NAMESPACE, event.object["metadata"]["name"])
        if event.resource.key == LOCATIONS.key:
            lanes = self._location_lanes(event)
        for lane in lanes:
            self._work.add(lane, key)

    def _location_lanes(self, event: Event) -> tuple[str, ...]:
        """Locations write their own status at each look; only other changes count."""
        before = event.previous or {"spec": None}
        fresh = available(event.object) and not available(before)
        changed = bool(before["spec"] != event.object["spec"])
        return ("validate",) * changed + ("sync",) * (fresh or changed)
