"""Backups, restores, schedules as frozen records. Times: microseconds UTC, None when unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from integrations.velero import kinds
from integrations.velero.values import Raw, micros, part, seconds

FINISHED = frozenset({"Completed", "PartiallyFailed", "Failed", "FailedValidation"})
"""Phases of a Backup or Restore after which nothing more comes."""
USABLE = frozenset({"Completed", "PartiallyFailed"})


@dataclass(frozen=True, slots=True)
class _Run:
    """What Backup and Restore share.

    Attributes:
        phase: Velero's word; a new object has none and says ``New`` here.
        items_total: How many objects there are to do; best effort, 0 before it is known.
        failure: Why the run as a whole failed; empty otherwise.
        problems: Why the request was refused (phase ``FailedValidation``).
        schedule: The schedule that made the backup, or that a restore was asked for; may be empty.
    """

    name: str
    uid: str = ""
    phase: str = "New"
    schedule: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    created_at: int | None = None
    started_at: int | None = None
    completed_at: int | None = None
    items_total: int = 0
    items_done: int = 0
    warnings: int = 0
    errors: int = 0
    failure: str = ""
    problems: tuple[str, ...] = ()
    spec: Raw = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Nothing more comes."""
        return self.phase in FINISHED

    @property
    def completed(self) -> bool:
        """It ended without an error; there may be warnings."""
        return self.phase == "Completed"

    @property
    def usable(self) -> bool:
        """It ended and left something behind, if perhaps not everything."""
        return self.phase in USABLE

    @property
    def duration(self) -> int | None:
        """Microseconds from start to end; Velero counts whole seconds."""
        if self.started_at is None or self.completed_at is None:
            return None
        return max(0, self.completed_at - self.started_at)


@dataclass(frozen=True, slots=True)
class Backup(_Run):
    """One backup.

    Attributes:
        location: Name of its storage location.
        created_at: When the object came to be in this cluster; of a synced one, the sync.
        expires_at: When the server may collect it; this alone decides, not ``ttl``.
        queue_position: Its place in the server's queue, from 1; None when it is not queued.
        namespaces: Those included; empty or ``*`` for all.
        selectors: Label equalities, any one of which suffices; empty for everything.
        ttl: Seconds asked for; 0 before the server filled in its default.
        source_version: Version of the cluster that it was made in, such as ``v1.35.4``.
    """

    location: str = ""
    expires_at: int | None = None
    queue_position: int | None = None
    namespaces: tuple[str, ...] = ()
    selectors: tuple[Mapping[str, str], ...] = ()
    ttl: int = 0
    source_version: str = ""

    @property
    def deleting(self) -> bool:
        """The server is removing it."""
        return self.phase == "Deleting"

    @classmethod
    def from_object(cls, raw: Raw) -> Self:
        """Read a ``velero.io/v1`` Backup."""
        spec, status = part(raw, "spec"), part(raw, "status")
        run = _run(raw, "itemsBackedUp")
        labels, annotations = run["labels"], run["annotations"]
        return cls(
            **run,
            schedule=labels.get(kinds.SCHEDULE_NAME_LABEL, ""),
            location=str(spec.get("storageLocation") or ""),
            expires_at=micros(status.get("expiration")),
            queue_position=status.get("queuePosition") or None,
            namespaces=tuple(spec.get("includedNamespaces") or ()),
            selectors=selectors_of(spec),
            ttl=seconds(spec.get("ttl")) or 0,
            source_version=annotations.get(kinds.SOURCE_VERSION, ""),
        )


@dataclass(frozen=True, slots=True)
class Restore(_Run):
    """One restore.

    Attributes:
        backup: What it restores; the server fills it in for a restore by schedule.
        mapping: Namespace in the backup → namespace here.
        hooks: Commands that were to run in restored pods.
        hooks_failed: Those that did not run, or failed.
    """

    backup: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)
    hooks: int = 0
    hooks_failed: int = 0

    @classmethod
    def from_object(cls, raw: Raw) -> Self:
        """Read a ``velero.io/v1`` Restore."""
        spec, hooks = part(raw, "spec"), part(part(raw, "status"), "hookStatus")
        return cls(
            **_run(raw, "itemsRestored"),
            schedule=str(spec.get("scheduleName") or ""),
            backup=str(spec.get("backupName") or ""),
            mapping=dict(spec.get("namespaceMapping") or {}),
            hooks=int(hooks.get("hooksAttempted") or 0),
            hooks_failed=int(hooks.get("hooksFailed") or 0),
        )


@dataclass(frozen=True, slots=True)
class Schedule:
    """Backups made again and again.

    Attributes:
        phase: ``New``, ``Enabled`` or ``FailedValidation`` (then ``problems`` say why).
        cron: As written: five fields, ``@daily``, ``@every 1h``, perhaps ``CRON_TZ=…`` first.
        template: The ``spec`` of its backups.
        last_backup_at: When it last made one.
        last_skipped_at: When it last passed over a run, because told so.
    """

    name: str
    uid: str
    phase: str
    cron: str
    paused: bool
    problems: tuple[str, ...]
    created_at: int | None
    last_backup_at: int | None
    template: Raw
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    last_skipped_at: int | None = None

    @classmethod
    def from_object(cls, raw: Raw) -> Self:
        """Read a ``velero.io/v1`` Schedule."""
        meta, spec, status = (part(raw, p) for p in ("metadata", "spec", "status"))
        return cls(
            name=str(meta["name"]),
            uid=str(meta.get("uid") or ""),
            phase=str(status.get("phase") or "New"),
            cron=str(spec.get("schedule") or ""),
            paused=bool(spec.get("paused")),
            problems=tuple(status.get("validationErrors") or ()),
            created_at=micros(meta.get("creationTimestamp")),
            last_backup_at=micros(status.get("lastBackup")),
            template=part(spec, "template"),
            labels=dict(meta.get("labels") or {}),
            annotations=dict(meta.get("annotations") or {}),
            last_skipped_at=micros(status.get("lastSkipped")),
        )


def selectors_of(spec: Raw) -> tuple[Mapping[str, str], ...]:
    """The label equalities of a Backup's or Restore's ``spec``, any one of which suffices."""
    single = [spec["labelSelector"]] if spec.get("labelSelector") else []
    found = [*single, *(spec.get("orLabelSelectors") or ())]
    return tuple(dict(s.get("matchLabels") or {}) for s in found)


def _run(raw: Raw, done: Literal["itemsBackedUp", "itemsRestored"]) -> dict[str, Any]:
    meta, status = part(raw, "metadata"), part(raw, "status")
    progress = part(status, "progress")
    return {
        "name": str(meta["name"]),
        "uid": str(meta.get("uid") or ""),
        "phase": str(status.get("phase") or "New"),
        "labels": dict(meta.get("labels") or {}),
        "annotations": dict(meta.get("annotations") or {}),
        "created_at": micros(meta.get("creationTimestamp")),
        "started_at": micros(status.get("startTimestamp")),
        "completed_at": micros(status.get("completionTimestamp")),
        "items_total": int(progress.get("totalItems") or 0),
        "items_done": int(progress.get(done) or 0),
        "warnings": int(status.get("warnings") or 0),
        "errors": int(status.get("errors") or 0),
        "failure": str(status.get("failureReason") or ""),
        "problems": tuple(status.get("validationErrors") or ()),
        "spec": part(raw, "spec"),
    }
