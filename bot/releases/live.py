"""What is there now: a release's workloads, their pods' troubles, the newest revision."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.releases.words import moment, short_image

if TYPE_CHECKING:
    from bot.context import Cluster
    from integrations.helm.models import Release, Revision
    from integrations.kubernetes.client import KubeClient

Object = Mapping[str, Any]

_AT_ONCE = 8
"""Releases that are read at once; the record of one takes up to 1 MB."""

_RELEASE = "meta.helm.sh/release-name"
_RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"


@dataclass(frozen=True, slots=True)
class WorkloadState:
    """One workload in words.

    Attributes:
        kind: `deployment`, `statefulset` or `daemonset`.
        ready: Ready pods.
        wanted: Pods asked for.
        created_at: Microseconds UTC.
        done: Everything is as asked for.
        message: How far the roll-out is, one sentence.
        problems: What is wrong with its pods, worst first.
    """

    kind: str
    name: str
    ready: int
    wanted: int
    image: str
    created_at: int | None
    done: bool
    message: str
    problems: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """`deployment/web`."""
        return f"{self.kind}/{self.name}"


async def release_workloads(kube: KubeClient, namespace: str, release: str) -> list[Object]:
    """The workloads that Helm keeps for a release, by the marks that Helm itself puts on them."""
    from integrations.kubernetes.kinds import WORKLOADS

    helm = {"app.kubernetes.io/managed-by": "Helm"}
    lists = await asyncio.gather(
        *(kube.list(kind, namespace, labels=helm) for kind in WORKLOADS.values())
    )
    return [item for found in lists for item in found.items if owned(item, namespace, release)]


def owned(item: Object, namespace: str, release: str) -> bool:
    """Whether an object belongs to a release."""
    marks = item["metadata"].get("annotations") or {}
    return bool(
        marks.get(_RELEASE) == release and marks.get(_RELEASE_NAMESPACE, namespace) == namespace
    )


def describe_workload(item: Object, problems: Iterable[str] = ()) -> WorkloadState:
    """A workload object in words."""
    from integrations.kubernetes.rollout import observed, rollout_status

    rollout = rollout_status(item)
    containers = item["spec"]["template"]["spec"].get("containers") or [{}]
    return WorkloadState(
        kind=str(item["kind"]).lower(),
        name=str(item["metadata"]["name"]),
        ready=rollout.ready,
        wanted=rollout.wanted,
        image=str(containers[0].get("image", "")),
        created_at=moment(str(item["metadata"].get("creationTimestamp") or "")),
        done=rollout.done and rollout.extra == 0 and observed(item),
        message=rollout.message,
        problems=tuple(problems),
    )


async def final_picture(
    kube: KubeClient, namespace: str, release: str
) -> tuple[tuple[str, str, str], ...]:
    """Path, `ready/wanted` and image of each workload, for a message about a success.

    Nothing when the cluster does not answer just then: what was done stays done.
    """
    from integrations.errors import IntegrationError

    try:
        items = await release_workloads(kube, namespace, release)
    except IntegrationError:
        return ()
    states = [describe_workload(item) for item in items]
    return tuple((s.path, f"{s.ready}/{s.wanted}", short_image(s.image)) for s in states)


async def examine(kube: KubeClient, namespace: str, items: Iterable[Object]) -> list[WorkloadState]:
    """Workloads in words; pods and events are only read for those that are not as asked for."""
    return list(await asyncio.gather(*(_examined(kube, namespace, item) for item in items)))


async def _examined(kube: KubeClient, namespace: str, item: Object) -> WorkloadState:
    from integrations.kubernetes.diagnosis import diagnose
    from integrations.kubernetes.kinds import EVENT, POD
    from integrations.kubernetes.revision import selects

    state = describe_workload(item)
    if state.done:
        return state
    labels = (item["spec"].get("selector") or {}).get("matchLabels") or None
    pods, events = await asyncio.gather(
        kube.list(POD, namespace, labels=labels),
        kube.list(EVENT, namespace, fields={"involvedObject.kind": "Pod"}),
    )
    mine = [pod for pod in pods.items if selects(item, pod)]
    found = diagnose(mine, events.items)
    return describe_workload(item, (problem.message for problem in found))


@dataclass(frozen=True, slots=True)
class Releases:
    """The releases of some namespaces.

    Attributes:
        found: By namespace and name.
        unread: Namespaces that could not be read, and why.
    """

    found: Mapping[tuple[str, str], Release]
    unread: Mapping[str, Exception]


async def releases_in(cluster: Cluster, places: Iterable[tuple[str, str]]) -> Releases:
    """The releases of these namespaces and names, where there are any.

    The cluster is asked first whether it answers at all: one that is away is not many troubles.
    """
    from integrations.helm.stored import newest

    await cluster.kube.version()
    found: dict[tuple[str, str], Release] = {}
    unread: dict[str, Exception] = {}
    few = asyncio.Semaphore(_AT_ONCE)

    async def read(namespace: str, name: str) -> None:
        try:
            async with few:
                release = await newest(cluster.kube, name, namespace)
        except Exception as error:
            unread[namespace] = error
        else:
            if release is not None:
                found[namespace, name] = release

    await asyncio.gather(*(read(*place) for place in sorted(set(places))))
    return Releases(found, unread)


async def newest_revision(kube: KubeClient, namespace: str, release: str) -> int:
    """The number of a release's newest revision, 0 without one; names only, nothing decoded."""
    from integrations.helm.stored import newest_number

    return await newest_number(kube, release, namespace)


def deployed(history: Iterable[Revision]) -> Revision | None:
    """The revision in force: the newest one whose status is deployed."""
    return next((r for r in reversed(tuple(history)) if r.status == "deployed"), None)


def last_good(history: Iterable[Revision], before: int) -> Revision | None:
    """The newest revision below a number that once worked."""
    good = ("deployed", "superseded")
    return next(
        (r for r in reversed(tuple(history)) if r.status in good and r.number < before), None
    )
