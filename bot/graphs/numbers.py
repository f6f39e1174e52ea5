"""A graph's numbers for people and machines: now, least, most, and the course in one line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.render.plot import amount, sparkline
from bot.render.plot.series import course

if TYPE_CHECKING:
    from bot.graphs.catalogue import Graph, Threshold
    from bot.graphs.series import Fetched
    from bot.render.document import Tone
    from bot.render.plot import Line
    from bot.render.plot.series import Trend

SPARK = 20
"""Characters of a course."""
_SAID = 3
_RANK: dict[Tone, int] = {"plain": 0, "good": 0, "warn": 1, "bad": 2}


@dataclass(frozen=True, slots=True)
class Numbers:
    """One line of a graph.

    Attributes:
        now: The last value; None when the line ended before the time did.
        unit: As `Panel.unit`.
        course: The values as blocks of rising height, blank where there is none.
        tone: How bad it is now.
        past: Which limit is crossed now, in words; empty when none is.
    """

    label: str
    now: float | None
    least: float
    most: float
    trend: Trend
    unit: str
    course: str
    tone: Tone = "plain"
    past: str = ""


def numbers_of(graph: Graph, fetched: Fetched) -> tuple[Numbers, ...]:
    """Every line in numbers."""
    return tuple(one for line in fetched.lines for one in _numbers(graph, line, fetched))


def cells(one: Numbers) -> tuple[str, ...]:
    """Name, course, now, least, most, trend."""
    now = "no data" if one.now is None else amount(one.now, one.unit)
    least, most = amount(one.least, one.unit), amount(one.most, one.unit)
    return (one.label, one.course, now, least, most, one.trend)


def foremost(numbers: Sequence[Numbers], most: int) -> tuple[Numbers, ...]:
    """Those to show when not all can be: the worst, then the highest; in their old order."""
    ranked = sorted(numbers, key=lambda one: (-_RANK[one.tone], -one.most, one.label))
    return tuple(sorted(ranked[:most], key=numbers.index))


def worst(numbers: Iterable[Numbers]) -> Tone:
    """The worst tone there is now."""
    return max((one.tone for one in numbers), key=_RANK.__getitem__, default="plain")


def past(numbers: Iterable[Numbers]) -> tuple[str, ...]:
    """A sentence for each line that is past a limit now; at most three."""
    said = [f"{one.label} is at {cells(one)[2]}: {one.past}." for one in numbers if one.past]
    more = (f"{len(said) - _SAID} more are past a limit.",) if len(said) > _SAID else ()
    return (*said[:_SAID], *more)


def _numbers(graph: Graph, line: Line, fetched: Fetched) -> Iterator[Numbers]:
    went = course(line, fetched.end, fetched.step)
    if went is None:
        return
    now = went.now if went.ended is None else None
    limit = _crossed(graph.thresholds, now)
    yield Numbers(
        label=line.label,
        now=now,
        least=went.least,
        most=went.most,
        trend=went.trend,
        unit=graph.unit,
        course=sparkline(_even(line, fetched), SPARK),
        tone=limit.tone if limit else "plain",
        past=_meaning(limit, graph) if limit else "",
    )


def _meaning(limit: Threshold, graph: Graph) -> str:
    side = "below" if limit.below else "above"
    return f"{limit.text + ', ' if limit.text else ''}{side} {amount(limit.value, graph.unit)}"


def _crossed(limits: Iterable[Threshold], now: float | None) -> Threshold | None:
    """The worst limit that a value is past."""
    if now is None:
        return None
    past = [t for t in limits if (now < t.value if t.below else now > t.value)]
    return max(past, key=lambda limit: _RANK[limit.tone], default=None)


def _even(line: Line, fetched: Fetched) -> list[float]:
    """One value for every point that was asked for, NaN where there is none."""
    count = round((fetched.end - fetched.start) / fetched.step) + 1
    values = [math.nan] * count
    for at, value in zip(line.times, line.values, strict=True):
        place = round((at - fetched.start) / fetched.step)
        if 0 <= place < count:
            values[place] = value
    return values
