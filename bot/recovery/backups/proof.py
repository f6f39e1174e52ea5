"""Which volumes of a backup really hold data, and why the others do not. Pure.

`Completed` can mean that a volume was passed over with a warning; what counts is the list of
volumes that Velero stored with the backup, and its records of copies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.recovery.which.matching import claims_of
from bot.recovery.words.causes import AGAIN, LEFT_OUT, UNANNOTATE, known
from bot.releases.words import listed
from integrations.velero.errors import store_cause
from integrations.velero.models import VolumeBackup, VolumeInfo

Object = Mapping[str, Any]
Key = tuple[str, str]
"""Namespace and claim."""

TAKEN = "backup.velero.io/backup-volumes"
DUMP_HOOK = "pre.hook.backup.velero.io/command"
_METHODS = {
    "PodVolumeBackup": "copied as files",
    "CSISnapshot": "snapshot",
    "NativeSnapshot": "snapshot",
}
_DUMP = "dump in "


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about the volumes of one backup.

    Attributes:
        claims: Those that it holds.
        infos: What Velero stored about volumes; empty when it could not be fetched.
        copies: Its records of volumes copied as files.
        pods: Those of the backup's namespaces, as they are now.
        volumes: The PersistentVolumes behind the claims, as far as they may be read.
        spec: The Backup's.
    """

    claims: Sequence[Key]
    infos: Sequence[VolumeInfo] = ()
    copies: Sequence[VolumeBackup] = ()
    pods: Sequence[Object] = ()
    volumes: Mapping[Key, Object] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Protected:
    """A claim whose data is stored.

    Attributes:
        how: `copied as files`, `snapshot`, or which pod's dump holds it.
        size: Bytes, where known.
    """

    claim: str
    how: str
    size: int | None

    @property
    def dumped(self) -> bool:
        """Its data is in another volume, as a dump; of the claim itself nothing is stored."""
        return self.how.startswith(_DUMP)


