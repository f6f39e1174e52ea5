"""Taking a backup as durable steps: ask Velero once, follow it, check what was stored."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.errors import Failed, Refused
from bot.recovery.backups.checking import Checked, checked
from bot.recovery.which.apps import ASKER_ANNOTATION, JOB_ANNOTATION, elsewhere, velero_of
from bot.recovery.words import wording
from bot.releases.patience import patiently
from bot.releases.words import SECOND, listed

if TYPE_CHECKING:
    from bot.context import Cluster, Ctx, Op
    from integrations.velero.client import Velero
    from integrations.velero.models import Backup, BackupSpec, Location, VolumeBackup

TRIES = 5
"""Names, a second apart, that are tried for a backup."""


async def check_ready(velero: Velero, location: str = "") -> Location:
    """Makes sure that a backup can be made now; known within ten seconds.

    Args:
        velero: Where.
        location: The storage location wanted; the default one when empty.

    Raises:
        Refused: The location is missing, read-only, or its store is away.
        VeleroError: There is no Velero, or its server does not answer.
    """
    locations = await velero.locations()
    chosen = next((x for x in locations if (x.name == location if location else x.default)), None)
    if chosen is None:
        names = listed(x.name for x in locations)
        raise Refused(
            f"Velero has no storage location {location}"
            if location
            else "Velero has no default storage location",
            hint=f"There are {names}; set `backup.storage` for the app" if names else "",
        )
    check_location(chosen)
    await velero.server()
    return chosen


def check_location(location: Location) -> None:
    """Makes sure that Velero can write to a storage location.

    Raises:
        Refused: It is read-only, or the store is away.
    """
    from integrations.velero.errors import store_cause

    if location.read_only:
        raise Refused(
            f"Storage location {location.name} is read-only",
            why="nothing can be written to it or deleted from it",
            hint="Set its `accessMode` to ReadWrite, unless another cluster owns the bucket",
        )
    if not location.available:
        raise Refused(
            f"Storage location {location.name} is not available",
            why=store_cause(location.message) if location.message else "Velero has not reached it",
            hint="Velero looks again every minute; `check` tells what answers",
        )


async def take_backup(
    ctx: Ctx, op: Op, cluster: Cluster, base: str, spec: BackupSpec, *, prefix: str = ""
) -> Checked:
    """Makes a backup in steps that survive a kill: exactly one, however often it is cut.

    Args:
        ctx: Who asks.
        op: The operation.
        cluster: Where.
        base: The name before the time.
        spec: What it shall hold.
        prefix: Before the names of the steps, when an operation makes a backup among other things.

    Raises:
        Failed: Velero took it but could not make it; or its server is away.
    """
    velero = velero_of(cluster)
    name = await _ask(ctx, op, velero, base, spec, prefix)
    where = elsewhere(ctx.scope, cluster.name)
    await _follow(op, velero, name, prefix, where)

    async def look() -> Checked:
        return await checked(cluster, velero, await velero.backup(name))

    async def check() -> dict[str, Any]:
        return (await patiently(op, look)).to_json()

    async def never() -> None:
        return None

    body = await op.step(f"{prefix}check what was stored", check, done=never)
    return Checked.from_json(body)


async def _ask(ctx: Ctx, op: Op, velero: Velero, base: str, spec: BackupSpec, prefix: str) -> str:
    from integrations.velero import names
    from integrations.velero.errors import AlreadyThere

    marked = replace(spec, annotations={ASKER_ANNOTATION: ctx.asker.actor, JOB_ANNOTATION: op.id})

    async def ask() -> str:
        began = ctx.clock()
        for later in range(TRIES):  # a name of this second may be taken
            name = names.stamped(base, began + later * SECOND)
            with contextlib.suppress(AlreadyThere):
                return (await velero.create_backup(name, marked)).name
            if ours := await asked():
                return ours
        raise Failed(f"All names {base}-… of these seconds are taken", hint="Try again")

    async def asked() -> str | None:
        found = (b for b in await velero.backups() if b.annotations.get(JOB_ANNOTATION) == op.id)
        return next((backup.name for backup in found), None)

    return str(await op.step(f"{prefix}ask Velero for a backup", ask, done=asked))


async def _follow(op: Op, velero: Velero, name: str, prefix: str, where: str) -> None:
    from integrations.velero.errors import ServerAway

    def result(backup: Backup) -> dict[str, Any]:
        return {"ok": backup.completed, "phase": backup.phase}

    async def follow() -> dict[str, Any]:
        teller = _Teller(op, name)
        copies = asyncio.create_task(teller.follow_copies(velero))
        try:
            return result(await velero.follow_backup(name, on_progress=teller.on_backup))
        except ServerAway as error:
            raise Failed(
                f"Backup {name} is not finished",
                why=error.message.rstrip("."),
                hint="One that has not begun is made as soon as the server is back; "
                f"`backup describe {name}{where}` tells",
            ) from error
        finally:
            copies.cancel()
            await asyncio.gather(copies, return_exceptions=True)

    async def followed() -> dict[str, Any] | None:
        backup = await velero.backup(name)
        return result(backup) if backup.finished else None

    await op.step(f"{prefix}wait for {name}", follow, done=followed, interruptible=True)


class _Teller:
    """Puts a backup's progress and that of its volumes into one line."""

    def __init__(self, op: Op, name: str) -> None:
        self._op, self._name = op, name
        self._backup: Backup | None = None
        self._copies: dict[str, VolumeBackup] = {}

    async def on_backup(self, backup: Backup) -> None:
        """Velero tells the objects."""
        self._backup = backup
        await self._say()

    async def follow_copies(self, velero: Velero) -> None:
        """Watches the copies of volumes; their bytes are told by them alone."""
        from integrations.kubernetes.watch import Change, watch
        from integrations.velero import kinds, names
        from integrations.velero.models import VolumeBackup

        labels = {kinds.BACKUP_NAME_LABEL: names.label_value(self._name)}
        source = watch(velero.kube, kinds.VOLUME_BACKUP, namespace=velero.namespace, labels=labels)
        async with aclosing(source.events()) as events:
            async for event in events:
                if event.type in (Change.ADDED, Change.MODIFIED):
                    copy = VolumeBackup.from_object(event.object)
                    self._copies[copy.name] = copy
                    await self._say()

    async def _say(self) -> None:
        if self._backup is not None and not self._backup.finished:
            await self._op.say(wording.progress(self._backup, self._copies.values()))
