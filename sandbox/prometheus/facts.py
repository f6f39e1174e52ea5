"""What the series need to know of an object, small enough to be kept for each of its states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.kube.controllers.meta import condition, controller_of, is_true, quantity
from sandbox.kube.jsonutil import Json, dig
from sandbox.kube.resources import (
    DAEMONSETS,
    DEPLOYMENTS,
    HPAS,
    NODES,
    PERSISTENTVOLUMECLAIMS,
    PODS,
    STATEFULSETS,
    Resource,
)


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod: what it asks for, and how it is.

    Attributes:
        state: `running`, `waiting`, `terminated`; empty when nothing is known.
        reason: Of waiting or termination.
        requests: Resource → amount.
        limits: Resource → amount.
    """

    name: str
    image: str
    restarts: int
    ready: bool
    state: str
    reason: str
    requests: tuple[tuple[str, float], ...]
    limits: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod.

    Attributes:
        workload: Name of its Deployment, StatefulSet or other owner; its own without one.
        claims: Names of the claims it uses.
    """

    phase: str
    ready: str
    scheduled: str
    unschedulable: bool
    node: str
    address: str
    owner: tuple[str, str]
    workload: str
    claims: tuple[str, ...]
    containers: tuple[Container, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A node."""

    address: str
    cordoned: bool
    conditions: tuple[tuple[str, str], ...]
    allocatable: tuple[tuple[str, float], ...]
    capacity: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet or DaemonSet, in kube-state-metrics' words → numbers."""

    numbers: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim for a volume."""

    phase: str
    size: float
    storage_class: str
    volume: str


@dataclass(frozen=True, slots=True)
class Scaler:
    """A HorizontalPodAutoscaler."""

    low: float
    high: float
    current: float
    desired: float
    conditions: tuple[tuple[str, str], ...]


Fact = Pod | Node | Workload | Claim | Scaler


def _amounts(given: Any) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((name, float(quantity(text))) for name, text in (given or {}).items()))


def pod(obj: Json) -> Pod:
    """What is known of a pod."""
    meta, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    told = {s["name"]: s for s in status.get("containerStatuses") or ()}
    scheduled = condition(status, "PodScheduled") or {}
    owner = controller_of(obj) or {}
    kind, name = str(owner.get("kind", "")), str(owner.get("name", ""))
    workload = name or str(meta["name"])
    if kind == "ReplicaSet":
        hashed = (meta.get("labels") or {}).get("pod-template-hash", "")
        workload = workload.removesuffix(f"-{hashed}")
    volumes = spec.get("volumes") or ()
    claims = (dig(volume, "persistentVolumeClaim", "claimName") for volume in volumes)
    ready = condition(status, "Ready") or {}
    return Pod(
        phase=str(status.get("phase") or "Pending"),
        ready=str(ready.get("status", "False")).lower(),
        scheduled=str(scheduled.get("status", "True" if spec.get("nodeName") else "False")).lower(),
        unschedulable=scheduled.get("reason") == "Unschedulable",
        node=str(spec.get("nodeName") or ""),
        address=str(status.get("podIP") or ""),
        owner=(kind, name),
        workload=workload,
        claims=tuple(sorted(claim for claim in claims if claim)),
        containers=tuple(_container(c, told.get(c["name"]) or {}) for c in spec["containers"]),
    )


def _container(spec: Json, status: Json) -> Container:
    state = status.get("state") or {}
    word = next(iter(state), "")
    resources = spec.get("resources") or {}
    return Container(
        name=spec["name"],
        image=str(status.get("image") or spec.get("image") or ""),
        restarts=int(status.get("restartCount") or 0),
        ready=bool(status.get("ready")),
        state=word,
        reason=str((state.get(word) or {}).get("reason", "")),
        requests=_amounts(resources.get("requests")),
        limits=_amounts(resources.get("limits")),
    )


def node(obj: Json) -> Node:
    """What is known of a node."""
    status = obj.get("status") or {}
    found = (a["address"] for a in status.get("addresses") or () if a["type"] == "InternalIP")
    return Node(
        address=next(found, str(obj["metadata"]["name"])),
        cordoned=bool(obj["spec"].get("unschedulable")),
        conditions=_conditions(status),
        allocatable=_amounts(status.get("allocatable")),
        capacity=_amounts(status.get("capacity")),
    )


def _conditions(status: Json) -> tuple[tuple[str, str], ...]:
    given = status.get("conditions") or ()
    return tuple((c["type"], str(c["status"]).lower()) for c in given)


def deployment(obj: Json) -> Workload:
    """What is known of a Deployment."""
    spec, status = obj["spec"], obj.get("status") or {}
    available = float(status.get("availableReplicas") or 0)
    return _workload(
        spec_replicas=spec.get("replicas", 1),
        metadata_generation=obj["metadata"].get("generation", 1),
        status_observed_generation=status.get("observedGeneration"),
        status_replicas=status.get("replicas"),
        status_replicas_ready=status.get("readyReplicas"),
        status_replicas_available=available,
        status_replicas_unavailable=status.get("unavailableReplicas"),
        status_replicas_updated=status.get("updatedReplicas"),
        stuck=not is_true(status, "Progressing") and condition(status, "Progressing") is not None,
    )


def stateful_set(obj: Json) -> Workload:
    """What is known of a StatefulSet."""
    spec, status = obj["spec"], obj.get("status") or {}
    return _workload(
        replicas=spec.get("replicas", 1),
        metadata_generation=obj["metadata"].get("generation", 1),
        status_observed_generation=status.get("observedGeneration"),
        status_replicas=status.get("replicas"),
        status_replicas_ready=status.get("readyReplicas"),
        status_replicas_available=status.get("availableReplicas"),
        status_replicas_current=status.get("currentReplicas"),
        status_replicas_updated=status.get("updatedReplicas"),
    )


def daemon_set(obj: Json) -> Workload:
    """What is known of a DaemonSet."""
    status = obj.get("status") or {}
    return _workload(
        metadata_generation=obj["metadata"].get("generation", 1),
        status_observed_generation=status.get("observedGeneration"),
        status_desired_number_scheduled=status.get("desiredNumberScheduled"),
        status_current_number_scheduled=status.get("currentNumberScheduled"),
        status_number_misscheduled=status.get("numberMisscheduled"),
        status_number_ready=status.get("numberReady"),
        status_number_available=status.get("numberAvailable"),
        status_number_unavailable=status.get("numberUnavailable"),
        status_updated_number_scheduled=status.get("updatedNumberScheduled"),
    )


def _workload(**numbers: Any) -> Workload:
    return Workload(tuple((name, float(value or 0)) for name, value in numbers.items()))


def claim(obj: Json) -> Claim:
    """What is known of a claim for a volume."""
    spec, status = obj["spec"], obj.get("status") or {}
    size = dig(status, "capacity", "storage") or dig(spec, "resources", "requests", "storage")
    return Claim(
        phase=str(status.get("phase") or "Pending"),
        size=float(quantity(size)),
        storage_class=str(spec.get("storageClassName") or ""),
        volume=str(spec.get("volumeName") or ""),
    )


def scaler(obj: Json) -> Scaler:
    """What is known of an autoscaler."""
    spec, status = obj["spec"], obj.get("status") or {}
    return Scaler(
        low=float(spec.get("minReplicas") or 1),
        high=float(spec.get("maxReplicas") or 1),
        current=float(status.get("currentReplicas") or 0),
        desired=float(status.get("desiredReplicas") or 0),
        conditions=_conditions(status),
    )


READERS: dict[str, Callable[[Json], Fact]] = {
    PODS.key: pod,
    NODES.key: node,
    DEPLOYMENTS.key: deployment,
    STATEFULSETS.key: stateful_set,
    DAEMONSETS.key: daemon_set,
    PERSISTENTVOLUMECLAIMS.key: claim,
    HPAS.key: scaler,
}
"""How each kind that is followed is read."""
FOLLOWED: tuple[Resource, ...] = (
    PODS,
    NODES,
    DEPLOYMENTS,
    STATEFULSETS,
    DAEMONSETS,
    PERSISTENTVOLUMECLAIMS,
    HPAS,
)