@dataclass(frozen=True, slots=True)
class Unprotected:
    """A claim whose data is not stored: why, and what to do, one clause each."""

    claim: str
    cause: str
    mend: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What is stored and what is not.

    Attributes:
        size: Bytes of all volumes stored; None when nothing is known.
    """

    protected: tuple[Protected, ...] = ()
    unprotected: tuple[Unprotected, ...] = ()
    size: int | None = None


def prove(e: Evidence) -> Proof:
    """Tells for each claim whether its data is stored."""
    single = len({namespace for namespace, _ in e.claims}) < 2
    kept: list[Protected] = []
    lost: list[Unprotected] = []
    for key in sorted(set(e.claims)):
        name = key[1] if single else "/".join(key)
        found = _stored(key, e) or _dumped(key, e)
        if found is not None:
            kept.append(Protected(name, *found))
        else:
            lost.append(Unprotected(name, *_cause(key, e)))
    return Proof(tuple(kept), tuple(lost), _size(e))


def _size(e: Evidence) -> int | None:
    """Bytes of all copies, of volumes without a claim too."""
    sizes = [c.total_bytes for c in e.copies if c.phase == "Completed"]
    if not sizes:
        sizes = [info.size for info in e.infos if info.stored and info.size is not None]
    return sum(sizes) if sizes else None


def _stored(key: Key, e: Evidence) -> tuple[str, int | None] | None:
    for info in e.infos:
        if (info.namespace, info.claim) == key and info.stored:
            return _METHODS.get(info.method, "stored"), info.size
    for copy in e.copies:
        if (copy.namespace, copy.claim) == key and copy.phase == "Completed":
            return _METHODS["PodVolumeBackup"], copy.total_bytes
    return None


def _dumped(key: Key, e: Evidence) -> tuple[str, int | None] | None:
    """A claim left out on purpose, whose data a hook wrote into a volume that was copied.

    That may be another pod's of the same controller: one member of a database dumps for all.
    """
    for pod in _mounting(key, e):
        notes = _notes(pod)
        if not notes.get(DUMP_HOOK) or not _left_out(pod, key[1], e):
            continue
        dumps = set(_words(notes.get(TAKEN, "")))
        family = {str(p["metadata"]["name"]) for p in e.pods if _family(p) == _family(pod)}
        for copy in e.copies:
            told = copy.namespace == key[0] and copy.pod in family and copy.volume in dumps
            if told and copy.phase == "Completed" and copy.total_bytes > 0:
                return f"{_DUMP}{copy.pod}'s volume {copy.volume}", copy.total_bytes
    return None


def _left_out(pod: Object, claim: str, e: Evidence) -> bool:
    mounts = [volume for volume, found in claims_of(pod).items() if found == claim]
    notes = _notes(pod)
    if e.spec.get("defaultVolumesToFsBackup"):
        return any(mount in _words(notes.get(LEFT_OUT, "")) for mount in mounts)
    return not any(mount in _words(notes.get(TAKEN, "")) for mount in mounts)


def _mounting(key: Key, e: Evidence) -> list[Object]:
    return [
        pod
        for pod in e.pods
        if pod["metadata"].get("namespace") == key[0] and key[1] in claims_of(pod).values()
    ]


def _family(pod: Object) -> tuple[str, str]:
    """What pods of one controller share; a pod without one is alone."""
    meta = pod["metadata"]
    owners = meta.get("ownerReferences") or [{"uid": meta.get("uid") or meta["name"]}]
    return str(meta.get("namespace")), str(owners[0].get("uid"))


def _notes(pod: Object) -> Mapping[str, str]:
    return pod["metadata"].get("annotations") or {}


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _cause(key: Key, e: Evidence) -> tuple[str, str]:
    """Why a claim's data is not stored, and what mends it; the surest evidence first."""
    for copy in e.copies:
        if (copy.namespace, copy.claim) == key:
            why = store_cause(copy.message) if copy.message else copy.phase
            return f"its copy failed: {why}", f"Mend that, {AGAIN}"
    source = (e.volumes.get(key) or {}).get("spec") or {}
    if "hostPath" in source:
        return (
            "it is a directory of a node (hostPath), which Velero does not copy",
            "Make the volume anew as a local one: annotate its StorageClass with "
            "`defaultVolumeType: local` (k3s), or use another class",
        )
    info = next((i for i in e.infos if (i.namespace, i.claim) == key), None)
    copying = bool(e.spec.get("defaultVolumesToFsBackup"))
    if not copying and e.spec.get("snapshotVolumes") is False and not _chosen(key, e):
        return (
            "this backup saves no volumes",
            "Set `backup.volumes: copy` for the app in onprem.yaml, or annotate its pods with "
            f"`{TAKEN}`",
        )
    return _told(info, key, e) or _seen(info, key, e)


def _chosen(key: Key, e: Evidence) -> bool:
    return any(not _left_out(pod, key[1], e) for pod in _mounting(key, e))


_UNFIT = re.compile(r"volumeSnapshot: not satisfy the criteria[^;]*;?", re.IGNORECASE)
"""Said of every volume that is meant to be copied as files; tells nothing."""


def _told(info: VolumeInfo | None, key: Key, e: Evidence) -> tuple[str, str] | None:
    """What Velero itself gives as the reason."""
    said = _UNFIT.sub("", info.reason) if info else ""
    if found := known(said):
        return found
    if not said and any(_left_out(pod, key[1], e) for pod in _mounting(key, e)):
        pod = _mounting(key, e)[0]["metadata"]["name"]
        return f"an annotation of pod {pod} leaves it out", UNANNOTATE
    return None


def _seen(info: VolumeInfo | None, key: Key, e: Evidence) -> tuple[str, str]:
    """What the cluster shows where Velero says nothing that is known."""
    pods = _mounting(key, e)
    running = [p for p in pods if (p.get("status") or {}).get("phase") == "Running"]
    if not pods:
        return (
            "no pod mounts it, and Velero copies volumes of running pods only",
            f"Start what uses it, or delete the claim, {AGAIN}",
        )
    if not running:
        names = listed((str(p["metadata"]["name"]) for p in pods), 3)
        return f"{names} is not running", f"Bring the pod up, {AGAIN}"
    if info is not None and info.result == "failed":
        return "its snapshot failed", "Velero's log says more"
    said = " ".join(info.reason.split())[:160].rstrip(";") if info and info.reason else ""
    return said or "Velero says nothing of it", "Velero's log may say more"
