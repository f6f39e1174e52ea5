"""The resource metrics API (``metrics.k8s.io/v1beta1``): what nodes and pods use right now.

Shapes are those of ``k8s.io/metrics`` v0.35 as metrics-server v0.9 fills them. Usage follows how
busy the workloads are (`Load`), so that it agrees with what autoscalers do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sandbox.kube import errors
from sandbox.kube.clock import timestamp
from sandbox.kube.controllers.load import Load
from sandbox.kube.controllers.meta import controller_of, quantity
from sandbox.kube.jsonutil import Json, dig
from sandbox.kube.resources import NODES, PODS
from sandbox.kube.selectors import Test, label_test
from sandbox.kube.store import Store

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
API_VERSION = f"{GROUP}/{VERSION}"
WINDOW = "15s"
_NODE_CPU, _NODE_MEMORY = 0.25, 2300 * 1024**2
"""What a node uses besides its pods."""
_USUAL_CPU, _USUAL_MEMORY = 0.1, 128 * 1024**2
"""Taken where a container requests nothing."""
_VERBS = ["get", "list"]
_PARAMETERS = frozenset({"labelSelector", "limit", "resourceVersion", "pretty", "timeout"})
_KINDS = {"nodes": ("NodeMetrics", False), "pods": ("PodMetrics", True)}


@dataclass(frozen=True, slots=True)
class MetricsApi:
    """Serves the API from how busy the workloads are; not there until a load is measured."""

    store: Store
    load: Load
    clock: Callable[[], datetime]

    @property
    def served(self) -> bool:
        """Whether there is a metrics server."""
        return self.load.measured

    # -- discovery -------------------------------------------------------------------------

    def group(self) -> Json:
        """The document of ``/apis/metrics.k8s.io``."""
        version = {"groupVersion": API_VERSION, "version": VERSION}
        return {
            "kind": "APIGroup",
            "apiVersion": "v1",
            "name": GROUP,
            "versions": [version],
            "preferredVersion": version,
        }

    def resources(self) -> Json:
        """The document of ``/apis/metrics.k8s.io/v1beta1``."""
        listed = [
            {"name": n, "singularName": "", "namespaced": spaced, "kind": kind, "verbs": _VERBS}
            for n, (kind, spaced) in _KINDS.items()
        ]
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": API_VERSION,
            "resources": listed,
        }

    def aggregated(self) -> Json:
        """The entry of an ``APIGroupDiscoveryList``."""
        listed = [
            {
                "resource": name,
                "responseKind": {"group": "", "version": "", "kind": kind},
                "scope": "Namespaced" if spaced else "Cluster",
                "singularResource": "",
                "verbs": _VERBS,
            }
            for name, (kind, spaced) in _KINDS.items()
        ]
        versions = [{"version": VERSION, "freshness": "Current", "resources": listed}]
        return {"metadata": {"name": GROUP, "creationTimestamp": None}, "versions": versions}

    # -- usage -----------------------------------------------------------------------------

    def answer(self, method: str, parts: list[str], query: Mapping[str, str]) -> Json:
        """Answers what is below ``/apis/metrics.k8s.io``, given in pieces.

        Raises:
            ApiError: 404 for what is not there, 405 for writes, 501 for unknown parameters.
        """
        wanted = _selection(query)
        if not parts:
            return self.group()
        if parts[0] != VERSION:
            raise errors.path_not_found()
        if method != "GET":
            raise errors.method_not_allowed(GROUP, parts[-1])
        match parts[1:]:
            case []:
                return self.resources()
            case ["nodes"]:
                return _list("NodeMetrics", filter(wanted, self._nodes()))
            case ["nodes", name]:
                return _one(name, "nodes", self._nodes())
            case ["pods"]:
                return _list("PodMetrics", filter(wanted, self._pods(None)))
            case ["namespaces", namespace, "pods"]:
                return _list("PodMetrics", filter(wanted, self._pods(namespace)))
            case ["namespaces", namespace, "pods", name]:
                return _one(name, "pods", self._pods(namespace))
        raise errors.path_not_found()

    def _pods(self, namespace: str | None) -> Iterator[Json]:
        running = [
            pod
            for pod in self.store.list(PODS, namespace)
            if dig(pod, "status", "phase") == "Running"
        ]
        crowds: dict[tuple[str, str], int] = {}
        for pod in running:
            crowds[_owner(pod)] = crowds.get(_owner(pod), 0) + 1
        for pod in running:
            containers = [
                {"name": c["name"], "usage": self._usage(c, _owner(pod), crowds[_owner(pod)])}
                for c in pod["spec"]["containers"]
            ]
            yield self._metrics("PodMetrics", pod) | {"containers": containers}

    def _usage(self, container: Json, owner: tuple[str, str], pods: int) -> Json:
        asked = dig(container, "resources", "requests") or {}
        cpu = float(quantity(asked["cpu"])) if "cpu" in asked else _USUAL_CPU
        memory = float(quantity(asked["memory"])) if "memory" in asked else _USUAL_MEMORY
        busy = self.load.per_pod(*owner, "cpu", pods) / 100
        full = self.load.per_pod(*owner, "memory", pods) / 100
        return _amounts(cpu * busy, memory * full)

    def _nodes(self) -> Iterator[Json]:
        used: dict[str, tuple[float, float]] = {}
        for pod in self._pods(None):
            meta = pod["metadata"]
            found = self.store.peek(PODS, meta["namespace"], meta["name"]) or {}
            name = str(dig(found, "spec", "nodeName") or "")
            cpu, memory = used.get(name, (_NODE_CPU, _NODE_MEMORY))
            for container in pod["containers"]:
                cpu += float(quantity(container["usage"]["cpu"]))
                memory += float(quantity(container["usage"]["memory"]))
            used[name] = cpu, memory
        for node in self.store.list(NODES):
            name = node["metadata"]["name"]
            usage = _amounts(*used.get(name, (_NODE_CPU, _NODE_MEMORY)))
            yield self._metrics("NodeMetrics", node) | {"usage": usage}

    def _metrics(self, kind: str, obj: Json) -> Json:
        now, source = timestamp(self.clock()), obj["metadata"]
        meta = {k: source[k] for k in ("name", "namespace", "labels") if k in source}
        return {
            "kind": kind,
            "apiVersion": API_VERSION,
            "metadata": meta | {"creationTimestamp": now},
            "timestamp": now,
            "window": WINDOW,
        }


def _selection(query: Mapping[str, str]) -> Test:
    for name in query:
        if name not in _PARAMETERS:
            raise errors.not_implemented(f"the query parameter {name!r} of {GROUP}")
    return label_test(query.get("labelSelector", ""))


def _amounts(cpu: float, memory: float) -> Json:
    return {"cpu": f"{round(cpu * 1e9)}n", "memory": f"{round(memory / 1024)}Ki"}


def _owner(pod: Json) -> tuple[str, str]:
    """Namespace and name of what runs the pod; a ReplicaSet's Deployment for its pods."""
    namespace, owner = pod["metadata"]["namespace"], controller_of(pod)
    if owner is None:
        return namespace, pod["metadata"]["name"]
    name = str(owner["name"])
    hashed = (pod["metadata"].get("labels") or {}).get("pod-template-hash")
    return namespace, name.removesuffix(f"-{hashed}") if hashed else name


def _list(kind: str, items: Iterator[Json]) -> Json:
    plain = [{k: v for k, v in item.items() if k not in ("kind", "apiVersion")} for item in items]
    return {"kind": f"{kind}List", "apiVersion": API_VERSION, "metadata": {}, "items": plain}


def _one(name: str, plural: str, items: Iterator[Json]) -> Json:
    for item in items:
        if item["metadata"]["name"] == name:
            return item
    raise errors.not_found(GROUP, plural, name)
