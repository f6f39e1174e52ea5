"""What the server itself does to objects on their way into the store, kind by kind.

Follows ``pkg/registry/*/strategy.go`` of Kubernetes v1.35; the defaults are in ``defaults``.
"""

from __future__ import annotations

import base64
from typing import Any

from sandbox.kube.defaults import apply_defaults
from sandbox.kube.jsonutil import Json, dig, metadata, thaw
from sandbox.kube.resources import Resource
from sandbox.kube.schema import octets

_JOB = "batch.kubernetes.io/"
_KEEPS_STATUS = frozenset({"nodes"})
_FIRST_STATUS: dict[str, Json] = {
    "namespaces": {"phase": "Active"},
    "pods": {"phase": "Pending"},
    "persistentvolumeclaims": {"phase": "Pending"},
    "persistentvolumes": {"phase": "Pending"},
    "services": {"loadBalancer": {}},
    "deployments.apps": {},
    "replicasets.apps": {"replicas": 0},
    "replicationcontrollers": {"replicas": 0},
    "statefulsets.apps": {"replicas": 0, "availableReplicas": 0},
    "daemonsets.apps": {
        "currentNumberScheduled": 0,
        "desiredNumberScheduled": 0,
        "numberMisscheduled": 0,
        "numberReady": 0,
    },
    "jobs.batch": {},
    "cronjobs.batch": {},
    "ingresses.networking.k8s.io": {"loadBalancer": {}},
    "horizontalpodautoscalers.autoscaling": {"currentMetrics": None, "desiredReplicas": 0},
    "poddisruptionbudgets.policy": {
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "disruptionsAllowed": 0,
        "expectedPods": 0,
    },
}
_OCTETS = {"secrets": ("data",), "configmaps": ("binaryData",)}
_FINALIZER = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


class Allocator:
    """Hands out cluster IPs (10.96.0.0/16) and node ports (30000 to 32767), and takes them back."""

    def __init__(self) -> None:
        self._used: set[str | int] = {"10.96.0.0", "10.96.0.1"}
        self._next_ip = 2
        self._next_port = 30000

    def cluster_ip(self) -> str:
        """Return a free address and reserve it."""
        while True:
            number = self._next_ip
            self._next_ip = number + 1 if number < 65_000 else 2
            address = f"10.96.{number // 256}.{number % 256}"
            if address not in self._used:
                self._used.add(address)
                return address

    def node_port(self) -> int:
        """Return a free port and reserve it."""
        while True:
            port = self._next_port
            self._next_port = port + 1 if port < 32767 else 30000
            if port not in self._used:
                self._used.add(port)
                return port

    def reserve(self, value: str | int) -> bool:
        """Take a value somebody asked for; False when it is taken."""
        if value in self._used:
            return False
        self._used.add(value)
        return True

    def release(self, resource: Resource, obj: Json) -> None:
        """Give back what a deleted Service held."""
        if resource.key != "services":
            return
        spec = obj.get("spec") or {}
        for value in (*spec.get("clusterIPs", ()), *_node_ports(spec)):
            self._used.discard(value)


