"""What a backup or restore left in the store: results, volumes, the list of its objects.

The formats are those of Velero's ``pkg/util/results``, ``internal/volume`` and of the resource
lists that ``velero … describe --details`` shows; they are read leniently, unknown fields are
passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from integrations.velero.errors import DownloadFailed
from integrations.velero.values import Raw, part

Scope = Literal["velero", "cluster", "namespace"]
Action = Literal["created", "updated", "failed", "skipped", ""]
_ACTIONS: Mapping[str, Action] = {
    "created": "created", "updated": "updated", "failed": "failed", "skipped": "skipped",
}  # fmt: skip
_ENTRY = re.compile(r"(?P<what>.*?)(?:\((?P<action>[a-z]+)\))?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Remark:
    """One warning or error; ``namespace`` only when the scope is one."""

    scope: Scope
    namespace: str
    text: str


@dataclass(frozen=True, slots=True)
class Results:
    """All warnings and errors of a run."""

    errors: tuple[Remark, ...] = ()
    warnings: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeInfo:
    """What became of one volume in a backup.

    Attributes:
        claim: Its claim; empty for a pod volume without one.
        volume: The PersistentVolume, or the volume's name in the pod.
        method: ``PodVolumeBackup``, ``NativeSnapshot``, ``CSISnapshot``, or empty.
        skipped: Its data was left out on purpose; ``reason`` says why.
        result: ``succeeded``, ``failed`` or empty.
        size: Bytes, where the server knows them.
        stored: Its data is really stored. Only a restore proves that it can be read back.
    """

    namespace: str
    claim: str
    volume: str
    method: str
    skipped: bool
    reason: str
    result: str
    size: int | None
    stored: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a run.

    Attributes:
        kind: With its group: ``apps/v1/Deployment``, ``v1/Secret``.
        namespace: Empty for objects outside of namespaces.
        action: What a restore did with it; empty for a backup.
    """

    kind: str
    namespace: str
    name: str
    action: Action = ""


def results(text: str) -> Results:
    """Read ``BackupResults`` or ``RestoreResults``.

    Raises:
        DownloadFailed: It is not what it should be.
    """
    found = _mapping(_json(text))
    return Results(
        errors=tuple(_remarks(part(found, "errors"))),
        warnings=tuple(_remarks(part(found, "warnings"))),
    )


def _remarks(result: Raw) -> Iterator[Remark]:
    for text in result.get("velero") or ():
        yield Remark("velero", "", str(text))
    for text in result.get("cluster") or ():
        yield Remark("cluster", "", str(text))
    for namespace, texts in part(result, "namespaces").items():
        for text in texts or ():
            yield Remark("namespace", str(namespace), str(text))


def volume_infos(text: str) -> tuple[VolumeInfo, ...]:
    """Read ``BackupVolumeInfos``.

    Raises:
        DownloadFailed: It is not what it should be.
    """
    found = _json(text)
    if found is None:
        return ()
    if not isinstance(found, list):
        raise _unreadable(text)
    return tuple(_volume(_mapping(one)) for one in found)


def _volume(raw: Raw) -> VolumeInfo:
    skipped, result = bool(raw.get("skipped")), str(raw.get("result") or "")
    copied = part(raw, "pvbInfo")
    snapshot = part(raw, "csiSnapshotInfo")
    moved = part(raw, "snapshotDataMovementInfo")
    # A PodVolumeBackup knows its size also when it is 0; Go leaves that one out.
    sizes = [int(p.get("size") or 0) for p in (copied, moved, snapshot) if p]
    return VolumeInfo(
        namespace=str(raw.get("pvcNamespace") or copied.get("podNamespace") or ""),
        claim=str(raw.get("pvcName") or ""),
        volume=str(raw.get("pvName") or copied.get("volumeName") or ""),
        method=str(raw.get("backupMethod") or ""),
        skipped=skipped,
        reason=str(raw.get("skippedReason") or ""),
        result=result,
        size=next(iter(sizes), None),
        stored=not skipped and result == "succeeded",
    )


def entries(text: str) -> tuple[Entry, ...]:
    """Read ``BackupResourceList`` or ``RestoreResourceList``: kind → ``ns/name(action)``.

    Raises:
        DownloadFailed: It is not what it should be.
    """
    found = _mapping(_json(text))
    return tuple(_entry(str(kind), str(one)) for kind, all_ in found.items() for one in all_ or ())


def _entry(kind: str, text: str) -> Entry:
    match = _ENTRY.match(text)
    what, action = (match["what"], match["action"] or "") if match else (text, "")
    namespace, _, name = what.rpartition("/")
    return Entry(kind, namespace, name, _ACTIONS.get(action, ""))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as exc:
        raise _unreadable(text) from exc


def _mapping(found: Any) -> Raw:
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _unreadable(json.dumps(found))
    return found


def _unreadable(text: str) -> DownloadFailed:
    return DownloadFailed(
        "What Velero stored about this run is not readable.",
        hint="Look at the file in the store; it may be damaged.",
        detail=text[:2000],
    )
