"""Velero of one cluster: what it knows, and what can be asked of it."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from integrations.kubernetes.errors import NotFound
from integrations.kubernetes.kinds import Kind
from integrations.kubernetes.watch import Watch, watch
from integrations.velero import artefacts, contents, downloads, kinds, names
from integrations.velero.api import Api
from integrations.velero.follow import Follower
from integrations.velero.models import (
    Backup,
    BackupSpec,
    Deletion,
    Entry,
    Location,
    Restore,
    RestoreSpec,
    Results,
    Schedule,
    VolumeBackup,
    VolumeInfo,
)
from integrations.velero.values import part, timestamp

RunKind = Literal["Backup", "Restore"]

RUN_TIMEOUT = 4 * 3600.0
"""Seconds for a whole run, as Velero's own limit for what runs in the background."""
DELETION_TIMEOUT = 300.0


class Velero(Api):
    """Velero of one cluster. Safe to share between tasks.

    Every method raises ``KubernetesError`` when the API server cannot be asked, and
    ``VeleroMissing`` when the cluster has no Velero.

    Attributes:
        kube: The cluster.
        namespace: Where Velero lives.
    """

    # -- what there is -----------------------------------------------------------------------

    async def backups(self, *, schedule: str = "") -> tuple[Backup, ...]:
        """All backups (of one schedule), newest first."""
        labels = {kinds.SCHEDULE_NAME_LABEL: names.label_value(schedule)} if schedule else None
        found = [Backup.from_object(o) for o in await self.list_objects(kinds.BACKUP, labels)]
        return tuple(sorted(found, key=_age))

    async def backup(self, name: str) -> Backup:
        """One backup.

        Raises:
            NoSuchBackup: There is none of that name.
        """
        return Backup.from_object(await self.get_object(kinds.BACKUP, name))

    async def restores(self) -> tuple[Restore, ...]:
        """All restores, newest first."""
        found = [Restore.from_object(o) for o in await self.list_objects(kinds.RESTORE)]
        return tuple(sorted(found, key=_age))

    async def restore(self, name: str) -> Restore:
        """One restore.

        Raises:
            NoSuchRestore: There is none of that name.
        """
        return Restore.from_object(await self.get_object(kinds.RESTORE, name))

    async def schedules(self) -> tuple[Schedule, ...]:
        """All schedules by name."""
        found = [Schedule.from_object(o) for o in await self.list_objects(kinds.SCHEDULE)]
        return tuple(sorted(found, key=lambda s: s.name))

    async def schedule(self, name: str) -> Schedule:
        """One schedule.

        Raises:
            NoSuchSchedule: There is none of that name.
        """
        return Schedule.from_object(await self.get_object(kinds.SCHEDULE, name))

    async def locations(self) -> tuple[Location, ...]:
        """All storage locations, the default one first."""
        found = [Location.from_object(o) for o in await self.list_objects(kinds.LOCATION)]
        return tuple(sorted(found, key=lambda x: (not x.default, x.name)))

    async def location(self, name: str) -> Location:
        """One storage location.

        Raises:
            NoSuchLocation: There is none of that name.
        """
        return Location.from_object(await self.get_object(kinds.LOCATION, name))

    async def volume_backups(self, backup: str) -> tuple[VolumeBackup, ...]:
        """The pod volumes of a backup, as far as they are copied as files."""
        labels = {kinds.BACKUP_NAME_LABEL: names.label_value(backup)}
        found = [
            VolumeBackup.from_object(o)
            for o in await self.list_objects(kinds.VOLUME_BACKUP, labels)
        ]
        return tuple(v for v in found if v.backup in (backup, names.label_value(backup)))

    def watch(self, kind: Kind) -> Watch:
        """Every change of one of Velero's kinds; nothing is sent before the first step."""
        return watch(self.kube, kind, namespace=self.namespace)

    # -- what to ask for ---------------------------------------------------------------------

    async def create_backup(self, name: str, spec: BackupSpec) -> Backup:
        """Ask for a backup; the server takes it up on its own.

        Raises:
            AlreadyThere: The name is taken.
            RequestRefused: The name or the request is impossible.
        """
        meta = {"labels": dict(spec.labels), "annotations": dict(spec.annotations)}
        return Backup.from_object(
            await self.create_object(kinds.BACKUP, name, spec.document(), meta)
        )

    async def create_restore(self, name: str, spec: RestoreSpec) -> Restore:
        """Ask for a restore; the server takes it up on its own.

        Raises:
            AlreadyThere: The name is taken.
            RequestRefused: The name or the request is impossible.
        """
        meta = {"labels": dict(spec.labels), "annotations": dict(spec.annotations)}
        return Restore.from_object(
            await self.create_object(kinds.RESTORE, name, spec.document(), meta)
        )

    async def create_schedule(
        self,
        name: str,
        cron: str,
        spec: BackupSpec,
        labels: Mapping[str, str] | None = None,
        *,
        annotations: Mapping[str, str] | None = None,
        paused: bool = False,
    ) -> Schedule:
        """Have backups made again and again; the first comes at the next time that is due.

        Velero checks the times itself: an unreadable one shows as ``FailedValidation``.

        Raises:
            AlreadyThere: The name is taken.
            RequestRefused: The name or the request is impossible.
        """
        meta = {"labels": dict(labels or {}), "annotations": dict(annotations or {})}
        body: dict[str, Any] = {"schedule": cron, "template": spec.document(template=True)}
        if paused:
            body["paused"] = True
        return Schedule.from_object(await self.create_object(kinds.SCHEDULE, name, body, meta))

    async def pause_schedule(self, name: str, paused: bool) -> Schedule:
        """Stop a schedule's runs, or let it go on; missed ones are not made up.

        Raises:
            NoSuchSchedule: There is none of that name.
        """
        raw = await self.patch_object(kinds.SCHEDULE, name, {"spec": {"paused": paused}})
        return Schedule.from_object(raw)

    async def delete_schedule(self, name: str) -> None:
        """Remove a schedule; its backups stay.

        Raises:
            NoSuchSchedule: There is none of that name.
        """
        self.check_name(kinds.SCHEDULE, name)
        try:
            await self.kube.delete(kinds.SCHEDULE, self.namespace, name)
        except NotFound as error:
            raise self.absent(kinds.SCHEDULE, name, error) from error

    async def keep(self, name: str, until_us: int) -> Backup:
        """Set when a backup may be collected.

        The server reads ``status.expiration`` alone; the copy in the bucket keeps the old date,
        so that another cluster that may write there could still collect it.

        Raises:
            NoSuchBackup: There is none of that name.
        """
        body = {"status": {"expiration": timestamp(until_us)}}
        return Backup.from_object(await self.patch_object(kinds.BACKUP, name, body))

    async def set_access_mode(self, name: str, mode: Literal["ReadOnly", "ReadWrite"]) -> Location:
        """Forbid or allow a cluster to write to a storage location.

        Raises:
            NoSuchLocation: There is none of that name.
        """
        raw = await self.patch_object(kinds.LOCATION, name, {"spec": {"accessMode": mode}})
        return Location.from_object(raw)

    async def request_deletion(self, backup: Backup) -> str:
        """Ask for a backup's end: its data, all its restores, itself.

        Deleting the object alone would not do: the next sync brings it back.

        Returns:
            The request's name.
        """
        labels = {
            kinds.BACKUP_NAME_LABEL: names.label_value(backup.name),
            kinds.BACKUP_UID_LABEL: backup.uid,
        }
        name = f"{backup.name[:200]}-{secrets.token_hex(4)}"
        body = {"backupName": backup.name}
        raw = await self.create_object(kinds.DELETE_REQUEST, name, body, {"labels": labels})
        return str(raw["metadata"]["name"])

    async def deletion(self, name: str) -> Deletion | None:
        """The latest request to delete a backup; None when there is none (any more)."""
        labels = {kinds.BACKUP_NAME_LABEL: names.label_value(name)}
        found = [
            raw
            for raw in await self.list_objects(kinds.DELETE_REQUEST, labels)
            if part(raw, "spec").get("backupName") == name
        ]
        newest = max(found, key=lambda r: r["metadata"]["creationTimestamp"], default=None)
        return None if newest is None else Deletion.from_object(newest)

    # -- following ---------------------------------------------------------------------------

    async def follow_backup(
        self,
        name: str,
        *,
        on_progress: Callable[[Backup], Awaitable[None]] | None = None,
        timeout: float = RUN_TIMEOUT,
    ) -> Backup:
        """Wait for a backup's end by watch, told every change.

        Raises:
            NoSuchBackup: It is not there, or was deleted meanwhile.
            ServerAway: Nobody takes it up (said within 10 s), or nobody works on it any more.
            TookTooLong: ``timeout`` seconds were not enough; it goes on.
        """
        follower = Follower(self.kube, self.namespace, self.server)
        return await follower.run(kinds.BACKUP, name, Backup.from_object, on_progress, timeout)

    async def follow_restore(
        self,
        name: str,
        *,
        on_progress: Callable[[Restore], Awaitable[None]] | None = None,
        timeout: float = RUN_TIMEOUT,
    ) -> Restore:
        """Wait for a restore's end by watch, told every change.

        Raises:
            NoSuchRestore: It is not there, or was deleted meanwhile.
            ServerAway: Nobody takes it up (said within 10 s), or nobody works on it any more.
            TookTooLong: ``timeout`` seconds were not enough; it goes on.
        """
        follower = Follower(self.kube, self.namespace, self.server)
        return await follower.run(kinds.RESTORE, name, Restore.from_object, on_progress, timeout)

    async def follow_gone(
        self, name: str, *, request: str = "", timeout: float = DELETION_TIMEOUT
    ) -> None:
        """Wait until a backup that was asked to go is gone.

        Args:
            name: The backup's.
            request: The request's, as ``request_deletion`` gave it; the latest one without it.
            timeout: Seconds.

        Raises:
            DeletionFailed: The server could not; the error says why.
            ServerAway: Nobody processes the request.
            TookTooLong: ``timeout`` seconds were not enough.
        """
        if not request:
            latest = await self.deletion(name)
            request = latest.name if latest else ""
        follower = Follower(self.kube, self.namespace, self.server)
        await follower.gone(name, request, timeout)

    # -- what a run left behind --------------------------------------------------------------

    async def results(self, kind: RunKind, name: str) -> Results:
        """All warnings and errors of a finished run.

        Raises:
            NoSuchBackup, NoSuchRestore: There is none of that name.
            NotReadyYet: It has not ended, or left no results.
            ServerAway: Nobody hands out the address.
            DownloadFailed: The store gives nothing, or nothing readable.
        """
        text = await self._download(kind, name, f"{kind}Results")
        return artefacts.results(text)

    async def volume_infos(self, backup: str) -> tuple[VolumeInfo, ...]:
        """What became of each volume in a backup; raises as ``results``."""
        return artefacts.volume_infos(await self._download("Backup", backup, "BackupVolumeInfos"))

    async def entries(self, kind: RunKind, name: str) -> tuple[Entry, ...]:
        """The objects of a run; raises as ``results``."""
        return artefacts.entries(await self._download(kind, name, f"{kind}ResourceList"))

    async def logs(self, kind: RunKind, name: str) -> str:
        """The server's log of a run; raises as ``results``."""
        return await self._download(kind, name, f"{kind}Log")

    async def contents(self, backup: str) -> tuple[Mapping[str, Any], ...]:
        """The objects of a backup as they were saved; raises as ``results``."""
        return await contents.fetch(self, await self.backup(backup))

    async def _download(self, kind: RunKind, name: str, target: str) -> str:
        run: Backup | Restore
        run = await (self.backup(name) if kind == "Backup" else self.restore(name))
        return await downloads.fetch(self, run, target)


def _age(run: Backup | Restore) -> tuple[int, str]:
    """Newest first; one that has not started yet is newer than all."""
    started = run.started_at or run.created_at or 0
    return -started, run.name