def _node_ports(spec: Json) -> list[int]:
    return [port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")]


def prepare_create(resource: Resource, obj: Json, allocator: Allocator | None) -> None:
    """Bring a new object into the form it is kept in. ``allocator`` None: a dry run."""
    _drop_empty(obj)
    if resource.key not in _KEEPS_STATUS and "status" in resource.subresources:
        obj.pop("status", None)
        first = _FIRST_STATUS.get(resource.key)
        if first is not None:
            obj["status"] = thaw(first)
    _write_only(resource, obj)
    if resource.key == "jobs.batch":
        _select_own_pods(obj)
    apply_defaults(resource, obj)
    if resource.key == "services":
        _give_addresses(obj, None, allocator)


def prepare_update(resource: Resource, obj: Json, old: Json, allocator: Allocator | None) -> None:
    """Bring a changed object into the form it is kept in. ``allocator`` None: a dry run."""
    _drop_empty(obj)
    _write_only(resource, obj)
    if resource.key == "services":
        _keep_addresses(obj, old)
    apply_defaults(resource, obj)
    if resource.key == "services":
        _give_addresses(obj, old, allocator)


def prepare_delete(resource: Resource, obj: Json) -> None:
    """Change what the start of a deletion changes."""
    if resource.key == "namespaces":
        obj.setdefault("status", {})["phase"] = "Terminating"


def grace_seconds(resource: Resource, old: Json, asked: int | None) -> int:
    """How many seconds of grace a deletion gets; only pods that run have any."""
    if resource.key != "pods":
        return 0
    spec = old.get("spec") or {}
    if not spec.get("nodeName") or dig(old, "status", "phase") in ("Succeeded", "Failed"):
        return 0
    if asked is None:
        asked = int(spec.get("terminationGracePeriodSeconds", 30))
    return max(asked, 0)


def mark_propagation(resource: Resource, meta: Json, propagation: str | None) -> None:
    """Set the finalizer that tells the garbage collector what to do with dependents."""
    if propagation is None:
        return
    kept = [f for f in meta.get("finalizers") or () if f not in _FINALIZER.values()]
    wanted = _FINALIZER.get(propagation)
    if wanted:
        kept.append(wanted)
    meta["finalizers"] = kept
    if not kept:
        del meta["finalizers"]


def _drop_empty(obj: Json) -> None:
    meta = obj["metadata"]
    for name in ("labels", "annotations", "finalizers", "ownerReferences", "managedFields"):
        if name in meta and not meta[name]:
            del meta[name]


def _write_only(resource: Resource, obj: Json) -> None:
    """Fold fields that exist only for writing into those that are kept."""
    if resource.key == "secrets" and obj.get("stringData"):
        data = dict(obj.get("data") or {})
        for name, text in obj["stringData"].items():
            data[name] = base64.b64encode(str(text).encode()).decode()
        obj["data"] = data
    if resource.key == "secrets":
        obj.pop("stringData", None)
    for name in _OCTETS.get(resource.key, ()):
        if obj.get(name):
            obj[name] = {key: octets.plain(text or "") for key, text in obj[name].items()}
    if resource.key == "namespaces":
        spec = obj.setdefault("spec", {})
        if "deletionTimestamp" not in obj["metadata"]:
            spec["finalizers"] = ["kubernetes"]
        labels = obj["metadata"].setdefault("labels", {})
        labels["kubernetes.io/metadata.name"] = obj["metadata"]["name"]


def _select_own_pods(job: Json) -> None:
    """Give a Job the selector and labels by which it alone finds its pods."""
    spec = job.setdefault("spec", {})
    if spec.get("manualSelector"):
        return
    uid, name = job["metadata"]["uid"], job["metadata"]["name"]
    labels = metadata(spec.setdefault("template", {})).setdefault("labels", {})
    spec["selector"] = {"matchLabels": {f"{_JOB}controller-uid": uid}}
    for prefix in ("", _JOB):
        labels[f"{prefix}controller-uid"] = uid
        labels[f"{prefix}job-name"] = name


def _keep_addresses(obj: Json, old: Json) -> None:
    """An update that leaves addresses out keeps them (``patchAllocatedValues``)."""
    spec: dict[str, Any] = obj.setdefault("spec", {})
    before = old.get("spec") or {}
    external = spec.get("type") == "ExternalName" or before.get("type") == "ExternalName"
    if external:
        return
    if not spec.get("clusterIP") and before.get("clusterIP"):
        spec["clusterIP"], spec["clusterIPs"] = before["clusterIP"], list(before["clusterIPs"])
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        ports = {(p.get("port"), p.get("protocol", "TCP")): p for p in before.get("ports") or ()}
        for port in spec.get("ports") or ():
            same = ports.get((port.get("port"), port.get("protocol", "TCP")))
            if not port.get("nodePort") and same and same.get("nodePort"):
                port["nodePort"] = same["nodePort"]


def _give_addresses(obj: Json, old: Json | None, allocator: Allocator | None) -> None:
    spec: dict[str, Any] = obj.setdefault("spec", {})
    if spec.get("type") == "ExternalName":
        spec.pop("clusterIP", None)
        spec.pop("clusterIPs", None)
        return
    if not spec.get("clusterIP") and allocator:
        spec["clusterIP"] = allocator.cluster_ip()
    elif spec.get("clusterIP") not in (None, "None", dig(old, "spec", "clusterIP")) and allocator:
        allocator.reserve(spec["clusterIP"])
    if spec.get("clusterIP"):
        spec["clusterIPs"] = [spec["clusterIP"]]
    if spec.get("type") in ("NodePort", "LoadBalancer") and allocator:
        held = _node_ports(dig(old, "spec", default={}))
        for port in spec.get("ports") or ():
            if not port.get("nodePort"):
                port["nodePort"] = allocator.node_port()
            elif port["nodePort"] not in held:
                allocator.reserve(port["nodePort"])
