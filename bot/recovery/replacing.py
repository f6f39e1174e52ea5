"""Making room for a restore in a namespace that lives: stop, delete workloads and their volumes.

Each part is a step that a kill does not harm, and acts on exactly the objects of the plan: by uid,
so that one which has come since is never touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import Drifted, Failed
from bot.recovery.apps import app_selector
from bot.recovery.matching import claims_of
from bot.releases.patience import patiently
from bot.releases.words import listed

if TYPE_CHECKING:
    from bot.context import Cluster, Op
    from bot.releases.targets import AppRef
    from integrations.kubernetes.client import KubeClient
    from integrations.kubernetes.kinds import Kind

Object = Mapping[str, Any]

_ENDED = ("Succeeded", "Failed")
_SIZED = ("Deployment", "StatefulSet")
_ORDER = ("CronJob", "Deployment", "StatefulSet", "DaemonSet", "Job", "Pod")


@dataclass(frozen=True, slots=True)
class Doomed:
    """An object that goes: kind, name, and the uid that tells it from another."""

    kind: str
    name: str
    uid: str

    @property
    def path(self) -> str:
        """`StatefulSet parse-mongodb`."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Room:
    """What has to go before a restore can refill it.

    Attributes:
        workloads: Of the app, by its selector; Jobs only while they run.
        claims: Its volume claims whose data the backup has.
        kept: Its claims whose data the backup lacks: they stay as they are.
        retained: PersistentVolumes that outlive their claims, with the old data.
    """

    workloads: tuple[Doomed, ...]
    claims: tuple[Doomed, ...]
    kept: tuple[str, ...] = ()
    retained: tuple[str, ...] = ()

    @property
    def uids(self) -> frozenset[str]:
        """Of all that goes."""
        return frozenset(one.uid for one in (*self.workloads, *self.claims))


async def room(cluster: Cluster, ref: AppRef, namespace: str, stored: Collection[str]) -> Room:
    """Finds what has to go; only reads.

    Args:
        cluster: Where.
        ref: The app; its selector decides.
        namespace: Its namespace.
        stored: Claims whose data is in the backup.
    """
    labels = app_selector(ref)
    kube, found = cluster.kube, _kinds()
    lists = await asyncio.gather(
        *(_list(kube, found[kind], namespace, labels) for kind in (*_ORDER, _CLAIM)),
        _list(kube, found["Pod"], namespace, None),
        _list(kube, found[_VOLUME], None, None),
    )
    *owned, claims, pods, volumes = lists
    workloads = [item for items in owned for item in items if _goes(item)]
    names = {str(c["metadata"]["name"]): c for c in claims}
    mine = {claim for pod in pods if _fits(pod, labels) for claim in claims_of(pod).values()}
    for name in mine - set(names):  # a claim of an app's pod is the app's, labelled or not
        for claim in await _one(kube, found[_CLAIM], namespace, name):
            names[name] = claim
    going = [_doomed(c) for n, c in sorted(names.items()) if n in stored]
    gone = {one.name for one in going}
    return Room(
        tuple(_doomed(item) for item in workloads),
        tuple(going),
        tuple(sorted(set(names) - gone)),
        tuple(sorted(_retained(volumes, namespace, gone))),
    )


async def clear(
    op: Op,
    cluster: Cluster,
    namespace: str,
    workloads: Sequence[Doomed],
    claims: Sequence[Doomed],
    *,
    timeout: float,
    labels: Mapping[str, str],
) -> None:
    """Stops and deletes, as durable steps: workloads first, then their volumes.

    Raises:
        Drifted: Other objects have taken the names since the plan; nothing was touched.
        Failed: Something does not end in time; the steps before it are done.
    """
    await _stop(op, cluster.kube, namespace, workloads, claims)
    await _wait_stopped(op, cluster.kube, namespace, claims, labels, timeout)
    await _delete(op, cluster.kube, namespace, workloads, "delete the workloads", timeout)
    await _delete(op, cluster.kube, namespace, claims, "delete the volumes", timeout)


