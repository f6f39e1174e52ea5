"""Charts to draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bot.render.plot import Chart, Line, Panel

END = 1_795_444_000
"""Seconds; Monday 23 November 2026, 14:26:40 UTC."""
STEP = 60.0


def line(label: str, values: Sequence[float], *, step: float = STEP, **more: Any) -> Line:
    """A line whose last point is at the end."""
    first = END - step * (len(values) - 1)
    return Line(label, tuple(first + step * n for n in range(len(values))), tuple(values), **more)


def panel(lines: Iterable[Line], **more: Any) -> Panel:
    return Panel(more.pop("title", ""), more.pop("unit", "count"), tuple(lines), **more)


def chart(*panels: Panel, minutes: int = 60, **more: Any) -> Chart:
    start = (END - 60 * minutes) * 1_000_000
    title = more.pop("title", "CPU of parse")
    return Chart(title, "last hour", panels, start, END * 1_000_000, **more)
