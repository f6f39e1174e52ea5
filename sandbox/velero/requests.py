"""Small requests to the server: an artefact's address, its version, a backup's removal.

Follows ``pkg/controller/{download_request,server_status_request,backup_deletion,gc}_controller.go``
of velero v1.18.3.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sandbox.kube.clock import parse_timestamp, timestamp
from sandbox.kube.controllers.work import Key
from sandbox.velero.artefacts import KINDS, RESTORE_KINDS, URL_LIVES
from sandbox.velero.backups import ACTIVE, Spawn, phase_of
from sandbox.velero.definitions import (
    BACKUPS,
    DELETIONS,
    DOWNLOADS,
    RESTORES,
    STATUS_REQUESTS,
    VOLUME_BACKUPS,
)
from sandbox.velero.objectstore import StoreError
from sandbox.velero.site import NAMESPACE, VERSION, Site, available, label_value

Json = dict[str, Any]
Later = Callable[[str, Key, float], None]

STATUS_LIVES = 60.0
_PLUGINS = (
    ("velero.io/pod", "BackupItemActionV2"), ("velero.io/pv", "BackupItemActionV2"),
    ("velero.io/service-account", "BackupItemActionV2"),
    ("velero.io/pod", "ItemBlockAction"), ("velero.io/pvc", "ItemBlockAction"),
    ("velero.io/aws", "ObjectStore"), ("velero.io/job", "RestoreItemActionV2"),
    ("velero.io/pod", "RestoreItemActionV2"),
    ("velero.io/pod-volume-restore", "RestoreItemActionV2"),
    ("velero.io/service", "RestoreItemActionV2"), ("velero.io/aws", "VolumeSnapshotter"),
)  # fmt: skip
_READ_ONLY = "BSLReadOnly"
_GC_FAILURE = "velero.io/gc-failure"


class Requests:
    """Answers requests, and makes those that remove expired backups."""

    def __init__(self, site: Site, spawn: Spawn, later: Later) -> None:
        self._site, self._spawn, self._later = site, spawn, later

    def download(self, key: Key) -> None:
        """Give a DownloadRequest its address, or remove it when that expired."""
        site = self._site
        request = site.peek(DOWNLOADS, key[1])
        if request is None:
            return
        status = request.get("status") or {}
        if status.get("expiration"):
            left = (parse_timestamp(status["expiration"]) - site.now()).total_seconds()
            if left <= 0:
                site.store.delete(DOWNLOADS, NAMESPACE, key[1])
            else:
                self._later("downloads", key, left)
            return
        target = request["spec"]["target"]
        fresh = {"expiration": timestamp(site.now() + URL_LIVES)}
        url = self._address(target.get("kind", ""), target.get("name", ""))
        if url:
            fresh |= {"phase": "Processed", "downloadURL": url}
        site.patch(DOWNLOADS, key[1], lambda o: o.setdefault("status", {}).update(fresh))

    def _address(self, kind: str, name: str) -> str:
        backup = name
        if kind in RESTORE_KINDS:
            restore = self._site.peek(RESTORES, name)
            backup = (restore or {"spec": {}})["spec"].get("backupName", "")
        found = self._site.peek(BACKUPS, backup)
        location = found and self._site.location(found["spec"].get("storageLocation", ""))
        if not location or kind not in KINDS:
            return ""
        return self._site.artefacts(location).url(kind, name)

    def status(self, key: Key) -> None:
        """Say who the server is."""
        request = self._site.peek(STATUS_REQUESTS, key[1])
        if request is None:
            return
        if phase_of(request) == "Processed":
            done = parse_timestamp(request["status"]["processedTimestamp"])
            left = STATUS_LIVES - (self._site.now() - done).total_seconds()
            if left <= 0:
                self._site.store.delete(STATUS_REQUESTS, NAMESPACE, key[1])
            else:
                self._later("statuses", key, left)
            return
        status = {
            "phase": "Processed",
            "processedTimestamp": self._site.stamp(),
            "serverVersion": VERSION,
            "plugins": [{"name": name, "kind": kind} for name, kind in _PLUGINS],
        }
        self._site.patch(
            STATUS_REQUESTS, key[1], lambda o: o.setdefault("status", {}).update(status)
        )

    # -- removal -----------------------------------------------------------------------------

    def delete(self, key: Key) -> None:
        """Begin the removal that a DeleteBackupRequest asks for, or say why not."""
        site = self._site
        request = site.peek(DELETIONS, key[1])
        if request is None or phase_of(request) in ("InProgress", "Processed"):
            return
        name = request["spec"].get("backupName", "")
        for other in site.store.list(DELETIONS, NAMESPACE):
            same = (other["metadata"].get("labels") or {}).get("velero.io/backup-name")
            if same == label_value(name) and other["metadata"]["name"] != key[1]:
                site.store.delete(DELETIONS, NAMESPACE, other["metadata"]["name"])
        why = self._refusal(name)
        if why:
            self._answer(key[1], [why])
            return
        backup = site.patch(BACKUPS, name, lambda o: o["status"].update(phase="Deleting"))
        uid = (backup or {"metadata": {"uid": ""}})["metadata"]["uid"]

        def begin(obj: Json) -> None:
            labels = obj["metadata"].setdefault("labels", {})
            labels.setdefault("velero.io/backup-name", label_value(name))
            labels.setdefault("velero.io/backup-uid", uid)
            obj.setdefault("status", {})["phase"] = "InProgress"

        site.patch(DELETIONS, key[1], begin)
        self._spawn(self._remove(key[1], name))

    def _refusal(self, name: str) -> str:
        if not name:
            return "spec.backupName is required"
        backup = self._site.peek(BACKUPS, name)
        if backup is None:
            return "backup not found"
        if phase_of(backup) in ACTIVE:
            return "backup is still in progress"
        place = backup["spec"].get("storageLocation", "")
        location = self._site.location(place)
        if location is None:
            return f"backup storage location {place} not found"
        head = f"cannot delete backup because backup storage location {place} is currently in"
        if location["spec"].get("accessMode") == "ReadOnly":
            return f"{head} read-only mode"
        return "" if available(location) else f"{head} Unavailable state"

    def _answer(self, request: str, errors: list[str]) -> None:
        status = {"phase": "Processed", "errors": errors}
        self._site.patch(DELETIONS, request, lambda o: o.setdefault("status", {}).update(status))

    async def _remove(self, request: str, name: str) -> None:
        site = self._site
        await site.pause(site.tempo.step)
        why = self._empty_store(name)
        for restore in site.store.list(RESTORES, NAMESPACE):
            if restore["spec"].get("backupName") == name:
                site.store.delete(RESTORES, NAMESPACE, restore["metadata"]["name"])
        backup = site.peek(BACKUPS, name)
        if why or backup is None:
            self._answer(request, [why] if why else [])
            return

        def restores_gone() -> bool:
            left = site.store.scan(RESTORES, NAMESPACE)
            return all(r["spec"].get("backupName") != name for r in left)

        await site.until(restores_gone, 60.0)
        for copy in site.store.list(VOLUME_BACKUPS, NAMESPACE):
            owners = copy["metadata"].get("ownerReferences") or [{"uid": ""}]
            if owners[0]["uid"] == backup["metadata"]["uid"]:
                site.store.delete(VOLUME_BACKUPS, NAMESPACE, copy["metadata"]["name"])
        for resource, gone in ((BACKUPS, name), (DELETIONS, request)):
            if site.peek(resource, gone) is not None:
                site.store.delete(resource, NAMESPACE, gone)

    def _empty_store(self, name: str) -> str:
        """Remove a backup's files and volumes; returns what went wrong."""
        backup = self._site.peek(BACKUPS, name)
        location = backup and self._site.location(backup["spec"]["storageLocation"])
        if not location:
            return ""
        artefacts = self._site.artefacts(location)
        try:
            for copy in artefacts.json("PodVolumeBackups", name) or ():
                artefacts.delete_volume((copy.get("status") or {}).get("snapshotID", ""))
            artefacts.delete("backups", name)
        except StoreError as error:
            return f"error removing backup from backup storage: {error}"
        return ""

    # -- expiry ------------------------------------------------------------------------------

    def collect(self, key: Key) -> None:
        """Ask for the removal of a backup that expired; look again when it will have."""
        site = self._site
        backup = site.peek(BACKUPS, key[1])
        expires = ((backup or {}).get("status") or {}).get("expiration")
        if backup is None or not expires or phase_of(backup) == "Deleting":
            return
        left = (parse_timestamp(expires) - site.now()).total_seconds()
        if left > 0:
            self._later("collect", key, min(left + 0.001, timedelta(hours=1).total_seconds()))
            return
        location = site.location(backup["spec"].get("storageLocation", ""))
        why = "BSLNotFound" if location is None else ""
        if location is not None and location["spec"].get("accessMode") == "ReadOnly":
            why = _READ_ONLY
        self._label(key[1], why)
        if why or location is None or not available(location):
            self._later("collect", key, site.tempo.collection)
            return
        uid = backup["metadata"]["uid"]
        for request in site.store.scan(DELETIONS, NAMESPACE):
            labels = request["metadata"].get("labels") or {}
            if labels.get("velero.io/backup-uid") == uid and phase_of(request) != "Processed":
                return
        labels = {"velero.io/backup-name": label_value(key[1]), "velero.io/backup-uid": uid}
        spec = {"backupName": key[1]}
        site.create(DELETIONS, f"{key[1]}-", metadata={"labels": labels}, spec=spec)

    def _label(self, name: str, why: str) -> None:
        def write(obj: Json) -> None:
            labels = obj["metadata"].setdefault("labels", {})
            labels.pop(_GC_FAILURE, None)
            if why:
                labels[_GC_FAILURE] = why

        self._site.patch(BACKUPS, name, write)
