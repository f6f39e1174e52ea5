"""What has to go before a restore can refill a namespace that lives. Only reads."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.recovery.which.apps import app_selector
from bot.recovery.which.matching import claims_of

if TYPE_CHECKING:
    from bot.context import Cluster
    from bot.releases.targets import AppRef
    from integrations.kubernetes.client import KubeClient
    from integrations.kubernetes.kinds import Kind

Object = Mapping[str, Any]

ENDED = ("Succeeded", "Failed")
"""Phases of pods that use nothing any more."""
_ORDER = ("CronJob", "Deployment", "StatefulSet", "DaemonSet", "Job", "Pod")
_CLAIM, _VOLUME = "PersistentVolumeClaim", "PersistentVolume"


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
        held: Who else uses a volume that would go, a clause each: nothing here stops them.
    """

    workloads: tuple[Doomed, ...]
    claims: tuple[Doomed, ...]
    kept: tuple[str, ...] = ()
    retained: tuple[str, ...] = ()
    held: tuple[str, ...] = ()

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
    from integrations.kubernetes.kinds import REPLICA_SET

    labels = app_selector(ref)
    kube, found = cluster.kube, kinds_of_room()
    lists = await asyncio.gather(
        *(list_all(kube, found[kind], namespace, labels) for kind in (*_ORDER, _CLAIM)),
        list_all(kube, found["Pod"], namespace, None),
        list_all(kube, REPLICA_SET, namespace, None),
        list_all(kube, found["Job"], namespace, None),
        list_all(kube, found[_VOLUME], None, None),
    )
    *owned, claims, pods, sets, jobs, volumes = lists
    workloads = [item for items in owned for item in items if _goes(item)]
    names = {str(c["metadata"]["name"]): c for c in claims}
    mine = {claim for pod in pods if carries(pod, labels) for claim in claims_of(pod).values()}
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
        tuple(_held(pods, (*sets, *jobs), {str(w["metadata"]["uid"]) for w in workloads}, gone)),
    )


def owned_by(item: Object) -> set[str]:
    """The uids of an object's owners."""
    return {str(o.get("uid")) for o in item["metadata"].get("ownerReferences") or ()}


def _held(
    pods: Sequence[Object],
    between: Sequence[Object],
    doomed: Collection[str],
    gone: Collection[str],
) -> list[str]:
    """Pods that use volumes which go, and that do not go with any doomed workload. Pure.

    Args:
        pods: Of the namespace.
        between: Its ReplicaSets and Jobs, which stand between a pod and what people made.
        doomed: uids of the workloads that go.
        gone: Claims that go.
    """
    ending = set(doomed) | {str(b["metadata"]["uid"]) for b in between if owned_by(b) & set(doomed)}
    said = []
    for pod in pods:
        used = sorted(set(claims_of(pod).values()) & set(gone))
        meta = pod["metadata"]
        running = (pod.get("status") or {}).get("phase") not in ENDED
        if used and running and not ending & (owned_by(pod) | {str(meta["uid"])}):
            said.append(f"{used[0]} by pod {meta['name']}{_whose(pod, between)}")
    return said


def _whose(pod: Object, between: Sequence[Object]) -> str:
    """` of StatefulSet db`, the topmost owner that is known; empty for a pod on its own."""
    owners = pod["metadata"].get("ownerReferences") or ()
    for one in between:
        if owned_by(pod) & {str(one["metadata"]["uid"])}:
            owners = one["metadata"].get("ownerReferences") or owners
    return f" of {owners[0].get('kind')} {owners[0].get('name')}" if owners else ""


def kinds_of_room() -> dict[str, Kind]:
    """The kinds that may have to go, by name."""
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


async def list_all(
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


async def there(kube: KubeClient, namespace: str, one: Doomed) -> Any | None:
    """The very object, or None."""
    from integrations.kubernetes.errors import NotFound

    try:
        item = await kube.get(kinds_of_room()[one.kind], namespace, one.name)
    except NotFound:
        return None
    return item if item["metadata"]["uid"] == one.uid else None


async def another(kube: KubeClient, namespace: str, one: Doomed) -> bool:
    """Whether the name belongs to something else by now."""
    items = await _one(kube, kinds_of_room()[one.kind], namespace, one.name)
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
    return item["kind"] != "Pod" or status.get("phase") not in ENDED


def _doomed(item: Object) -> Doomed:
    meta = item["metadata"]
    return Doomed(str(item["kind"]), str(meta["name"]), str(meta["uid"]))


def carries(item: Object, labels: Mapping[str, str]) -> bool:
    """Whether an object carries all these labels."""
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
