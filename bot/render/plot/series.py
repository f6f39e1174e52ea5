"""What lines say, before anybody draws or words it: which matter most, and how each one went."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bot.render.plot.pictures import Limit, Line, Panel

GAP = 1.5
"""Steps without a point, above which a line is interrupted."""
STALE = 2.5
"""Steps without a point before the end, above which a line has ended."""
STEADY = 0.05
"""A change by less than this share of what the line went through is no trend."""
Trend = Literal["rising", "falling", "steady"]


@dataclass(frozen=True, slots=True)
class Course:
    """How a line went.

    Attributes:
        now: Its last value.
        ended: When it was last seen (seconds), if that was before the end of the picture.
        peak_at: When it was highest (seconds).
    """

    now: float
    least: float
    most: float
    mean: float
    peak_at: float
    trend: Trend
    ended: float | None


def course(line: Line, end: float, step: float) -> Course | None:
    """How a line went until the end (seconds); None without any finite value."""
    pairs = zip(line.times, line.values, strict=True)
    points = [(time, value) for time, value in pairs if math.isfinite(value) and time <= end]
    if not points:
        return None
    values = [value for _, value in points]
    last, now = points[-1]
    return Course(
        now=now,
        least=min(values),
        most=max(values),
        mean=math.fsum(values) / len(values),
        peak_at=max(points, key=lambda point: point[1])[0],
        trend=_trend(values),
        ended=last if last < end - STALE * step else None,
    )


def _trend(values: Sequence[float]) -> Trend:
    """Compares the last fifth with the first one, so that a single point does not decide."""
    share = max(1, len(values) // 5)
    before = math.fsum(values[:share]) / share
    after = math.fsum(values[-share:]) / share
    span = max(max(values) - min(values), max(map(abs, values)) * STEADY)
    if abs(after - before) <= span * 0.25:
        return "steady"
    return "rising" if after > before else "falling"


def ranked(panel: Panel) -> list[Line]:
    """The lines that have values, those that matter most first.

    That is who came highest, or lowest where the limits say that low is bad.
    """
    low_is_bad = any(limit.below for limit in panel.limits)

    def weight(line: Line) -> float:
        values = [value for value in line.values if math.isfinite(value)]
        return min(values) if low_is_bad else -max(values)

    return sorted(filter(drawable, panel.lines), key=weight)


def drawable(line: Line) -> bool:
    """Whether there is anything to draw."""
    return any(map(math.isfinite, line.values))


def infinite(panel: Panel) -> bool:
    """Whether a line has values that no axis can hold."""
    return any(math.isinf(value) for line in panel.lines for value in line.values)


def breached(limit: Limit, value: float) -> bool:
    """Whether a value is beyond the limit."""
    return value < limit.value if limit.below else value > limit.value


def crossed(limit: Limit, line: Line) -> float | None:
    """Since when (seconds) the line has been beyond the limit; None when it is not now."""
    since = None
    for time, value in zip(line.times, line.values, strict=True):
        if math.isfinite(value):
            beyond = breached(limit, value)
            since = None if not beyond else time if since is None else since
    return since
