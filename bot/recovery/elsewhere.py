"""Restoring into another cluster: both know the bucket, and this one must not write to it.

Two clusters that write to one folder of a bucket would collect each other's backups; so the
location is read-only here for as long as the restore takes (Velero's own advice for disasters).
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import Failed, Refused
from bot.releases.patience import patiently
from bot.releases.words import listed

if TYPE_CHECKING:
    from bot.context import Op
    from integrations.velero.client import Velero
    from integrations.velero.models import Backup, Location

SYNC = 180.0
"""Seconds for a backup to show up, unless the location says how often Velero looks (60 s)."""


@dataclass(frozen=True, slots=True)
class Known:
    """The backups that a restore into a cluster can choose from.

    Attributes:
        backups: All, newest first; those of the other cluster included.
        names: Those that the cluster itself knows already.
        home: The cluster that the others are of; empty when there is none or it is away.
        trouble: Why the other cluster could not be asked; empty when it was.
    """

    backups: tuple[Backup, ...]
    names: frozenset[str]
    home: str = ""
    trouble: str = ""


async def known_backups(here: Velero, home: Velero | None) -> Known:
    """What can be restored: by this cluster's own knowledge, and by that of the other one.

    The other one may be lost for good, which is why this is done at all.
    """
    from integrations.errors import IntegrationError

    own = await here.backups()
    names = frozenset(backup.name for backup in own)
    if home is None:
        return Known(own, names)
    try:
        theirs = await home.backups()
    except IntegrationError as error:
        return Known(own, names, "", error.message.rstrip("."))
    more = tuple(backup for backup in theirs if backup.name not in names)
    both = sorted((*own, *more), key=lambda b: (-(b.started_at or b.created_at or 0), b.name))
    return Known(tuple(both), names, home.kube.cluster)


async def shared_location(here: Velero, home: Velero, backup: Backup) -> Location:
    """The location here that leads to the bucket which the backup lies in.

    Raises:
        Refused: There is none.
    """
    theirs, own = await asyncio.gather(home.location(backup.location), here.locations())
    wanted = (theirs.provider, theirs.bucket, theirs.prefix.strip("/"))
    fitting = [x for x in own if (x.provider, x.bucket, x.prefix.strip("/")) == wanted]
    if fitting:
        return fitting[0]
    has = listed(f"{x.name} ({_folder(x)})" for x in own) or "none"
    raise Refused(
        f"Cluster {here.kube.cluster} does not share the bucket of {home.kube.cluster}",
        why=f"backup {backup.name} lies in {_folder(theirs)}; {here.kube.cluster} has {has}",
        hint="Give Velero there a storage location with that bucket and prefix, read-only",
    )


def _folder(location: Location) -> str:
    return "/".join(part for part in (location.bucket, location.prefix.strip("/")) if part)


def check_available(location: Location) -> None:
    """Makes sure that Velero reaches the store.

    Raises:
        Refused: It does not.
    """
    from integrations.velero.errors import store_cause

    if not location.available:
        cause = store_cause(location.message) if location.message else "Velero has not reached it"
        raise Refused(
            f"Storage location {location.name} is not available",
            why=cause,
            hint="Velero looks again every minute; then ask again",
        )


async def close_to_writes(op: Op, velero: Velero, location: str) -> None:
    """Makes a storage location read-only, as a step."""

    async def close() -> str:
        return (await velero.set_access_mode(location, "ReadOnly")).access_mode

    async def closed() -> str | None:
        found = await patiently(op, lambda: velero.location(location))
        return found.access_mode if found.read_only else None

    await op.step(f"make location {location} read-only", close, done=closed)


async def open_to_writes(op: Op, velero: Velero, location: str) -> None:
    """Gives a storage location its old mode back, as a step that a cancellation does not stop."""

    async def reopen() -> str:
        return await patiently(op, set_mode)

    async def set_mode() -> str:
        return (await velero.set_access_mode(location, "ReadWrite")).access_mode

    async def open_() -> str | None:
        found = await patiently(op, lambda: velero.location(location))
        return None if found.read_only else found.access_mode

    name = f"make location {location} writable again"
    await op.step(name, reopen, done=open_, always=True)


async def wait_for_backup(op: Op, velero: Velero, name: str, location: Location) -> None:
    """Waits, as a step, until the cluster's Velero has found a backup in the bucket.

    Raises:
        Failed: It did not show up in time.
    """
    from integrations.velero.errors import NoSuchBackup

    timeout = max(SYNC, 2.0 * (location.sync_period or 0) + 60)

    async def look() -> str | None:
        try:
            return (await patiently(op, lambda: velero.backup(name))).uid
        except NoSuchBackup:
            return None

    async def wait() -> str:
        from integrations.velero.kinds import BACKUP

        await op.say("Velero looks into the bucket once a minute, unless told otherwise")
        try:
            async with (
                asyncio.timeout(timeout),
                aclosing(velero.watch(BACKUP).events()) as events,
            ):
                async for event in events:
                    if event.object and event.object["metadata"]["name"] == name:
                        return str(event.object["metadata"]["uid"])
        except TimeoutError:
            pass
        raise Failed(
            f"Backup {name} did not show up in {velero.kube.cluster}",
            why=f"its Velero has not found it in location {location.name} after {timeout:.0f} s",
            hint="See its log; nothing has been restored",
        )

    await op.step(f"wait for {name} to show up", wait, done=look, interruptible=True)


def mode_facts(location: Location | None) -> dict[str, Any]:
    """What the run must know about the location: its name, and whether to close and reopen it."""
    if location is None:
        return {}
    return {"location": location.name, "close": not location.read_only}
