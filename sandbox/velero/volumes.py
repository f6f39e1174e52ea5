"""What becomes of the data on volumes: which is copied, which is skipped, and why.

Follows ``internal/volumehelper``, ``pkg/podvolume`` and ``pkg/backup/pv_skip_tracker.go`` of
velero v1.18.3 with the file-system uploader; there are no snapshots in the practice world.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from sandbox.kube.controllers.meta import owner_ref
from sandbox.kube.resources import PERSISTENTVOLUMECLAIMS, PERSISTENTVOLUMES, PODS
from sandbox.velero.artefacts import Artefacts
from sandbox.velero.definitions import VOLUME_BACKUPS
from sandbox.velero.gathering import claims_of
from sandbox.velero.journal import Journal
from sandbox.velero.objectstore import StoreError
from sandbox.velero.site import Site, label_value

Json = dict[str, Any]

TO_BACKUP = "backup.velero.io/backup-volumes"
TO_EXCLUDE = "backup.velero.io/backup-volumes-excludes"
CLAIM_NOTE = "velero.io/pvc-name"
_NEVER = ("hostPath", "secret", "configMap", "projected", "downwardAPI")
_UNFIT = "not satisfy the criteria for VolumePolicy or the legacy snapshot way"


def wanted(volume: Json, pod: Json, *, by_default: bool) -> bool:
    """Whether a pod's volume is to be copied: named to be, or not named to be left out."""
    if any(volume.get(source) for source in _NEVER) or volume["name"].startswith("default-token"):
        return False
    return _chosen(volume["name"], pod, by_default=by_default)


def _chosen(name: str, pod: Json, *, by_default: bool) -> bool:
    notes = pod["metadata"].get("annotations") or {}
    if by_default:
        return name not in notes.get(TO_EXCLUDE, "").split(",")
    return name in notes.get(TO_BACKUP, "").split(",")


