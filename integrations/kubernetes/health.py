"""How a cluster is: its API server, its nodes, its pods. Only reads.

Pods are read as the server's own tables, namespace by namespace, and only those that are not well
as whole objects: a look at thousands of pods stays small.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.diagnosis import Problem, diagnose
from integrations.kubernetes.errors import Forbidden, NotFound
from integrations.kubernetes.kinds import NAMESPACE, NODE, POD
from integrations.kubernetes.models import Object, Row, Table
from integrations.kubernetes.usage import quantity
from integrations.kubernetes.warned import seconds

AT_ONCE = 8
"""Requests under way at the same time."""
LOOKED_AT = 40
"""Pods that are not well whose causes are looked for."""
STARTING = 120.0
"""Seconds in which a new pod may be on its way."""
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
_ENDED = frozenset({"Completed", "Succeeded"})
_ENDING = "Terminating"
_LATENCY_LOOKS = 3


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """The API server, by its own word.

    Attributes:
        failing: Checks of its readiness that fail.
        dying: Checks of its liveness that fail: it should be restarted.
        latency: Seconds that a small request takes, the median of a few.
        version: Such as ``v1.35.4``.
        silent: It does not say whether it is ready, and why.
    """

    failing: tuple[str, ...]
    dying: tuple[str, ...]
    latency: float
    version: str
    silent: str = ""


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node.

    Attributes:
        ready: The kubelet reports, and says that it is.
        why: What it says otherwise.
        pressures: Conditions that should not hold: ``DiskPressure``.
        cordoned: New pods are kept off it.
        room: Pods that it takes.
    """

    name: str
    ready: bool
    why: str
    pressures: tuple[str, ...]
    cordoned: bool
    room: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A pod that is not well.

    Attributes:
        reason: Machine-readable, Kubernetes' own where it has one.
        message: A sentence; empty where only the reason is known.
        fatal: Waiting will not help.
    """

    namespace: str
    pod: str
    reason: str
    message: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class Pods:
    """All pods that may be seen.

    Attributes:
        total: Without those that have done their work.
        starting: New ones on their way.
        on: Node → how many are there.
    """

    total: int
    starting: int
    troubles: tuple[Trouble, ...]
    on: Mapping[str, int]


async def control_plane(client: KubeClient) -> ControlPlane:
    """Ask the API server how it is.

    Raises:
        ClusterUnreachable: It does not answer.
    """
    failing: tuple[str, ...] = ()
    dying: tuple[str, ...] = ()
    silent = ""
    try:
        failing = await client.transport.failed_checks()
        if failing:
            dying = await client.transport.failed_checks(about="livez")
    except Forbidden as error:
        silent = error.message
    taken, version = [], ""
    for _ in range(_LATENCY_LOOKS):
        began = time.monotonic()
        version = await client.version()
        taken.append(time.monotonic() - began)
    return ControlPlane(failing, dying, statistics.median(taken), version, silent)


async def nodes(client: KubeClient) -> tuple[NodeState, ...]:
    """All nodes by name."""
    found = (await client.list(NODE)).items
    return tuple(sorted(map(node_state, found), key=lambda node: node.name))


def node_state(node: Object) -> NodeState:
    """Read one node."""
    status, spec = node.get("status") or {}, node.get("spec") or {}
    conditions = {str(c.get("type")): c for c in status.get("conditions") or ()}
    ready = conditions.get("Ready") or {}
    room = (status.get("allocatable") or {}).get("pods") or "0"
    return NodeState(
        name=str(node["metadata"]["name"]),
        ready=ready.get("status") == "True",
        why=str(ready.get("message") or ready.get("reason") or "its kubelet has never reported"),
        pressures=tuple(p for p in _PRESSURES if (conditions.get(p) or {}).get("status") == "True"),
        cordoned=bool(spec.get("unschedulable")),
        room=int(quantity(room)),
    )


async def namespaces_to_see(client: KubeClient, own: Iterable[str]) -> tuple[tuple[str, ...], bool]:
    """The namespaces whose pods and events may be read, and whether these are all.

    Args:
        client: Where.
        own: Those to look at where not all may be seen.
    """
    if (await client.can_i("list", POD)).allowed:
        found = (await client.list(NAMESPACE)).items
        return tuple(sorted(str(one["metadata"]["name"]) for one in found)), True
    return tuple(sorted(set(own))), False


async def pods(
    client: KubeClient, namespaces: Sequence[str], events: Sequence[Object], now: float
) -> Pods:
    """All pods of some namespaces, and why those are not well that are not.

    Args:
        client: Where.
        namespaces: Which.
        events: Their warnings, whose words tell why a probe or a mount fails.
        now: Seconds since 1970.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def table(namespace: str) -> Table:
        async with turns:
            return await client.table(POD, namespace)

    async def whole(namespace: str, name: str) -> Object | None:
        async with turns:
            try:
                return await client.get(POD, namespace, name)
            except NotFound:  # gone meanwhile
                return None

    tables = await asyncio.gather(*map(table, namespaces))
    seen = [
        (namespace, _PodRow.of(found, row))
        for namespace, found in zip(namespaces, tables, strict=True)
        for row in found.rows
    ]
    alive = [(namespace, row) for namespace, row in seen if row.status not in _ENDED]
    unwell = [(ns, row) for ns, row in alive if not row.well and row.status != _ENDING]
    objects = await asyncio.gather(*(whole(ns, row.name) for ns, row in unwell[:LOOKED_AT]))
    starting, troubles = 0, []
    for (namespace, row), pod in zip(unwell[:LOOKED_AT], objects, strict=True):
        if pod is None:
            continue
        young = now - _made(pod) < STARTING
        found = _problems(pod, namespace, events)
        if young and all(problem.reason == "NotReady" for problem in found):
            starting += 1
        elif found:
            troubles.append(_trouble(namespace, found[0]))
        else:
            troubles.append(Trouble(namespace, row.name, row.status, "", False))
    rest = [Trouble(ns, row.name, row.status, "", False) for ns, row in unwell[LOOKED_AT:]]
    on = Counter(row.node for _, row in alive if row.node)
    return Pods(len(alive), starting, (*troubles, *rest), dict(on))


@dataclass(frozen=True, slots=True)
class _PodRow:
    name: str
    ready: str
    status: str
    node: str

    @classmethod
    def of(cls, table: Table, row: Row) -> _PodRow:
        cells = dict(zip(table.columns, map(str, row.cells), strict=False))
        node = cells.get("Node", "")
        return cls(
            cells.get("Name", row.name),
            cells.get("Ready", ""),
            cells.get("Status", ""),
            "" if node == "<none>" else node,
        )

    @property
    def well(self) -> bool:
        up, _, all_ = self.ready.partition("/")
        return self.status == "Running" and up == all_


def _problems(pod: Object, namespace: str, events: Sequence[Object]) -> list[Problem]:
    """What is wrong with a pod; of several things the fatal one first."""
    name = pod["metadata"]["name"]
    own = [
        event
        for event in events
        if (about := event.get("involvedObject") or {}).get("name") == name
        and about.get("namespace") == namespace
    ]
    return diagnose([pod], own)


def _trouble(namespace: str, problem: Problem) -> Trouble:
    return Trouble(namespace, problem.pod, problem.reason, problem.message, problem.fatal)


def _made(pod: Object) -> float:
    return seconds(str(pod["metadata"].get("creationTimestamp") or ""))
