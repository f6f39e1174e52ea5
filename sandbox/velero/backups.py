"""Backups from asked for to finished: the queue, validation, the run, the end.

Follows ``pkg/controller/backup_{queue,,finalizer}_controller.go`` of velero v1.18.3; one backup
runs at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from sandbox.kube.clock import timestamp
from sandbox.kube.controllers.work import Key
from sandbox.kube.resources import NAMESPACES
from sandbox.velero import backing
from sandbox.velero.definitions import BACKUPS, LOCATIONS
from sandbox.velero.objectstore import StoreError
from sandbox.velero.selecting import problems
from sandbox.velero.site import NAMESPACE, Site, available, duration, go_duration, label_value

Json = dict[str, Any]
Spawn = Callable[[Coroutine[Any, Any, None]], None]

TTL = 720 * 3600
ACTIVE = frozenset({
    "ReadyToStart", "InProgress", "WaitingForPluginOperations",
    "WaitingForPluginOperationsPartiallyFailed", "Finalizing", "FinalizingPartiallyFailed",
})  # fmt: skip
_RUNNING = ("ReadyToStart", "InProgress")
_SOURCE = "velero.io/source-cluster-k8s-"


def phase_of(obj: Json) -> str:
    """The phase, empty for one that nobody has looked at."""
    return (obj.get("status") or {}).get("phase") or ""


class Backups:
    """Moves each Backup one phase on."""

    def __init__(self, site: Site, spawn: Spawn) -> None:
        self._site, self._spawn = site, spawn

    def reconcile(self, key: Key) -> None:
        """Look at one Backup."""
        backup = self._site.peek(BACKUPS, key[1])
        match "gone" if backup is None else phase_of(backup):
            case "" | "New":
                self._enqueue(key[1])
            case "Queued":
                self._dequeue()
            case "ReadyToStart":
                self._begin(key[1])
            case "Finalizing" | "FinalizingPartiallyFailed":
                self._spawn(self._finish(key[1]))
            case _:
                self._dequeue()

    def recover(self) -> None:
        """After a start: what was in progress is lost."""
        for backup in self._site.store.list(BACKUPS, NAMESPACE):
            if phase_of(backup) == "InProgress":
                why = 'found a backup with status "InProgress" during the server starting, '
                self._fail(backup["metadata"]["name"], f'{why}mark it as "Failed"')

    # -- the queue ---------------------------------------------------------------------------

    def _queued(self) -> list[Json]:
        found = [b for b in self._site.store.scan(BACKUPS, NAMESPACE) if phase_of(b) == "Queued"]
        return sorted(found, key=lambda b: b["status"].get("queuePosition", 0))

    def _enqueue(self, name: str) -> None:
        queued = self._queued()
        last = queued[-1]["status"].get("queuePosition", 0) if queued else 0
        status = {"phase": "Queued", "queuePosition": last + 1}
        self._site.patch(BACKUPS, name, lambda o: o.setdefault("status", {}).update(status))

    def _dequeue(self) -> None:
        """Let the first in the queue start, if none runs."""
        everything = self._site.store.scan(BACKUPS, NAMESPACE)
        queued = self._queued()
        if not queued or any(phase_of(b) in _RUNNING for b in everything):
            return

        def start(obj: Json) -> None:
            obj["status"]["phase"] = "ReadyToStart"
            obj["status"].pop("queuePosition", None)

        self._site.patch(BACKUPS, queued[0]["metadata"]["name"], start)
        for position, waiting in enumerate(queued[1:], start=1):
            self._move(waiting["metadata"]["name"], position)

    def _move(self, name: str, position: int) -> None:
        self._site.patch(BACKUPS, name, lambda o: o["status"].update(queuePosition=position))

    # -- validation --------------------------------------------------------------------------

    def _begin(self, name: str) -> None:
        def prepare(obj: Json) -> None:
            obj["status"].update(self._prepared(obj))

        begun = self._site.patch(BACKUPS, name, prepare)
        if begun is not None and phase_of(begun) == "InProgress":
            self._spawn(self._run(begun))

    def _prepared(self, backup: Json) -> Json:
        """Fill a Backup's spec and return its first status."""
        site, spec, meta = self._site, backup["spec"], backup["metadata"]
        ttl = duration(spec.get("ttl"), TTL)
        spec["ttl"] = go_duration(ttl)
        for name, value in (
            ("csiSnapshotTimeout", "10m0s"), ("itemOperationTimeout", "4h0m0s"),
            ("snapshotMoveData", False), ("defaultVolumesToFsBackup", False),
            ("hooks", {}), ("metadata", {}),
        ):  # fmt: skip
            if spec.get(name) is None:
                spec[name] = value
        found = self._choose_location(spec)
        meta.setdefault("labels", {})["velero.io/storage-location"] = label_value(
            spec["storageLocation"]
        )
        major, minor, _ = site.kube_version.removeprefix("v").split(".", 2)
        meta.setdefault("annotations", {}).update({
            f"{_SOURCE}gitversion": site.kube_version,
            f"{_SOURCE}major-version": major,
            f"{_SOURCE}minor-version": minor,
            "velero.io/resource-timeout": "10m0s",
        })  # fmt: skip
        found += problems(spec)
        left = [
            home["metadata"]["name"] for home in site.store.scan(NAMESPACES)
            if (home["metadata"].get("labels") or {}).get("velero.io/exclude-from-backup") == "true"
        ]  # fmt: skip
        if left:
            spec["excludedNamespaces"] = [*(spec.get("excludedNamespaces") or ()), *left]
        spec["includedNamespaces"] = spec.get("includedNamespaces") or ["*"]
        now = site.now()
        status: Json = {
            "version": 1,
            "formatVersion": "1.1.0",
            "expiration": timestamp(now + timedelta(seconds=ttl)),
        }
        if found:
            return {**status, "phase": "FailedValidation", "validationErrors": found}
        return {**status, "phase": "InProgress", "startTimestamp": timestamp(now)}

    def _choose_location(self, spec: Json) -> list[str]:
        """Name the location that is used; returns why it cannot be."""
        asked = spec.get("storageLocation")
        known = self._site.store.scan(LOCATIONS, NAMESPACE)
        usual = (b["metadata"]["name"] for b in known if b["spec"].get("default"))
        name = spec["storageLocation"] = asked or next(usual, "default")
        location = self._site.location(name)
        if location is None:
            which = (
                f"default {name} was not found"
                if asked
                else f"server default {name} does not exist"
            )
            return [
                "an existing backup storage location was not specified at backup creation time "
                f"and the {which}. Please address this issue (see `velero backup-location -h` "
                "for options) and create a new backup. Error: "
                f'backupstoragelocations.velero.io "{name}" not found'
            ]
        found = []
        head = "backup can't be created because"
        if location["spec"].get("accessMode") == "ReadOnly":
            found.append(f"{head} backup storage location {name} is currently in read-only mode")
        if not available(location):
            found.append(f"{head} BackupStorageLocation {name} is in Unavailable status.")
        return found

    # -- run and end -------------------------------------------------------------------------

    async def _run(self, backup: Json) -> None:
        name = backup["metadata"]["name"]
        await self._site.pause(self._site.tempo.step)
        try:
            await backing.run(self._site, backup)
        except backing.RunFailed as error:
            self._fail(name, f"backup execution failed: {error}")

    async def _finish(self, name: str) -> None:
        await self._site.pause(self._site.tempo.step)
        backup = self._site.store.find(BACKUPS, NAMESPACE, name)
        if backup is None or not phase_of(backup).startswith("Finalizing"):
            return
        whole = phase_of(backup) == "Finalizing"
        status = {
            "phase": "Completed" if whole else "PartiallyFailed",
            "completionTimestamp": self._site.stamp(),
        }
        backup["status"].update(status)
        location = self._site.location(backup["spec"]["storageLocation"])
        while location is not None:  # the end is written again until the store takes it
            try:
                self._site.artefacts(location).put_metadata(backup)
                break
            except StoreError:
                await asyncio.sleep(max(self._site.tempo.step, 0.05))
        self._site.patch(BACKUPS, name, lambda o: o["status"].update(status))

    def _fail(self, name: str, why: str) -> None:
        status = {
            "phase": "Failed", "failureReason": why, "completionTimestamp": self._site.stamp(),
        }  # fmt: skip
        self._site.patch(BACKUPS, name, lambda o: o["status"].update(status))
