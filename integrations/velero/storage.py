"""Storage and requests as frozen records. Times are microseconds UTC, or None when unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from integrations.velero import kinds
from integrations.velero.values import Raw, micros, part, seconds


@dataclass(frozen=True, slots=True)
class Location:
    """Where backups are stored: a bucket and how to reach it.

    Attributes:
        phase: ``Available``, ``Unavailable``, or empty before the first look.
        message: The store's own words when it is unavailable; ``errors.store_cause`` makes
            them short.
        url: The S3 address configured; empty for AWS itself.
        validated_at: The server's last look at the store.
        synced_at: The server's last look for backups that other clusters made.
        sync_period: Seconds between two such looks; None for the server's own.
        annotations: Of the object.
    """

    name: str
    phase: str
    message: str
    default: bool
    provider: str
    bucket: str
    prefix: str
    url: str
    access_mode: str
    validated_at: int | None
    synced_at: int | None
    sync_period: int | None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def available(self) -> bool:
        """The server could use the store when it last looked."""
        return self.phase == "Available"

    @property
    def read_only(self) -> bool:
        """Backups are refused, and nothing is deleted."""
        return self.access_mode == "ReadOnly"

    @classmethod
    def from_object(cls, raw: Raw) -> Self:
        """Read a ``velero.io/v1`` BackupStorageLocation."""
        spec, status = part(raw, "spec"), part(raw, "status")
        store, config = part(spec, "objectStorage"), part(spec, "config")
        return cls(
            name=str(part(raw, "metadata")["name"]),
            phase=str(status.get("phase") or ""),
            message=str(status.get("message") or ""),
            default=bool(spec.get("default")),
            provider=str(spec.get("provider") or ""),
            bucket=str(store.get("bucket") or ""),
            prefix=str(store.get("prefix") or ""),
            url=str(config.get("s3Url") or ""),
            access_mode=str(spec.get("accessMode") or "ReadWrite"),
            validated_at=micros(status.get("lastValidationTime")),
            synced_at=micros(status.get("lastSyncedTime")),
            sync_period=seconds(spec.get("backupSyncPeriod")),
            annotations=dict(part(part(raw, "metadata"), "annotations")),
        )


@dataclass(frozen=True, slots=True)
class VolumeBackup:
    """One pod volume on its way into the store.

    Attributes:
        claim: The claim behind the volume; empty when the server does not name it.
        volume: The volume's name in the pod.
    """

    name: str
    backup: str
    namespace: str
    pod: str
    claim: str
    volume: str
    phase: str
    done_bytes: int
    total_bytes: int
    message: str

    @classmethod
    def from_object(cls, raw: Raw) -> Self:
        """Read a ``velero.io/v1`` PodVolumeBackup."""
        meta, spec, status = (part(raw, p) for p in ("metadata", "spec", "status"))
        pod, progress = part(spec, "pod"), part(status, "progress")
        return cls(
            name=str(meta["name"]),
            # The label may hold a shortened name, the tag never does.
            backup=str(
                part(spec, "tags").get("backup")
                or part(meta, "labels").get(kinds.BACKUP_NAME_LABEL, "")
            ),
            namespace=str(pod.get("namespace") or ""),
            pod=str(pod.get("name") or ""),
            claim=str(part(meta, "annotations").get("velero.io/pvc-name") or ""),
            volume=str(spec.get("volume") or ""),
            phase=str(status.get("phase") or "New"),
            done_bytes=int(progress.get("bytesDone") or 0),
            total_bytes=int(progress.get("totalBytes") or 0),
            message=str(status.get("message") or ""),
        )


@dataclass(frozen=True, slots=True)
class Deletion:
    """A request to delete a backup. Success is never seen here: request and backup are gone."""

    name: str
    phase: str
    errors: tuple[str, ...]

    @classmethod
    def from_object(cls, raw: Raw) -> Self:
        """Read a ``velero.io/v1`` DeleteBackupRequest."""
        status = part(raw, "status")
        return cls(
            name=str(part(raw, "metadata")["name"]),
            phase=str(status.get("phase") or "New"),
            errors=tuple(status.get("errors") or ()),
        )


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server that answers: its version, and its plugins as ``kind name``."""

    version: str
    plugins: tuple[str, ...]
