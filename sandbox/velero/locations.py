"""Backup storage locations: whether they can be used, and which backups others put there.

Follows ``pkg/controller/backup_{storage_location,sync}_controller.go`` of velero v1.18.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.kube.controllers.work import Key
from sandbox.velero.artefacts import Artefacts
from sandbox.velero.backups import phase_of
from sandbox.velero.definitions import BACKUPS, LOCATIONS, SCHEDULES, VOLUME_BACKUPS
from sandbox.velero.objectstore import StoreError
from sandbox.velero.site import NAMESPACE, Site, available, duration, label_value

Json = dict[str, Any]
Later = Callable[[str, Key, float], None]

_FINISHED = ("Completed", "PartiallyFailed", "Failed")
_PLACE = "velero.io/storage-location"


class Locations:
    """Looks at each location when its spec changes, and again and again."""

    def __init__(self, site: Site, later: Later) -> None:
        self._site, self._later = site, later
        self._due: dict[tuple[str, str], float] = {}

    def validate(self, key: Key) -> None:
        """Look whether the store behind a location can be used."""
        site = self._site
        location = site.location(key[1])
        if location is None:
            return
        self._one_default(location)
        message = ""
        try:
            site.artefacts(location).validate()
        except StoreError as error:
            message = f'BackupStorageLocation "{key[1]}" is unavailable: {error}'

        def write(obj: Json) -> None:
            status = obj.setdefault("status", {})
            status["phase"] = "Unavailable" if message else "Available"
            status["lastValidationTime"] = site.stamp()
            status.pop("message", None)
            if message:
                status["message"] = message

        site.patch(LOCATIONS, key[1], write)
        every = duration(location["spec"].get("validationFrequency"), site.tempo.validation)
        self._again("validate", key, every)

    def _again(self, lane: str, key: Key, every: float) -> None:
        """Look again in a while; one look that is due later is enough."""
        now = self._site.now().timestamp()
        if self._due.get((lane, key[1]), 0.0) <= now + 0.01 or every < 0:
            self._due[lane, key[1]] = now + every
            self._later(lane, key, every)

    def _one_default(self, location: Json) -> None:
        """Of several defaults only the youngest stays one."""
        known = self._site.store.scan(LOCATIONS, NAMESPACE)
        defaults = [b for b in known if b["spec"].get("default")]
        if len(defaults) < 2:
            return
        newest = max(defaults, key=lambda b: b["metadata"]["creationTimestamp"])
        for other in defaults:
            if other is not newest:
                name = other["metadata"]["name"]
                self._site.patch(LOCATIONS, name, lambda o: o["spec"].update(default=False))

    def sync(self, key: Key) -> None:
        """Bring backups that only the store knows into the cluster, and the other way round."""
        site = self._site
        location = site.location(key[1])
        if location is None:
            return
        period = location["spec"].get("backupSyncPeriod")
        every = duration(period, 0.0) if period is not None else site.tempo.sync
        if every <= 0:
            return
        self._again("sync", key, every)
        if not available(location):
            return
        artefacts = site.artefacts(location)
        try:
            stored = set(artefacts.backups())
            known = {b["metadata"]["name"] for b in site.store.scan(BACKUPS, NAMESPACE)}
            for name in sorted(stored - known):
                self._bring(artefacts, key[1], name)
        except StoreError:
            return
        for backup in site.store.list(BACKUPS, NAMESPACE):
            mine = (backup["metadata"].get("labels") or {}).get(_PLACE) == label_value(key[1])
            ended = phase_of(backup) in ("Completed", "PartiallyFailed")
            if mine and ended and backup["metadata"]["name"] not in stored:
                site.store.delete(BACKUPS, NAMESPACE, backup["metadata"]["name"])
        stamp = site.stamp()
        site.patch(
            LOCATIONS, key[1], lambda o: o.setdefault("status", {}).update(lastSyncedTime=stamp)
        )

    def _bring(self, artefacts: Artefacts, place: str, name: str) -> None:
        backup = artefacts.metadata(name)
        if backup is None or not self._may_come(backup):
            return
        meta = backup["metadata"]
        for field in ("resourceVersion", "uid", "namespace", "creationTimestamp", "generation"):
            meta.pop(field, None)
        owners = [
            owner
            for owner in meta.get("ownerReferences") or ()
            if (self._site.peek(SCHEDULES, owner["name"]) or {"metadata": {}})["metadata"].get(
                "uid"
            )
            == owner["uid"]
        ]
        meta["ownerReferences"] = owners
        backup["spec"] |= {"storageLocation": place, "hooks": {}}
        meta["labels"] = {**(meta.get("labels") or {}), _PLACE: label_value(place)}
        made = self._site.create(
            BACKUPS, name, metadata=meta, spec=backup["spec"], status=backup["status"]
        )
        for copy in artefacts.json("PodVolumeBackups", name) or ():
            self._bring_copy(copy, made, place)

    def _may_come(self, backup: Json) -> bool:
        """Whether a backup is one that has ended; half-done ones come once they expired."""
        phase, expires = phase_of(backup), backup["status"].get("expiration", "")
        if phase in _FINISHED:
            return True
        if phase.startswith(("Waiting", "Finalizing")) and expires < self._site.stamp():
            backup["status"]["phase"] = "PartiallyFailed"
            return True
        return False

    def _bring_copy(self, copy: Json, backup: Json, place: str) -> None:
        meta, uid = copy["metadata"], backup["metadata"]["uid"]
        if self._site.peek(VOLUME_BACKUPS, meta["name"]) is not None:
            return
        for owner in meta.get("ownerReferences") or ():
            owner["uid"] = uid
        meta["labels"]["velero.io/backup-uid"] = uid
        copy["spec"]["backupStorageLocation"] = place
        for field in ("resourceVersion", "uid", "namespace", "generateName"):
            meta.pop(field, None)
        self._site.create(
            VOLUME_BACKUPS, meta["name"], metadata=meta, spec=copy["spec"], status=copy["status"]
        )
