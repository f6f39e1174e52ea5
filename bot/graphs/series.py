"""A graph's numbers: asked of Prometheus as finely as the picture can show, gaps kept as gaps."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.render.plot import Limit, Line, Panel

if TYPE_CHECKING:
    from bot.graphs.catalogue import AppPods, Graph
    from bot.graphs.window import Window
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
    """

    lines: tuple[Line, ...]
    start: float
    end: float
    step: float
    notes: tuple[str, ...] = ()


def step_of(seconds: float, width: int) -> int:
    """Seconds between two points: a round number, and no more points than half the pixels."""
    points = min(max(width // 2, 1), MOST_POINTS)
    wanted = seconds / points
    day = _STEPS[-1]
    return next((step for step in _STEPS if step >= wanted), math.ceil(wanted / day) * day)


async def fetch(
    prometheus: Prometheus,
    graph: Graph,
    window: Window,
    *,
    app: AppPods | None = None,
    node: str = "",
    jobs: Mapping[str, str] | None = None,
    width: int = WIDTH,
    most: int = MOST_LINES,
) -> Fetched:
    """Asks for a graph's numbers.

    Args:
        prometheus: Who is asked.
        graph: What for.
        window: Which time.
        app: Narrows to an app's pods.
        node: Narrows to one node.
        jobs: What the cluster's Prometheus calls scrape jobs.
        width: Pixels of the picture.
        most: Series that are taken.

    Raises:
        UsageError: The graph cannot be narrowed so, or needs to be.
        PrometheusError: No numbers came.
    """
    step = step_of(window.seconds, width)
    promql = graph.promql(app=app, node=node, rate=f"{max(RATE, step)}s", jobs=jobs)  # type: ignore[arg-type]
    end = window.end // 1_000_000 // _FRESH * _FRESH
    start = end - math.ceil(window.seconds / step) * step
    found = await prometheus.range(promql, start=start, end=end, step=step, most=most)
    return Fetched(*_lines(graph, found, step), start, end, step, _notes(found))  # type: ignore[misc]


def panel(graph: Graph, fetched: Fetched) -> Panel:
    """The graph with its numbers, as it is drawn."""
    limits = tuple(Limit(t.value, t.text, t.tone, t.below) for t in graph.thresholds)
    note = "" if fetched.lines else nothing(graph)
    return Panel(
        title=graph.title,
        unit=graph.unit,
        lines=fetched.lines,
        limits=limits,
        step=fetched.step,
        zero=graph.zero,
        most=graph.most,
        note=" ".join((note, *fetched.notes)).strip(),
    )


def nothing(graph: Graph) -> str:
    """Why there may be no numbers."""
    return f"No data. {graph.needs}".strip()