async def _stop(
    op: Op,
    kube: KubeClient,
    namespace: str,
    workloads: Sequence[Doomed],
    claims: Sequence[Doomed],
) -> None:
    """Scales to nothing, so that a database ends in order. Others are stopped by deletion."""
    sized = [one for one in workloads if one.kind in _SIZED]

    async def running() -> list[Doomed]:
        left = []
        for one in sized:
            item = await _there(kube, namespace, one)
            if item is not None and int(item["spec"].get("replicas", 1)) > 0:
                left.append(one)
        return left

    async def stop() -> list[str]:
        for one in (*workloads, *claims):
            if await _another(kube, namespace, one):
                raise Drifted(
                    f"{one.path} is another one than when this was planned",
                    why="it was deleted and made anew in between, so nothing was touched",
                    hint="Ask again to see what would happen now",
                )
        for one in await running():
            await kube.set_scale(_kinds()[one.kind], namespace, one.name, 0)
        return [one.path for one in sized]

    async def act() -> list[str]:
        return await patiently(op, stop)

    async def stopped() -> list[str] | None:
        return None if await patiently(op, running) else [one.path for one in sized]

    await op.step("stop the workloads", act, done=stopped)


async def _wait_stopped(
    op: Op,
    kube: KubeClient,
    namespace: str,
    claims: Sequence[Doomed],
    labels: Mapping[str, str],
    timeout: float,
) -> None:
    """Waits until nothing of the app runs, and nobody uses its volumes."""
    kind = _kinds()["Pod"]
    names = {one.name for one in claims}

    async def left() -> list[str]:
        pods = await _list(kube, kind, namespace, None)
        return [
            str(pod["metadata"]["name"])
            for pod in pods
            if (pod.get("status") or {}).get("phase") not in _ENDED
            and (_stopping(pod, labels) or names & set(claims_of(pod).values()))
        ]

    await _until_none(op, kube, kind, namespace, left, "wait until its pods are gone", timeout)


def _stopping(pod: Object, labels: Mapping[str, str]) -> bool:
    """A pod of the app that scaling ends: not a DaemonSet's, a Job's, or one on its own."""
    owners = {o.get("kind") for o in pod["metadata"].get("ownerReferences") or ()}
    return _fits(pod, labels) and bool(owners & {"ReplicaSet", "StatefulSet"})


async def _delete(
    op: Op,
    kube: KubeClient,
    namespace: str,
    things: Sequence[Doomed],
    name: str,
    timeout: float,
) -> None:
    """Deletes exactly these, and waits until they are gone."""
    from integrations.kubernetes.errors import Conflict, NotFound

    if not things:
        return
    kinds = _kinds()

    async def left() -> list[str]:
        found = await asyncio.gather(*(_there(kube, namespace, one) for one in things))
        return [one.path for one, item in zip(things, found, strict=True) if item is not None]

    async def delete() -> None:
        for one in things:
            try:
                await kube.delete(kinds[one.kind], namespace, one.name, uid=one.uid)
            except (NotFound, Conflict):
                continue

    async def act() -> list[str]:
        await patiently(op, delete)
        for kind in dict.fromkeys(one.kind for one in things):
            await _gone(op, kube, kinds[kind], namespace, left, timeout)
        return [one.path for one in things]

    async def deleted() -> list[str] | None:
        return None if await patiently(op, left) else [one.path for one in things]

    await op.step(name, act, done=deleted)


async def _until_none(
    op: Op,
    kube: KubeClient,
    kind: Kind,
    namespace: str,
    left: Callable[[], Awaitable[list[str]]],
    name: str,
    timeout: float,
) -> None:
    async def wait() -> bool:
        await _gone(op, kube, kind, namespace, left, timeout)
        return True

    async def none() -> bool | None:
        return None if await patiently(op, left) else True

    await op.step(name, wait, done=none)


