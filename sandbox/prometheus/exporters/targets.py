"""Whom Prometheus asks, and whether they answer: `up`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from sandbox.prometheus.facts import Node
from sandbox.prometheus.history import Life
from sandbox.prometheus.promql.values import Labels
from sandbox.prometheus.scene import NAMESPACE, Scene, labelled, track
from sandbox.prometheus.scraping import Track
from sandbox.prometheus.shapes import Span, steady, summed

APISERVER = {
    "job": "apiserver",
    "instance": "10.0.0.2:6443",
    "namespace": "default",
    "service": "kubernetes",
    "endpoint": "https",
}
SCHEDULER = {
    "job": "kube-scheduler",
    "instance": "10.0.0.2:10259",
    "namespace": "kube-system",
    "endpoint": "http-metrics",
}
CONTROLLERS = {
    "job": "kube-controller-manager",
    "instance": "10.0.0.2:10257",
    "namespace": "kube-system",
    "endpoint": "http-metrics",
}
FLUENT_BIT = {"job": "fluent-bit", "instance": "10.244.0.12:2020", "namespace": "logging"}
STATE = {
    "job": "kube-state-metrics",
    "instance": "10.244.0.10:8080",
    "namespace": NAMESPACE,
    "endpoint": "http",
    "service": "practice-kube-state-metrics",
}
_SINGLE = (APISERVER, SCHEDULER, CONTROLLERS, FLUENT_BIT, STATE)
_KUBELET_PATHS = ("/metrics", "/metrics/cadvisor")
JOBS = (*(target["job"] for target in _SINGLE), "node-exporter", "kubelet")
"""All jobs."""


def targets(scene: Scene) -> Iterator[tuple[dict[str, str], Span, list[Span]]]:
    """Yield each target's labels, how long it was one, and when it answered."""
    for labels in _SINGLE:
        yield labels, scene.always[0], scene.reached(scene.always, labels["job"])
    for life in scene.nodes():
        if life.states:
            yield from _of_node(scene, life)


def _of_node(scene: Scene, life: Life[Node]) -> Iterator[tuple[dict[str, str], Span, list[Span]]]:
    address, there = life.states[-1][1].address, (life.born, life.died)
    up = scene.up(life)
    exporter = {
        "job": "node-exporter",
        "instance": f"{address}:9100",
        "namespace": NAMESPACE,
        "container": "node-exporter",
        "endpoint": "http-metrics",
        "service": "practice-node-exporter",
        "pod": f"practice-node-exporter-{life.name}",
    }
    yield exporter, there, scene.reached(up, "node-exporter")
    for path in _KUBELET_PATHS:
        kubelet = {
            "job": "kubelet",
            "instance": f"{address}:10250",
            "metrics_path": path,
            "node": life.name,
            "namespace": "kube-system",
            "endpoint": "https-metrics",
            "service": "practice-kubelet",
        }
        yield kubelet, there, scene.reached(up, "kubelet")


def _up(scene: Scene) -> Iterator[Track]:
    for labels, there, answered in targets(scene):
        levels = summed([(*there, 0.0), *((start, end, 1.0) for start, end in answered)])
        yield track(labelled("up", **labels), [there], levels.value)


def _started(scene: Scene) -> Iterator[Track]:
    for labels, _, answered in targets(scene):
        value = steady(scene.first / 1000 - 60, [(scene.first - 1, scene.always[0][1])])
        name = labelled("process_start_time_seconds", **labels)
        yield track(name, answered, value.value)


def _build(scene: Scene) -> Iterator[Track]:
    labels: Labels = labelled(
        "prometheus_build_info", job="prometheus", instance="10.244.0.11:9090", version="3.8.1"
    )
    yield track(labels, scene.always, lambda times: np.ones(len(times)))


METRICS: dict[str, Callable[[Scene], Iterable[Track]]] = {
    "up": _up,
    "process_start_time_seconds": _started,
    "prometheus_build_info": _build,
}
