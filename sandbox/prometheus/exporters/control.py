"""The control plane: requests to the API server, the scheduler's queues, controllers' work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from sandbox.prometheus.exporters.targets import APISERVER, CONTROLLERS, FLUENT_BIT, SCHEDULER
from sandbox.prometheus.history import NEVER
from sandbox.prometheus.promql.values import Floats, Times
from sandbox.prometheus.scene import Scene, labelled, track
from sandbox.prometheus.scraping import Track
from sandbox.prometheus.shapes import Levels, once, steady, summed, wave

_REQUESTS = (
    ("GET", "pods", 6.0, 0.012),
    ("LIST", "pods", 1.6, 0.06),
    ("WATCH", "pods", 0.4, 60.0),
    ("PUT", "leases", 5.0, 0.018),
    ("PATCH", "nodes", 0.6, 0.02),
    ("POST", "events", 0.8, 0.02),
    ("DELETE", "pods", 0.05, 0.025),
)
_CODES = {
    "GET": (("200", 0.97), ("404", 0.03)),
    "POST": (("201", 1.0),),
    "PUT": (("200", 0.995), ("409", 0.005)),
}
_BOUNDS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15)
_QUEUES = ("active", "backoff", "gated", "unschedulable")
_WORKQUEUES = ("deployment", "replicaset", "statefulset", "endpoint_slice", "garbage_collector")


def _request_total(scene: Scene) -> Iterator[Track]:
    name = "apiserver_request_total"
    for verb, resource, rate, _ in _REQUESTS:
        for code, part in _CODES.get(verb, (("200", 1.0),)):
            labels = labelled(
                name,
                **APISERVER,
                verb=verb,
                code=code,
                resource=resource,
                version="v1",
                scope="resource" if verb in ("GET", "PUT", "PATCH", "DELETE") else "cluster",
            )
            count = steady(rate * part, scene.always).counted(wave(f"api/{verb}"))
            yield track(labels, scene.reached(scene.always, APISERVER["job"]), count)


def _duration(scene: Scene) -> Iterator[Track]:
    """Buckets of an exponential distribution around each verb's usual time."""
    name = "apiserver_request_sli_duration_seconds_bucket"
    for verb, resource, rate, usual in _REQUESTS:
        if verb == "WATCH":
            continue
        count = once(steady(rate, scene.always).counted(wave(f"api/{verb}")))
        for bound in (*_BOUNDS, float("inf")):
            part = 1.0 - float(np.exp(-bound / usual))
            labels = labelled(
                name,
                **APISERVER,
                verb=verb,
                resource=resource,
                version="v1",
                scope="cluster",
                le="+Inf" if bound == float("inf") else f"{bound:g}",
            )
            yield track(
                labels,
                scene.reached(scene.always, APISERVER["job"]),
                lambda times, count=count, part=part: np.floor(count(times) * part),  # type: ignore[misc]
            )


def _pending(scene: Scene) -> Iterator[Track]:
    waiting: list[tuple[int, int, float]] = [(scene.first, NEVER, 0.0)]
    for life in scene.pods():
        waiting += [(start, end, 1.0) for start, end, pod in life.phases() if pod.unschedulable]
    for queue in _QUEUES:
        levels = summed(waiting if queue == "unschedulable" else waiting[:1])
        labels = labelled("scheduler_pending_pods", **SCHEDULER, queue=queue)
        yield track(labels, scene.reached(scene.always, SCHEDULER["job"]), levels.value)


def _attempts(scene: Scene) -> Iterator[Track]:
    """Pods that got a node; and tries, about four a minute, for each that none has room for."""
    bound, refused = [], []
    for life in scene.pods():
        for start, end, pod in life.phases():
            if pod.node:
                bound.append(start)
                break
            if pod.unschedulable:
                refused.append((start, end, 4 / 60))
    bound.sort()
    placed = np.array(bound, dtype=np.int64)
    tried = summed([(scene.first, NEVER, 0.0), *refused]).counted(wave("tries", 0.0))

    def scheduled(times: Times) -> Floats:
        return np.searchsorted(placed, times, side="right").astype(float)

    functions = {
        "scheduled": scheduled,
        "unschedulable": lambda times: np.ceil(tried(times)),
        "error": lambda times: np.zeros(len(times)),
    }
    for result, function in functions.items():
        name = "scheduler_schedule_attempts_total"
        labels = labelled(name, **SCHEDULER, result=result, profile="default-scheduler")
        yield track(labels, scene.reached(scene.always, SCHEDULER["job"]), function)


def _depth(scene: Scene) -> Iterator[Track]:
    for name in _WORKQUEUES:
        labels = labelled("workqueue_depth", **CONTROLLERS, name=name)
        nothing: Levels = steady(0.0, scene.always)
        yield track(labels, scene.reached(scene.always, CONTROLLERS["job"]), nothing.value)


def _collected(name: str, per_core: float) -> Callable[[Scene], Iterable[Track]]:
    def tracks(scene: Scene) -> Iterator[Track]:
        parts = [step for _, steps in scene.cores() for step in steps]
        levels = summed([(scene.first, NEVER, 0.05), *parts])
        count = levels.counted(wave("logs"), scale=per_core)
        labels = labelled(name, **FLUENT_BIT, name="tail.0")
        yield track(labels, scene.reached(scene.always, FLUENT_BIT["job"]), count)

    return tracks


METRICS: dict[str, Callable[[Scene], Iterable[Track]]] = {
    "apiserver_request_total": _request_total,
    "apiserver_request_sli_duration_seconds_bucket": _duration,
    "scheduler_pending_pods": _pending,
    "scheduler_schedule_attempts_total": _attempts,
    "workqueue_depth": _depth,
    "fluentbit_input_bytes_total": _collected("fluentbit_input_bytes_total", 6e4),
    "fluentbit_input_records_total": _collected("fluentbit_input_records_total", 400.0),
}
