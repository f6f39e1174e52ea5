"""Restoring into another cluster: both know the bucket, and this one must not write to it.

Two clusters that write to one folder of a bucket would collect each other's backups; so the
location is read-only here for as long as the restore takes (Velero's own advice for disasters).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.errors import Failed, Refused
from bot.recovery.which.apps import CLUSTER_LABEL
from bot.releases.patience import patiently
from bot.releases.words import SECOND, listed

if TYPE_CHECKING:
    from bot.context import Op
    from integrations.velero.client import Velero
    from integrations.velero.models import Backup, Location, Restore

CLOSED_BY = "closed-by.onprem.io/"
"""Begins the annotations of a location that is read-only for jobs: one for each."""
SYNC = 180.0
"""Seconds for a backup to show up, unless the location says how often Velero looks (60 s)."""


SYNCED = 5 * SECOND
"""An object made so long after its run began was made from the store: a run elsewhere."""
ANSWER = 8.0
"""Seconds for another cluster to say which backups it has: it may be lost for good."""


@dataclass(frozen=True, slots=True)
class Known:
    """The backups that a restore into a cluster can choose from.

    Attributes:
        backups: All, newest first; those of other clusters included.
        names: Those that the cluster itself knows already.
        others: Name → the other cluster that told of it, for all that this one does not know yet.
        troubles: Other clusters that could not be asked → why.
    """

    backups: tuple[Backup, ...]
    names: frozenset[str]
    others: Mapping[str, str] = field(default_factory=dict)
    troubles: Mapping[str, str] = field(default_factory=dict)


async def known_backups(here: Velero) -> Known:
    """What the cluster itself knows, of its own and from buckets that it shares."""
    own = await here.backups()
    return Known(own, frozenset(backup.name for backup in own))


async def ask_others(known: Known, homes: Iterable[Velero]) -> Known:
    """The same, and what other clusters know; they may be lost, which is why this is done."""
    from integrations.errors import IntegrationError

    backups, others = list(known.backups), dict[str, str]()
    troubles = dict[str, str]()
    for home in homes:
        try:
            async with asyncio.timeout(ANSWER):
                theirs = await home.backups()
        except TimeoutError:
            troubles[home.kube.cluster] = f"it did not answer within {ANSWER:.0f} s"
            continue
        except IntegrationError as error:
            troubles[home.kube.cluster] = error.message.rstrip(".")
            continue
        for backup in theirs:
            if backup.name not in known.names and backup.name not in others:
                others[backup.name] = home.kube.cluster
                backups.append(backup)
    backups.sort(key=lambda b: (-(b.started_at or b.created_at or 0), b.name))
    return Known(tuple(backups), known.names, others, troubles)


def home_of(backup: Backup, cluster: str, homes: Sequence[str], known: Known) -> str:
    """The other cluster that a backup was made in; empty when it is the cluster's own. Pure.

    By its label. One without is another's when only that one knows it, or when it came by way of
    the store and there is just one that it can be of.
    """
    if told := known.others.get(backup.name):
        return backup.labels.get(CLUSTER_LABEL, told)
    if label := backup.labels.get(CLUSTER_LABEL):
        return "" if label == cluster else label
    return homes[0] if came_by_store(backup) and len(homes) == 1 else ""


def came_by_store(run: Backup | Restore) -> bool:
    """Whether another cluster made it, and this one found it in the store that both share."""
    if run.started_at is None or run.created_at is None:
        return False
    return run.created_at - run.started_at > SYNCED


async def none_found(here: Velero, troubles: Mapping[str, str]) -> Refused:
    """Nothing fits, but a cluster that would know could not be asked."""
    name = listed(troubles)
    places = [f"{_folder(x)} ({_looked(x)})" for x in await here.locations()]
    return Refused(
        f"{name} could not be asked, and {here.kube.cluster} knows no such backup",
        why=f"{next(iter(troubles.values()))}; {here.kube.cluster} looks into "
        f"{listed(places) or 'no bucket'}",
        hint="Velero looks again once a minute, unless told otherwise: ask again. If nothing "
        f"shows up, see that bucket and prefix are those of {name}, and the location available",
    )


def _looked(location: Location) -> str:
    if location.synced_at is None:
        return "not looked into yet"
    return f"last at {datetime.fromtimestamp(location.synced_at / SECOND, UTC):%H:%M:%S} UTC"


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
            hint="Nothing can be restored from it until Velero reaches it again, which it tries "
            "every minute: `recovery` and `kubectl get backupstoragelocations -A` tell",
        )


async def close_to_writes(op: Op, velero: Velero, location: str) -> None:
    """Makes a storage location read-only, as a step, and marks that this job needs it so."""
    from integrations.velero.kinds import LOCATION

    async def close() -> str:
        marks = {f"{CLOSED_BY}{op.id}": ""}
        body = {"metadata": {"annotations": marks}, "spec": {"accessMode": "ReadOnly"}}
        await patiently(op, lambda: velero.patch_object(LOCATION, location, body))
        return "ReadOnly"

    async def closed() -> str | None:
        found = await patiently(op, lambda: velero.location(location))
        return found.access_mode if found.read_only and op.id in _closers(found) else None

    await op.step(f"make location {location} read-only", close, done=closed)


async def open_to_writes(op: Op, velero: Velero, location: str) -> None:
    """Takes this job's mark back, as a step that a cancellation does not stop.

    The last job that needed the location read-only makes it writable again.
    """
    from integrations.kubernetes.errors import Conflict
    from integrations.velero.kinds import LOCATION

    async def patched(body: dict[str, Any]) -> dict[str, Any]:
        return dict(await patiently(op, lambda: velero.patch_object(LOCATION, location, body)))

    async def reopen() -> str:
        while True:
            raw = await patched({"metadata": {"annotations": {f"{CLOSED_BY}{op.id}": None}}})
            if closers := _closers(Location.from_object(raw)):
                return f"stays read-only for {listed(sorted(closers), 3)}"
            version = raw["metadata"]["resourceVersion"]  # another job may close it just now
            body = {"metadata": {"resourceVersion": version}, "spec": {"accessMode": "ReadWrite"}}
            with contextlib.suppress(Conflict):
                await patched(body)
                return "ReadWrite"

    async def open_() -> str | None:
        found = await patiently(op, lambda: velero.location(location))
        closers = _closers(found)
        return None if op.id in closers or (found.read_only and not closers) else found.access_mode

    from integrations.velero.models import Location

    name = f"make location {location} writable again"
    await op.step(name, reopen, done=open_, always=True)


def _closers(location: Location) -> set[str]:
    """The jobs that need a location read-only."""
    marks = (key for key in location.annotations if key.startswith(CLOSED_BY))
    return {key.removeprefix(CLOSED_BY) for key in marks}


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
            hint=f"Nothing has been restored. `kubectl -n {velero.namespace} logs "
            "deployment/velero` there says why",
        )

    await op.step(f"wait for {name} to show up", wait, done=look, interruptible=True)


def mode_facts(location: Location | None) -> dict[str, Any]:
    """What the run must know about the location: its name, and whether to close and reopen it."""
    if location is None:
        return {}
    close = not location.read_only or bool(_closers(location))
    return {"location": location.name, "close": close}