@dataclass(slots=True)
class Copies:
    """The volumes of one backup.

    Attributes:
        made: The PodVolumeBackups, as they ended.
        skipped: PersistentVolume → approach → reason.
    """

    site: Site
    backup: Json
    artefacts: Artefacts
    journal: Journal
    made: list[Json] = field(default_factory=list)
    skipped: dict[str, dict[str, str]] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _copied: set[str] = field(default_factory=set)

    @property
    def by_default(self) -> bool:
        """Whether volumes are copied unless somebody says otherwise."""
        return bool(self.backup["spec"].get("defaultVolumesToFsBackup"))

    async def save_pod(self, pod: Json) -> str:
        """Copy a pod's volumes; returns why the pod could not be saved, empty for nothing."""
        todo = []
        claims = claims_of(pod)
        for volume in pod["spec"].get("volumes") or ():
            claim = claims.get(volume["name"], "")
            if wanted(volume, pod, by_default=self.by_default):
                key = self.site.disks.key(pod, volume["name"])
                if key not in self._taken:
                    self._taken.add(key)
                    todo.append(volume)
            elif claim:
                name = pod["metadata"]["name"]
                self._skip(pod, claim, "podvolume", f"opted out due to annotation in pod {name}")
        return await self._save(pod, todo) if todo else ""

    async def _save(self, pod: Json, volumes: list[Json]) -> str:
        meta, claims = pod["metadata"], claims_of(pod)
        named = f"{meta['namespace']}/{meta['name']}"
        why = ""
        if (pod.get("status") or {}).get("phase") != "Running":
            why = "pod is not running"
        elif not self.site.agent_runs_on(pod["spec"]["nodeName"]):
            node = pod["spec"]["nodeName"]
            why = f"daemonset pod not found in running state in node {node}"
        if why:
            for volume in volumes:
                self.journal.warn(f"Skip pod volume {volume['name']}", error=why)
                if volume["name"] in claims:
                    text = f"encountered a problem with backing up the PVC of pod {named}: {why}"
                    self._skip(pod, claims[volume["name"]], "podvolume", text)
            return why if why != "pod is not running" else ""
        mounted = {
            m["name"] for c in pod["spec"]["containers"] for m in c.get("volumeMounts") or ()
        }
        for volume in volumes:
            name = volume["name"]
            if self._on_host(meta["namespace"], claims.get(name, "")):
                self.journal.warn(
                    f"Volume {name} in pod {named} is a hostPath volume which is not supported "
                    "for pod volume backup, skipping"
                )
            elif name not in mounted:
                text = (
                    f"volume {name} is declared in pod {named} but not mounted by any container, "
                    "skipping"
                )
                self.journal.warn(text)
                if name in claims:
                    self._skip(pod, claims[name], "podvolume", text)
            else:
                await self._copy(pod, name, claims.get(name, ""))
        return ""

    async def _copy(self, pod: Json, volume: str, claim: str) -> None:
        """One volume into the store, told by a PodVolumeBackup."""
        site, faults = self.site, self.site.faults
        request = _request(self.backup, pod, volume, claim, self._uid(pod, claim))
        made = site.create(VOLUME_BACKUPS, f"{self.backup['metadata']['name']}-", **request)
        name = made["metadata"]["name"]
        for phase in ("Accepted", "Prepared", "InProgress"):
            self._mark(name, phase=phase)
            await faults.moving()
        content = site.disks.read(site.disks.key(pod, volume))
        if claim and not content:  # nobody has written, but a file system is never quite empty
            content = {"origin": f"{pod['metadata']['namespace']}/{claim}"}
        total = size(content)
        self._mark(name, startTimestamp=site.stamp(),
                   progress={"totalBytes": total, "bytesDone": total // 2})  # fmt: skip
        await site.pause(site.tempo.volume)
        await faults.moving()
        try:
            if faults.volumes_fail:
                raise StoreError("a fault was asked for")
            self._stored(name, content, total)
            self._untrack(pod, claim)
        except StoreError as error:
            text = f"Data path async failed: error running backup: {error}"
            self._mark(name, phase="Failed", message=text, completionTimestamp=site.stamp())
            self.journal.error(f"pod volume backup failed: {text}")
            self._untrack(pod, claim)
        self.made.append(site.peek(VOLUME_BACKUPS, name) or made)

    def _stored(self, name: str, content: Json, total: int) -> None:
        done: Json = {"phase": "Completed", "completionTimestamp": self.site.stamp()}
        if content:
            done["snapshotID"] = secrets.token_hex(16)
            done["path"] = f"/host_pods/{name}"
            self.artefacts.put_volume(done["snapshotID"], content)
        else:
            done["message"] = "volume was empty so no snapshot was taken"
        self._mark(name, progress={"totalBytes": total, "bytesDone": total}, **done)

    def _mark(self, name: str, **status: Any) -> None:
        self.site.patch(VOLUME_BACKUPS, name, lambda o: o.setdefault("status", {}).update(status))

    def _uid(self, pod: Json, claim: str) -> str:
        return self.site.disks.claim(pod["metadata"]["namespace"], claim) if claim else ""

    def _on_host(self, namespace: str, claim: str) -> bool:
        volume = self._volume(namespace, claim)
        return volume is not None and "hostPath" in volume["spec"]

    def _volume(self, namespace: str, claim: str) -> Json | None:
        found = self.site.store.peek(PERSISTENTVOLUMECLAIMS, namespace, claim) if claim else None
        name = (found or {"spec": {}})["spec"].get("volumeName")
        return self.site.store.peek(PERSISTENTVOLUMES, None, name) if name else None

    # -- what is not copied ------------------------------------------------------------------

    def _skip(self, pod: Json, claim: str, approach: str, reason: str) -> None:
        volume = self._volume(pod["metadata"]["namespace"], claim)
        if volume is not None and volume["metadata"]["name"] not in self._copied:
            self.skipped.setdefault(volume["metadata"]["name"], {})[approach] = reason

    def _untrack(self, pod: Json, claim: str) -> None:
        volume = self._volume(pod["metadata"]["namespace"], claim)
        if volume is not None:
            self._copied.add(volume["metadata"]["name"])
            self.skipped.pop(volume["metadata"]["name"], None)

    def save_volume(self, volume: Json) -> None:
        """Note why a PersistentVolume gets no snapshot: there is nobody to make one."""
        name, spec = volume["metadata"]["name"], self.backup["spec"]
        if name in self._copied:
            return
        ref = volume["spec"].get("claimRef") or {}
        meant = any(
            claim == ref.get("name") and _chosen(mount, pod, by_default=self.by_default)
            for pod in self.site.store.scan(PODS, ref.get("namespace") or "-")
            for mount, claim in claims_of(pod).items()
        )
        off = meant or spec.get("snapshotVolumes") is False
        reason = _UNFIT if off else "no applicable volumesnapshotter found"
        self.skipped.setdefault(name, {})["volumeSnapshot"] = reason

    def infos(self, volumes: list[Json]) -> list[Json]:
        """Return what is stored of all volumes, as ``BackupVolumeInfos`` lists it."""
        by_name = {volume["metadata"]["name"]: volume for volume in volumes}
        found = [
            {**_about(by_name[name]), "snapshotDataMoved": False, "preserveLocalSnapshot": False,
             "skipped": True,
             "skippedReason": "".join(f"{a}: {r};" for a, r in sorted(reasons.items()))}
            for name, reasons in sorted(self.skipped.items()) if name in by_name
        ]  # fmt: skip
        for copy in self.made:
            claim = (copy["metadata"].get("annotations") or {}).get(CLAIM_NOTE)
            volume = self._volume(copy["spec"]["pod"]["namespace"], claim or "")
            if claim and (volume is None or volume["metadata"]["name"] not in by_name):
                continue
            found.append(_copied_info(copy, volume))
        return found


def _copied_info(copy: Json, volume: Json | None) -> Json:
    spec, status = copy["spec"], copy["status"]
    info = {
        "snapshotHandle": status.get("snapshotID", ""),
        "size": (status.get("progress") or {}).get("totalBytes", 0),
        "uploaderType": spec["uploaderType"],
        "volumeName": spec["volume"],
        "podName": spec["pod"]["name"],
        "podNamespace": spec["pod"]["namespace"],
        "nodeName": spec["node"],
        "Phase": status["phase"],
    }
    times = {n: status[n] for n in ("startTimestamp", "completionTimestamp") if n in status}
    return {
        **(_about(volume) if volume is not None else {}),
        "backupMethod": "PodVolumeBackup",
        "snapshotDataMoved": False,
        "preserveLocalSnapshot": False,
        "skipped": False,
        **times,
        "result": "succeeded" if status["phase"] == "Completed" else "failed",
        "pvbInfo": {name: value for name, value in info.items() if value},
    }


def _about(volume: Json) -> Json:
    ref = volume["spec"].get("claimRef") or {}
    named = {
        "pvcName": ref.get("name"),
        "pvcNamespace": ref.get("namespace"),
        "pvName": volume["metadata"]["name"],
    }
    return {
        **{name: value for name, value in named.items() if value},
        "pvInfo": {
            "reclaimPolicy": volume["spec"].get("persistentVolumeReclaimPolicy", ""),
            "labels": volume["metadata"].get("labels"),
        },
    }


def size(content: Json) -> int:
    """How many bytes a volume's content counts for."""
    return 4096 + len(json.dumps(content)) if content else 0


def _request(backup: Json, pod: Json, volume: str, claim: str, claim_uid: str) -> Json:
    meta, name = pod["metadata"], backup["metadata"]["name"]
    labels = {
        "velero.io/backup-name": label_value(name),
        "velero.io/backup-uid": backup["metadata"]["uid"],
    }
    tags = {
        "backup": name, "backup-uid": backup["metadata"]["uid"], "pod": meta["name"],
        "pod-uid": meta["uid"], "ns": meta["namespace"], "volume": volume,
    }  # fmt: skip
    notes = {}
    if claim:
        notes[CLAIM_NOTE] = claim
        labels["velero.io/pvc-uid"] = tags["pvc-uid"] = claim_uid
    owner = {k: v for k, v in owner_ref(backup).items() if k != "blockOwnerDeletion"}
    return {
        "metadata": {"labels": labels, "annotations": notes, "ownerReferences": [owner]},
        "spec": {
            "node": pod["spec"]["nodeName"],
            "pod": {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"],
                    "uid": meta["uid"]},
            "volume": volume,
            "tags": tags,
            "backupStorageLocation": backup["spec"]["storageLocation"],
            "repoIdentifier": "",
            "uploaderType": "kopia",
        },
    }  # fmt: skip
