"""The kubelets' cAdvisor: CPU, memory and network of containers; and the logs they write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from sandbox.prometheus.promql.values import Floats, Labels, Times
from sandbox.prometheus.scene import Running, Scene, labelled, track
from sandbox.prometheus.scraping import Track
from sandbox.prometheus.shapes import Function, Levels, Ramp, Span, joined, share, steady, wave
from sandbox.prometheus.steering import MEMORY_LEAK, USUAL_LOAD

JOB = "kubelet"
PORT = 10250
_MIB = float(1 << 20)
_LEAKED = 0.97
_UNLIMITED = 2048 * _MIB
_ROTATED = 10 * _MIB


def target(scene: Scene, node: str, path: str) -> dict[str, str]:
    """The labels that a node's kubelet gives all its series."""
    address = next((n.states[-1][1].address for n in scene.nodes() if n.name == node), node)
    return {
        "job": JOB,
        "instance": f"{address}:{PORT}",
        "metrics_path": path,
        "node": node,
        "endpoint": "https-metrics",
        "service": "practice-kubelet",
    }


class _Targets:
    """Looks up the labels of kubelets once for a query."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._known: dict[tuple[str, str], dict[str, str]] = {}

    def of(self, run: Running, path: str = "/metrics/cadvisor") -> dict[str, str]:
        key = run.pod.node, path
        if key not in self._known:
            self._known[key] = target(self._scene, *key)
        return self._known[key]


def _labels(name: str, run: Running, given: dict[str, str], **more: str) -> Labels:
    uid = run.life.uid.replace("-", "_")
    own = {
        "namespace": run.life.namespace,
        "pod": run.life.name,
        "container": run.container.name,
        "image": run.container.image,
        "id": f"/kubepods.slice/kubepods-pod{uid}.slice/{run.container.name}",
        "name": f"{run.life.uid}-{run.container.name}",
    }
    return labelled(name, **{**given, **own, **more})


def _cpu(scene: Scene) -> Iterator[Track]:
    targets, name = _Targets(scene), "container_cpu_usage_seconds_total"
    for run, steps in scene.cores():
        moving = wave(f"cpu/{run.life.namespace}/{run.pod.workload}/{run.container.name}")
        count = Levels(tuple(steps)).counted(moving, resets=run.restarts)
        spans = scene.reached(run.spans, JOB)
        yield track(_labels(name, run, targets.of(run), cpu="total"), spans, count)


def _memory_of(scene: Scene, run: Running) -> Function:
    """What a container keeps in memory: a start, a little that moves, and what leaks."""
    requests, limits = dict(run.container.requests), dict(run.container.limits)
    usual = requests.get("memory", 96 * _MIB) * share(f"{run.pod.workload}/memory", 0.55, 0.7)
    limit = limits.get("memory", _UNLIMITED)
    load = scene.load_of(run, "memory")
    ends = [since for since, _ in load[1:]] + [run.life.died]
    levels = Levels(
        tuple(
            (since, end, usual * percent / USUAL_LOAD)
            for (since, percent), end in zip(load, ends, strict=True)
        )
    )
    moving = wave(f"memory/{run.life.name}/{run.container.name}", 0.25)
    names = (run.pod.workload, f"{run.life.namespace}/{run.pod.workload}")
    leaks = []
    for act in scene.steering.acts(MEMORY_LEAK, *names):
        leaks.append(Ramp(act.start, act.end, scene.ramp, limit * _LEAKED))

    def used(times: Times) -> Floats:
        found = levels.value(times) * moving.value(times)
        for leak in leaks:
            found = np.maximum(found, leak.value(times))
        return np.minimum(found, limit)

    return used


def memory_of_nodes(scene: Scene) -> dict[str, list[Function]]:
    """For each node what its containers keep in memory."""
    found: dict[str, list[Function]] = defaultdict(list)
    for run in scene.running():
        found[run.pod.node].append(_while_running(_memory_of(scene, run), run.spans))
    return found


def _while_running(function: Function, spans: Iterable[Span]) -> Function:
    there = steady(1.0, joined(list(spans)))
    return lambda times: function(times) * there.value(times)


def _memory(name: str, factor: float) -> Callable[[Scene], Iterable[Track]]:
    def tracks(scene: Scene) -> Iterator[Track]:
        targets = _Targets(scene)
        for run in scene.running():
            used = _memory_of(scene, run)
            yield track(
                _labels(name, run, targets.of(run)),
                scene.reached(run.spans, JOB),
                lambda times, used=used: used(times) * factor,  # type: ignore[misc]
            )

    return tracks


def _network(name: str, rate: float, seed: str) -> Callable[[Scene], Iterable[Track]]:
    def tracks(scene: Scene) -> Iterator[Track]:
        targets, seen = _Targets(scene), set()
        for run, steps in scene.cores():
            if run.life.uid in seen:
                continue
            seen.add(run.life.uid)
            moving = wave(f"{seed}/{run.life.namespace}/{run.pod.workload}")
            count = Levels(tuple(steps)).counted(moving, scale=rate)
            labels = _labels(name, run, targets.of(run), interface="eth0", container="", image="")
            yield track(labels, scene.reached(run.spans, JOB), count)

    return tracks


def _limit(name: str, resource: str, factor: float) -> Callable[[Scene], Iterable[Track]]:
    def tracks(scene: Scene) -> Iterator[Track]:
        targets = _Targets(scene)
        for run in scene.running():
            amount = dict(run.container.limits).get(resource)
            if amount is None and resource == "cpu":
                continue
            levels = steady((amount or 0.0) * factor, run.spans)
            yield track(_labels(name, run, targets.of(run)), run.spans, levels.value)

    return tracks


def _logs(scene: Scene) -> Iterator[Track]:
    targets, name = _Targets(scene), "kubelet_container_log_filesystem_used_bytes"
    for run, steps in scene.cores():
        moving = wave(f"logs/{run.life.namespace}/{run.pod.workload}")
        count = Levels(tuple(steps)).counted(moving, scale=6e4, resets=run.restarts)
        labels = {
            "namespace": run.life.namespace,
            "pod": run.life.name,
            "container": run.container.name,
            "uid": run.life.uid,
        }
        given = targets.of(run, "/metrics")
        yield track(
            labelled(name, **{**given, **labels}),
            scene.reached(run.spans, JOB),
            lambda times, count=count: count(times) % _ROTATED,  # type: ignore[misc]
        )


METRICS: dict[str, Callable[[Scene], Iterable[Track]]] = {
    "container_cpu_usage_seconds_total": _cpu,
    "container_memory_working_set_bytes": _memory("container_memory_working_set_bytes", 1.0),
    "container_memory_rss": _memory("container_memory_rss", 0.9),
    "container_memory_usage_bytes": _memory("container_memory_usage_bytes", 1.2),
    "container_network_receive_bytes_total": _network(
        "container_network_receive_bytes_total", 2.4e6, "in"
    ),
    "container_network_transmit_bytes_total": _network(
        "container_network_transmit_bytes_total", 3.1e6, "out"
    ),
    "container_spec_memory_limit_bytes": _limit("container_spec_memory_limit_bytes", "memory", 1.0),
    "container_spec_cpu_quota": _limit("container_spec_cpu_quota", "cpu", 100_000.0),
    "kubelet_container_log_filesystem_used_bytes": _logs,
}
