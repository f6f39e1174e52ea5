"""What exporters look at: the cluster's history, what was done to it, and who ran where when."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter

from sandbox.kube.resources import NODES, PODS
from sandbox.prometheus.facts import Container, Node, Pod
from sandbox.prometheus.history import BEFORE, NEVER, History, Life
from sandbox.prometheus.promql.values import NAME, Labels, labels_of
from sandbox.prometheus.scraping import Track
from sandbox.prometheus.shapes import Function, Span, joined, summed, without
from sandbox.prometheus.steering import TARGET_DOWN, USUAL_LOAD, Steering

NAMESPACE = "monitoring"
SMALL = 0.1
"""Cores that a container without a request is taken to ask for."""


@dataclass(frozen=True, slots=True)
class Running:
    """A container of a pod, with all its runs.

    Attributes:
        life: The pod.
        pod: How the pod was last.
        container: How the container was last.
        spans: When it ran.
        restarts: When it ran again, without the first time.
    """

    life: Life[Pod]
    pod: Pod
    container: Container
    spans: tuple[Span, ...]
    restarts: tuple[int, ...]


@dataclass
class Scene:
    """A cluster at the time of one query.

    Attributes:
        history: What was when.
        steering: What was done to the numbers.
        ramp: How long filling takes, in ms.
    """

    history: History
    steering: Steering
    ramp: float
    _running: list[Running] | None = field(default=None, repr=False)

    @property
    def first(self) -> int:
        """When everything began that has no other beginning, in ms."""
        return self.history.start - BEFORE

    @property
    def always(self) -> tuple[Span, ...]:
        """The span of what was always there."""
        return ((self.first, NEVER),)

    def nodes(self) -> list[Life[Node]]:
        """All nodes that there were."""
        return self.history.lives(NODES, Node)

    def pods(self) -> list[Life[Pod]]:
        """All pods that there were."""
        return self.history.lives(PODS, Pod)

    def up(self, life: Life[Node]) -> list[Span]:
        """When a node's kubelet and exporter answered."""
        ready = [
            (start, end)
            for start, end, node in life.phases()
            if ("Ready", "true") in node.conditions
        ]
        return joined(ready)

    def reached(self, spans: Sequence[Span], job: str) -> list[Span]:
        """The spans without the times in which a job's targets were silent."""
        return without(spans, self.steering.spans(TARGET_DOWN, job))

    def lost(self) -> dict[str, list[Span]]:
        """For each node the times in which it did not answer."""
        found: dict[str, list[Span]] = defaultdict(list)
        for life in self.nodes():
            found[life.name] += without([(life.born, life.died)], self.up(life))
        return found

    def running(self) -> list[Running]:
        """Every container that ran, on nodes that answered; computed once."""
        if self._running is None:
            lost = self.lost()
            self._running = [run for life in self.pods() for run in _runs(life, lost)]
        return self._running

    def load_of(self, run: Running, resource: str) -> list[tuple[int, float]]:
        """Since when a container's workload was how busy, in percent of one pod's request."""
        key = (run.life.namespace, run.pod.workload, resource)
        return [(self.first, USUAL_LOAD), *self.steering.loads.get(key, ())]

    def cores(self) -> Iterator[tuple[Running, list[tuple[int, int, float]]]]:
        """Yield each container with the cores that it used: from when, to when, how many."""
        spans: dict[tuple[str, str, str], list[tuple[int, int, float]]] = defaultdict(list)
        for run in self.running():
            # Whole seconds: the pods of a large workload start within a few moments.
            spans[_workload(run)] += [(s - s % 1000, e, 1.0) for s, e in run.spans]
        crowds = {workload: summed(parts).steps for workload, parts in spans.items()}
        for run in self.running():
            yield run, list(self._steps(run, crowds[_workload(run)]))

    def _steps(
        self, run: Running, crowd: Sequence[tuple[int, int, float]]
    ) -> Iterator[tuple[int, int, float]]:
        """What a container used, when its workload had so many containers."""
        asked = dict(run.container.requests).get("cpu", SMALL)
        load = self.load_of(run, "cpu")
        ends = [since for since, _ in load[1:]] + [NEVER]
        for first, last in run.spans:
            begin = max(0, bisect_right(crowd, first, key=itemgetter(0)) - 1)
            for opened, closed, number in islice(crowd, begin, None):
                if opened >= last:
                    break
                for (since, percent), until in zip(load, ends, strict=True):
                    start, end = max(first, opened, since), min(last, closed, until)
                    if start < end:
                        yield start, end, asked * percent / 100 / max(number, 1.0)


def _workload(run: Running) -> tuple[str, str, str]:
    return run.life.namespace, run.pod.workload, run.container.name


def _runs(life: Life[Pod], lost: dict[str, list[Span]]) -> Iterable[Running]:
    if not life.states:
        return
    last = life.states[-1][1]
    spans: dict[str, list[Span]] = defaultdict(list)
    restarts: dict[str, list[int]] = defaultdict(list)
    counts: dict[str, int] = {}
    for start, end, pod in life.phases():
        for container in pod.containers:
            name = container.name
            if container.state == "running":
                if counts.get(name, container.restarts) != container.restarts:
                    restarts[name].append(start)
                counts[name] = container.restarts
                spans[name].append((start, end))
    for container in last.containers:
        there = without(spans[container.name], lost.get(last.node, ()))
        if there:
            again = tuple(restarts[container.name])
            yield Running(life, last, container, tuple(there), again)


def labelled(name: str, /, **labels: str) -> Labels:
    """The labels of a series of that name; a trailing `_` in a name is dropped (`class_`)."""
    given = ((key.rstrip("_"), value) for key, value in labels.items())
    return labels_of([(NAME, name), *given])


def track(labels: Labels, spans: Sequence[Span], function: Function) -> Track:
    """A series."""
    return Track(labels, joined(spans), function)