async def _gone(
    op: Op,
    kube: KubeClient,
    kind: Kind,
    namespace: str,
    left: Callable[[], Awaitable[list[str]]],
    timeout: float,
) -> None:
    """Waits by watch until nothing is left.

    Raises:
        Failed: With the names of what stays.
    """
    from integrations.kubernetes.watch import watch

    there = await patiently(op, left)
    if not there:
        return
    try:
        async with (
            asyncio.timeout(timeout),
            aclosing(watch(kube, kind, namespace=namespace).events()) as events,
        ):
            async for _ in events:
                there = await patiently(op, left)
                if not there:
                    return
                await op.say(f"{len(there)} left: {listed(there, 3)}")
    except TimeoutError as error:
        raise Failed(
            f"{listed(there, 4)} did not go away within {timeout:.0f} s",
            why="a pod that does not end, one that still uses a volume, or a finalizer holds it",
            hint="`kubectl describe` tells which",
        ) from error


# -- the objects -------------------------------------------------------------------------------

_CLAIM, _VOLUME = "PersistentVolumeClaim", "PersistentVolume"


def _kinds() -> dict[str, Kind]:
    from integrations.kubernetes import kinds

    return {
        "Deployment": kinds.DEPLOYMENT,
        "StatefulSet": kinds.STATEFUL_SET,
        "DaemonSet": kinds.DAEMON_SET,
        "Job": kinds.JOB,
        "CronJob": kinds.Kind("batch/v1", "cronjobs", "CronJob"),
        "Pod": kinds.POD,
        _CLAIM: kinds.PERSISTENT_VOLUME_CLAIM,
        _VOLUME: kinds.Kind("v1", "persistentvolumes", _VOLUME, namespaced=False),
    }


async def _list(
    kube: KubeClient, kind: Kind, namespace: str | None, labels: Mapping[str, str] | None
) -> list[Any]:
    """All of a kind; nothing where a kind may not be read that only informs."""
    from integrations.kubernetes.errors import Forbidden

    try:
        return (await kube.list(kind, namespace, labels=labels)).items
    except Forbidden:
        if kind.namespaced:
            raise
        return []


async def _one(kube: KubeClient, kind: Kind, namespace: str, name: str) -> list[Any]:
    return (await kube.list(kind, namespace, fields={"metadata.name": name})).items


async def _there(kube: KubeClient, namespace: str, one: Doomed) -> Any | None:
    """The very object, or None."""
    from integrations.kubernetes.errors import NotFound

    try:
        item = await kube.get(_kinds()[one.kind], namespace, one.name)
    except NotFound:
        return None
    return item if item["metadata"]["uid"] == one.uid else None


async def _another(kube: KubeClient, namespace: str, one: Doomed) -> bool:
    """Whether the name belongs to something else by now."""
    items = await _one(kube, _kinds()[one.kind], namespace, one.name)
    return any(item["metadata"]["uid"] != one.uid for item in items)


def _goes(item: Object) -> bool:
    """Not what has ended, and not what a controller owns: that goes with it."""
    if item["metadata"].get("ownerReferences"):
        return False
    status = item.get("status") or {}
    if item["kind"] == "Job":
        return not any(
            c.get("type") in ("Complete", "Failed") and c.get("status") == "True"
            for c in status.get("conditions") or ()
        )
    return item["kind"] != "Pod" or status.get("phase") not in _ENDED


def _doomed(item: Object) -> Doomed:
    meta = item["metadata"]
    return Doomed(str(item["kind"]), str(meta["name"]), str(meta["uid"]))


def _fits(item: Object, labels: Mapping[str, str]) -> bool:
    own = item["metadata"].get("labels") or {}
    return all(own.get(key) == value for key, value in labels.items())


def _retained(volumes: Sequence[Object], namespace: str, claims: Collection[str]) -> list[str]:
    found = []
    for volume in volumes:
        spec = volume.get("spec") or {}
        ref = spec.get("claimRef") or {}
        mine = ref.get("namespace") == namespace and ref.get("name") in claims
        if mine and spec.get("persistentVolumeReclaimPolicy") == "Retain":
            found.append(str(volume["metadata"]["name"]))
    return found
