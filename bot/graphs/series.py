"""A graph's numbers: asked of Prometheus as finely as the picture can show, gaps kept as gaps."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.graphs.window import SECOND, Window
from bot.render.plot import Limit, Line, Panel

if TYPE_CHECKING:
    from bot.config.graphs import JobKind
    from bot.graphs.catalogue import AppPods, Graph
    from integrations.prometheus import Prometheus, RangeResult, Series

WIDTH = 1200
"""Pixels of a picture of one graph."""
MOST_LINES = 500
"""Series of one graph; a picture tells few of them apart."""
MOST_POINTS = 10_000
"""Prometheus refuses above 11,000."""
RATE = 300
"""Seconds over which rates are taken, unless points lie farther apart."""

_FRESH = 15
"""Seconds by which a picture may be late, so that the same one is not asked for twice."""
_STEPS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_LONGEST_LABEL = 100


@dataclass(frozen=True, slots=True)
class Fetched:
    """The numbers of a graph.

    Attributes:
        lines: One for each series, by name; a gap is a point that is NaN.
        start: Seconds since 1970 of the first point that was asked for.
        end: Seconds since 1970 of the last one.
        step: Seconds between two points.
        notes: What must be known with the numbers: warnings of Prometheus, values left out.
        infos: What Prometheus remarks about the query itself.
    """

    lines: tuple[Line, ...]
    start: float
    end: float
    step: float
    notes: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()


def step_of(seconds: float, width: int) -> int:
    """Seconds between two points: a round number, and no more points than half the pixels."""
    points = min(max(width // 2, 1), MOST_POINTS)
    wanted = seconds / points
    day = _STEPS[-1]
    return next((step for step in _STEPS if step >= wanted), math.ceil(wanted / day) * day)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of Prometheus: seconds since 1970, and a step in seconds."""

    promql: str
    start: int
    end: int
    step: int


def question(
    graph: Graph,
    window: Window,
    *,
    app: AppPods | None = None,
    node: str = "",
    jobs: Mapping[JobKind, str] | None = None,
    width: int = WIDTH,
) -> Question:
    """What to ask for a graph.

    Args:
        graph: Which.
        window: Which time.
        app: Narrows to an app's pods.
        node: Narrows to one node.
        jobs: What the cluster's Prometheus calls scrape jobs.
        width: Pixels of the picture.

    Raises:
        UsageError: The graph cannot be narrowed so, or needs to be.
    """
    step = step_of(window.seconds, width)
    promql = graph.promql(app=app, node=node, rate=f"{max(RATE, step)}s", jobs=jobs)
    end = window.end // SECOND // _FRESH * _FRESH
    start = end - math.ceil(window.seconds / step) * step
    return Question(promql, start, end, step)


def numbers(graph: Graph, asked: Question, found: RangeResult) -> Fetched:
    """The answer as lines; gaps stay gaps, and what is no number is told."""
    lines = tuple(_line(label, one, asked.step) for label, one in _labelled(graph, found.series))
    told = tuple(line for line in lines if any(map(math.isfinite, line.values)))
    notes = (*found.warnings, *_left_out(found, told))
    return Fetched(told, asked.start, asked.end, asked.step, notes, found.infos)


async def fetch(
    prometheus: Prometheus, graph: Graph, asked: Question, *, most: int = MOST_LINES
) -> Fetched:
    """Asks for a graph's numbers.

    Args:
        prometheus: Who is asked.
        graph: What for.
        asked: What `question` says.
        most: Series that are taken.

    Raises:
        PrometheusError: No numbers came.
    """
    found = await prometheus.range(
        asked.promql, start=asked.start, end=asked.end, step=asked.step, most=most
    )
    # In a thread, because many lines take longer than others should have to wait.
    return await asyncio.to_thread(numbers, graph, asked, found)


def panel(graph: Graph, fetched: Fetched) -> Panel:
    """The graph with its numbers, as it is drawn."""
    limits = tuple(Limit(t.value, t.text, t.tone, t.below) for t in graph.thresholds)
    said = (*(() if fetched.lines else (nothing(graph),)), *fetched.notes)
    return Panel(
        title=graph.title,
        unit=graph.unit,
        lines=fetched.lines,
        limits=limits,
        step=fetched.step,
        zero=graph.zero,
        most=graph.most,
        note=" ".join(said),
    )


def nothing(graph: Graph) -> str:
    """Says that there are no numbers, which is not the same as zero, and what would bring them."""
    return "No data in this time." + (f" It needs {graph.needs}." if graph.needs else "")


def _labelled(graph: Graph, found: Iterable[Series]) -> list[tuple[str, Series]]:
    """Each series with its name, in order; equal names get the labels that tell them apart."""
    named: dict[str, list[Series]] = defaultdict(list)
    for one in found:
        named[graph.label(one.labels)[:_LONGEST_LABEL]].append(one)
    labelled = []
    for name, group in named.items():
        if len(group) == 1:
            labelled.append((name, group[0]))
            continue
        keys = sorted({key for one in group for key in one.labels})
        differing = [key for key in keys if len({one.labels.get(key) for one in group}) > 1]
        for one in group:
            said = ", ".join(f"{key}={one.labels.get(key, '')}" for key in differing)
            labelled.append((f"{name} ({said})"[:_LONGEST_LABEL], one))
    return sorted(labelled, key=lambda pair: pair[0])


def _line(label: str, series: Series, step: float) -> Line:
    """A series as a line; where points are missing, or are no finite numbers, it is broken."""
    times: list[float] = []
    values: list[float] = []
    for at, value in zip(series.times, series.values, strict=True):
        if times and at - times[-1] > 1.5 * step:
            times.append(times[-1] + step)
            values.append(math.nan)
        times.append(at)
        values.append(value if math.isfinite(value) else math.nan)
    return Line(label, tuple(times), tuple(values))


def _left_out(found: RangeResult, told: Sequence[Line]) -> Iterator[str]:
    infinite = sum(math.isinf(value) for one in found.series for value in one.values)
    if infinite:
        yield f"{infinite} values are infinite and left out: something was divided by zero."
    silent = len(found.series) - len(told)
    if silent:
        yield f"{silent} of {len(found.series)} series have no number (NaN) and are left out."
