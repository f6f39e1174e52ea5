"""Looking at the cluster before a restore: everything that a plan has to say about it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.recovery.restores import conflicts
from bot.recovery.restores.conflicts import CLAIMS, Met, Object
from bot.recovery.which.owners import Owner, active, owners

if TYPE_CHECKING:
    from integrations.kubernetes.client import KubeClient
    from integrations.kubernetes.kinds import Kind
    from integrations.velero.contents import Saved

_AT_ONCE = 8
_WORKLOADS = frozenset({"deployments.apps", "statefulsets.apps", "daemonsets.apps"})
_ANCHORS = _WORKLOADS | {"jobs.batch", CLAIMS}
"""What tells one life of a namespace from another; pods come and go."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a restore would meet.

    Attributes:
        total: Objects that it takes.
        there: How many of them have their names taken.
        met: Those whose names are taken, without what the cluster makes by itself.
        claims: Volume claims that exist: their data is not touched.
        hooks: Pods with a restore hook that will be made anew, so that it runs.
        idle_hooks: Such pods that exist, so that it does not.
        clashes: Sentences about node ports, hosts, storage classes, kinds and versions.
        owners: GitOps controllers at work on what is there.
        ending: Namespaces that are being deleted.
        fresh: Namespaces that will be made.
        marks: Identity of what is there, for the fingerprint.
        workloads: How many of the objects are workloads that have to become ready.
    """

    total: int
    there: int = 0
    met: tuple[Met, ...] = ()
    claims: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    idle_hooks: tuple[str, ...] = ()
    clashes: tuple[str, ...] = ()
    owners: tuple[Owner, ...] = ()
    ending: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    marks: str = ""
    workloads: int = 0

    @property
    def existing(self) -> tuple[str, ...]:
        """`Deployment parse-server` of each object that exists."""
        return tuple(one.path for one in self.met)


async def survey(
    kube: KubeClient,
    objects: Collection[Saved],
    mapping: Mapping[str, str],
    *,
    source: str,
    keep_ports: bool,
    gone: Collection[str] = (),
) -> Survey:
    """Compares what a restore takes with what the cluster has; only reads.

    Args:
        kube: The cluster.
        objects: What the restore takes.
        mapping: Namespace in the backup → namespace here, for each of them.
        source: The version of the cluster that the backup is of.
        keep_ports: Whether node ports are kept.
        gone: uids of what will be deleted first, and so is in nobody's way.
    """
    places = sorted(set(mapping.values()))
    (uids, ending, fresh), (live, unknown), held, version = await asyncio.gather(
        _namespaces(kube, places), _live(kube, objects, mapping), _held(kube), kube.version()
    )
    classes, services, ingresses = held
    met = _in_the_way(conflicts.met(objects, mapping, live), gone)
    claims = tuple(m.path.partition(" ")[2] for m in met if m.resource == CLAIMS)
    hooked, pods = set(conflicts.hooked(objects)), _pods(met)
    everything = [meta for names in live.values() for meta in names.values()]
    clashes = (
        *conflicts.port_clashes(objects, mapping, services or (), keep=keep_ports),
        *conflicts.host_clashes(objects, mapping, ingresses or ()),
        *(() if classes is None else conflicts.class_problems(objects, classes, claims)),
        *(f"This cluster knows no {kind}: install its CRD first." for kind in unknown),
        *filter(None, [conflicts.older(source, version)]),
    )
    return Survey(
        total=len(objects),
        there=len(met),
        met=tuple(m for m in met if not m.passing),
        claims=claims,
        hooks=tuple(sorted(hooked - pods)),
        idle_hooks=tuple(sorted(hooked & pods)),
        clashes=clashes,
        owners=await active(kube, owners(everything)),
        ending=ending,
        fresh=fresh,
        marks=_digest([*uids, *_anchors(live)]),
        workloads=sum(one.resource in _WORKLOADS for one in objects),
    )


def _in_the_way(met: Iterable[Met], gone: Collection[str]) -> list[Met]:
    """Without what goes first; with it go its pods, and what else the cluster makes for it."""
    return [m for m in met if m.meta.get("uid") not in gone and not (gone and m.passing)]


def _pods(met: Iterable[Met]) -> set[str]:
    return {m.path.partition(" ")[2] for m in met if m.resource == conflicts.PODS}


async def _namespaces(
    kube: KubeClient, names: Iterable[str]
) -> tuple[list[str], tuple[str, ...], tuple[str, ...]]:
    """uids, those being deleted, and those that are not there."""
    from integrations.kubernetes.errors import NotFound
    from integrations.kubernetes.kinds import NAMESPACE

    uids: list[str] = []
    ending: list[str] = []
    fresh: list[str] = []
    for name in names:
        try:
            meta = (await kube.get(NAMESPACE, None, name))["metadata"]
        except NotFound:
            fresh.append(name)
            continue
        uids.append(str(meta["uid"]))
        if meta.get("deletionTimestamp"):
            ending.append(name)
    return uids, tuple(ending), tuple(fresh)


async def _live(
    kube: KubeClient, objects: Collection[Saved], mapping: Mapping[str, str]
) -> tuple[dict[tuple[str, str], dict[str, Object]], tuple[str, ...]]:
    """The metadata of everything there of the backup's kinds, and kinds that are unknown."""
    from integrations.kubernetes.discovery import list_metadata, namespaced_kinds
    from integrations.kubernetes.errors import Forbidden, NotFound

    known = {resource_of(kind): kind for kind in await namespaced_kinds(kube)}
    wanted = {(o.resource, mapping.get(o.namespace, o.namespace)) for o in objects}
    unknown = {o.kind for o in objects if o.resource not in known}
    few = asyncio.Semaphore(_AT_ONCE)

    async def read(resource: str, place: str) -> tuple[tuple[str, str], dict[str, Object]]:
        metas: list[Any] = []
        if resource in known:
            try:
                async with few:
                    metas = await list_metadata(kube, known[resource], place)
            except (Forbidden, NotFound):
                metas = []
        return (resource, place), {str(meta["name"]): meta for meta in metas}

    found = await asyncio.gather(*(read(*one) for one in sorted(wanted)))
    return dict(found), tuple(sorted(unknown))


async def _held(kube: KubeClient) -> tuple[list[Object] | None, ...]:
    """What the whole cluster has of storage classes, Services, Ingresses."""
    return await asyncio.gather(
        all_of(kube, "storage.k8s.io/v1", "storageclasses", "StorageClass"),
        all_of(kube, "v1", "services", "Service"),
        all_of(kube, "networking.k8s.io/v1", "ingresses", "Ingress"),
    )


async def all_of(kube: KubeClient, api: str, plural: str, kind: str) -> list[Object] | None:
    """All objects of a kind; None when they may not be read."""
    from integrations.kubernetes.errors import Forbidden, NotFound
    from integrations.kubernetes.kinds import Kind

    try:
        return list((await kube.list(Kind(api, plural, kind))).items)
    except (Forbidden, NotFound):
        return None


def resource_of(kind: Kind) -> str:
    """As Velero calls it: `deployments.apps`."""
    group = kind.api_version.rpartition("/")[0]
    return f"{kind.plural}.{group}" if group else kind.plural


def _anchors(live: Mapping[tuple[str, str], Mapping[str, Object]]) -> list[str]:
    return [
        str(meta.get("uid"))
        for (resource, _), metas in live.items()
        if resource in _ANCHORS
        for meta in metas.values()
    ]


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:16]
