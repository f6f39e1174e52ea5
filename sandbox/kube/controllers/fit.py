"""Whether a pod fits a node: the scheduler's filters and their words.

Follows ``pkg/scheduler/framework/plugins``; reads only, so a test needs no store.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.kube.controllers.meta import Json, controller_of, is_true, labels, matches, quantity

HOSTNAME = "kubernetes.io/hostname"


@dataclass(slots=True)
class Room:
    """A node and what is left on it.

    Attributes:
        node: The Node object.
        pods: The pods bound to it that have not ended.
        free: Allocatable minus requested, by resource name.
        owners: How many pods each controller (by uid) has here.
        choosy: Those of the pods that keep others away.
    """

    node: Json
    pods: list[Json]
    free: dict[str, Decimal] = field(default_factory=dict)
    owners: Counter[str] = field(default_factory=Counter)
    choosy: list[Json] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The node's name."""
        return str(self.node["metadata"]["name"])

    def take(self, pod: Json, wants: dict[str, Decimal]) -> None:
        """Count a pod as placed here."""
        self.pods.append(pod)
        owner = controller_of(pod)
        if owner is not None:
            self.owners[owner["uid"]] += 1
        if (pod["spec"].get("affinity") or {}).get("podAntiAffinity"):
            self.choosy.append(pod)
        for name, amount in wants.items():
            self.free[name] = self.free.get(name, Decimal(0)) - amount


def room(node: Json, pods: list[Json]) -> Room:
    """Measure what is left on a node."""
    there = [p for p in pods if (p.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    found = Room(node, [], {name: quantity(text) for name, text in allocatable.items()})
    for pod in there:
        found.take(pod, requests(pod["spec"]))
    return found


def requests(spec: Json) -> dict[str, Decimal]:
    """Return what a pod asks for, its own slot included."""
    total: dict[str, Decimal] = {"pods": Decimal(1)}
    for container in spec["containers"]:
        for name, text in ((container.get("resources") or {}).get("requests") or {}).items():
            total[name] = total.get(name, Decimal(0)) + quantity(text)
    for container in spec.get("initContainers") or ():
        for name, text in ((container.get("resources") or {}).get("requests") or {}).items():
            total[name] = max(total.get(name, Decimal(0)), quantity(text))
    return total


def misfit(pod: Json, wants: dict[str, Decimal], room: Room) -> list[str]:
    """Return why the pod cannot go to the node, in the scheduler's words; [] if it can."""
    spec, node = pod["spec"], room.node
    if spec.get("nodeName") and spec["nodeName"] != room.name:
        return ["node(s) didn't match the requested node name"]
    if node["spec"].get("unschedulable") and not _tolerates(spec, _UNSCHEDULABLE):
        return ["node(s) were unschedulable"]
    for taint in node["spec"].get("taints") or ():
        if taint["effect"] in ("NoSchedule", "NoExecute") and not _tolerates(spec, taint):
            return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"]
    if not is_true(node.get("status") or {}, "Ready") and not _tolerates(spec, _NOT_READY):
        return ["node(s) were not ready"]
    if not _selected(spec, node):
        return ["node(s) didn't match Pod's node affinity/selector"]
    short = [
        "Too many pods" if name == "pods" else f"Insufficient {name}"
        for name, amount in wants.items()
        if amount > room.free.get(name, Decimal(0))
    ]
    return short or _apart(pod, room)


_UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def tolerated(spec: Json, taint: Json) -> Json | None:
    """Return the toleration that lets a pod bear a taint, if any."""
    for item in spec.get("tolerations") or ():
        if item.get("effect") not in (None, "", taint["effect"]):
            continue
        if item.get("operator", "Equal") == "Exists":
            if item.get("key") in (None, "", taint["key"]):
                return item  # type: ignore[no-any-return]
        elif (item.get("key"), item.get("value", "")) == (taint["key"], taint.get("value", "")):
            return item  # type: ignore[no-any-return]
    return None


def _tolerates(spec: Json, taint: Json) -> bool:
    return tolerated(spec, taint) is not None


def _selected(spec: Json, node: Json) -> bool:
    have = labels(node)
    if not all(have.get(k) == v for k, v in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    fields = {"metadata.name": node["metadata"]["name"]}
    return any(
        matches({"matchExpressions": term.get("matchExpressions")}, have)
        and matches({"matchExpressions": term.get("matchFields")}, fields)
        for term in required["nodeSelectorTerms"]
    )


def _apart(pod: Json, room: Room) -> list[str]:
    """Required pod (anti-)affinity, for terms whose topology is the host."""
    affinity = pod["spec"].get("affinity") or {}
    if not affinity and not room.choosy:
        return []
    for term in _required(affinity.get("podAntiAffinity")):
        if any(_hit(term, pod, other) for other in room.pods):
            return ["node(s) didn't match pod anti-affinity rules"]
    for other in room.choosy:
        theirs = (other["spec"].get("affinity") or {}).get("podAntiAffinity")
        if any(_hit(term, other, pod) for term in _required(theirs)):
            return ["node(s) didn't satisfy existing pods anti-affinity rules"]
    for term in _required(affinity.get("podAffinity")):
        mine = matches(term.get("labelSelector"), labels(pod))
        if not mine and not any(_hit(term, pod, other) for other in room.pods):
            return ["node(s) didn't match pod affinity rules"]
    return []


def _required(side: Json | None) -> list[Json]:
    terms = (side or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or []
    return [term for term in terms if term["topologyKey"] == HOSTNAME]


def _hit(term: Json, holder: Json, other: Json) -> bool:
    spaces = term.get("namespaces") or [holder["metadata"]["namespace"]]
    return other["metadata"]["namespace"] in spaces and matches(
        term.get("labelSelector"), labels(other)
    )
