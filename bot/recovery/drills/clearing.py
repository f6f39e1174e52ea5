"""Removing what a drill made, whatever became of it: one step that a cancellation does not stop.

A drill that never came to that step is swept up after it, by `sweeping`.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import OnpremError
from bot.recovery.drills import isolation
from bot.recovery.drills.volumes import made_for_copy
from bot.releases.patience import Says, patiently

if TYPE_CHECKING:
    from bot.context import Cluster, Op
    from integrations.velero.client import Velero

PATIENCE = 1800.0
"""Seconds for which a cluster that is away is waited for: the copy must not stay."""
ENDING = 600.0
"""Seconds for a namespace to end."""
RUNNING = 1800.0
"""Seconds for a restore under way to end; until then Velero might make the namespace anew."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """What there may be.

    Attributes:
        namespace: Of the copy.
        restore: The Restore.
        modifier: The ConfigMap that changed Services on their way.
        job: The operation; only what is marked as its own is deleted.
    """

    namespace: str
    restore: str
    modifier: str
    job: str


async def clear(op: Op, cluster: Cluster, velero: Velero, left: Leftover) -> str:
    """Deletes the copy, as a step, and waits until it is gone.

    Returns:
        Why it is not gone, a sentence; empty when it is.
    """

    async def act() -> dict[str, Any]:
        why = await remove(op, cluster, velero, left)
        return {"ok": not why, "why": why}

    async def gone() -> dict[str, Any] | None:
        return None if await remains(cluster, velero, left) else {"ok": True, "why": ""}

    name = f"delete namespace {left.namespace}"
    try:
        done: dict[str, Any] = await op.step(name, act, done=gone, always=True)
    except OnpremError as error:
        return str(error)
    return str(done["why"])


async def remove(op: Says, cluster: Cluster, velero: Velero, left: Leftover) -> str:
    """Deletes the copy and waits until it is gone; returns why it is not.

    Raises:
        IntegrationError: The cluster refuses, or was away for too long.
    """
    await _end_restore(op, velero, left.restore)
    await _modifier(op, cluster, velero, left)
    return await _namespace(op, cluster, left)


async def remains(cluster: Cluster, velero: Velero, left: Leftover) -> bool:
    """Whether something of the copy is there, or may still come.

    Raises:
        IntegrationError: The cluster does not tell.
    """
    from integrations.kubernetes.errors import NotFound
    from integrations.kubernetes.kinds import CONFIG_MAP, NAMESPACE

    for kind, home, name in (
        (NAMESPACE, None, left.namespace),
        (CONFIG_MAP, velero.namespace, left.modifier),
    ):
        with contextlib.suppress(NotFound):
            await cluster.kube.get(kind, home, name)
            return True
    return await _unfinished(velero, left.restore)


async def _unfinished(velero: Velero, name: str) -> bool:
    from integrations.velero.errors import NoSuchRestore

    try:
        return not (await velero.restore(name)).finished
    except NoSuchRestore:
        return False


async def _end_restore(op: Says, velero: Velero, name: str) -> None:
    """Withdraws a restore that was not taken up, waits for one that was.

    A server that is away does nothing any more: when it is back, it calls the restore failed.
    """
    from integrations.kubernetes.errors import NotFound
    from integrations.velero.errors import NoSuchRestore, ServerAway, TookTooLong
    from integrations.velero.kinds import RESTORE

    try:
        restore = await patiently(op, lambda: velero.restore(name), timeout=PATIENCE)
    except NoSuchRestore:
        return
    if restore.finished:
        return
    if restore.phase == "New":
        with contextlib.suppress(NotFound):
            await velero.kube.delete(RESTORE, velero.namespace, name, uid=restore.uid)
        return
    await op.say("waiting for Velero to end the restore")
    with contextlib.suppress(NoSuchRestore, ServerAway, TookTooLong):
        await velero.follow_restore(name, timeout=RUNNING)


async def _modifier(op: Says, cluster: Cluster, velero: Velero, left: Leftover) -> None:
    from integrations.kubernetes.errors import NotFound
    from integrations.kubernetes.kinds import CONFIG_MAP

    async def delete() -> None:
        with contextlib.suppress(NotFound):
            await cluster.kube.delete(CONFIG_MAP, velero.namespace, left.modifier)

    await patiently(op, delete, timeout=PATIENCE)


async def _namespace(op: Says, cluster: Cluster, left: Leftover) -> str:
    """Deletes the namespace with its volumes; returns why it is still there."""
    from integrations.kubernetes.errors import NotFound
    from integrations.kubernetes.kinds import NAMESPACE

    async def delete() -> bool:
        try:
            found = await cluster.kube.get(NAMESPACE, None, left.namespace)
            if not isolation.is_ours(found, left.job):
                return False
            await _volumes(cluster, left)
            uid = str(found["metadata"]["uid"])
            await cluster.kube.delete(NAMESPACE, None, left.namespace, uid=uid)
        except NotFound:
            return False
        return True

    if not await patiently(op, delete, timeout=PATIENCE):
        return ""
    try:
        async with asyncio.timeout(ENDING):
            await _until_gone(op, cluster, left.namespace)
    except TimeoutError:
        return await _stuck(cluster, left.namespace)
    return ""


async def _volumes(cluster: Cluster, left: Leftover) -> None:
    """Lets volumes that were made for the copy end with it, also where their class keeps them."""
    from integrations.kubernetes.errors import Forbidden, NotFound
    from integrations.kubernetes.kinds import PERSISTENT_VOLUME_CLAIM, Kind

    kind = Kind("v1", "persistentvolumes", "PersistentVolume", namespaced=False)
    try:
        claims = (await cluster.kube.list(PERSISTENT_VOLUME_CLAIM, left.namespace)).items
    except Forbidden:  # the drill ended before it had rights there, so there is nothing inside
        return
    for claim in claims:
        name = claim["spec"].get("volumeName")
        if not name:
            continue
        with contextlib.suppress(NotFound, Forbidden):
            volume = await cluster.kube.get(kind, None, name)
            kept = volume["spec"].get("persistentVolumeReclaimPolicy") == "Retain"
            if kept and made_for_copy(volume, claim, left.restore):
                body = {"spec": {"persistentVolumeReclaimPolicy": "Delete"}}
                await cluster.kube.patch(kind, None, name, body)


async def _until_gone(op: Says, cluster: Cluster, namespace: str) -> None:
    from integrations.kubernetes.errors import NotFound
    from integrations.kubernetes.kinds import NAMESPACE
    from integrations.kubernetes.watch import watch

    async def there() -> bool:
        try:
            await cluster.kube.get(NAMESPACE, None, namespace)
        except NotFound:
            return False
        return True

    source = watch(cluster.kube, NAMESPACE, fields={"metadata.name": namespace}, timeout_seconds=30)
    async with aclosing(source.events()) as events:
        async for _ in events:
            if not await patiently(op, there, timeout=PATIENCE):
                return


async def _stuck(cluster: Cluster, namespace: str) -> str:
    """What a namespace that does not end says of it."""
    from integrations.errors import IntegrationError
    from integrations.kubernetes.kinds import NAMESPACE

    try:
        found = await cluster.kube.get(NAMESPACE, None, namespace)
    except IntegrationError as error:
        return error.message
    conditions = (found.get("status") or {}).get("conditions") or []
    said = next((str(c.get("message")) for c in conditions if c.get("status") == "True"), "")
    return f"Namespace {namespace} is still ending after {ENDING:.0f} s. {said}".strip()
