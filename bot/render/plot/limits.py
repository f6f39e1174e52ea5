"""Limits: a line with its meaning, and a shade where and while something was beyond it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bot.render.plot import labels, theme
from bot.render.plot.canvas import Box, Canvas, Style, fitted, length
from bot.render.plot.pictures import Limit, Line, Panel
from bot.render.plot.plane import Numbers, Plane
from bot.render.plot.series import GAP
from bot.render.plot.units import amount

_LEAST = 3.0
"""Pixels of the shortest breach."""
_ASIDE = 8
Paths = Sequence[tuple[Numbers, Numbers]]


def draw_shades(canvas: Canvas, panel: Panel, plane: Plane) -> None:
    """Shades what is beyond each limit, up to the next one, while a line was there."""
    for limit in panel.limits:
        if limit in plane.scale.far or limit.tone not in theme.SHADES:
            continue
        near, far = plane.inside(limit.value), plane.inside(_next(limit, panel.limits))
        top, bottom = min(near, far), max(near, far)
        for since, until in _breaches(limit, panel):
            left, right = plane.x(since), plane.x(until)
            wider = max(_LEAST - (right - left), 0.0) / 2
            left = max(left - wider, plane.box.left)
            right = min(right + wider, plane.box.right)
            if left < right and top < bottom:
                canvas.box(Box(left, top, right, bottom), theme.SHADES[limit.tone])


def draw_lines(canvas: Canvas, panel: Panel, plane: Plane, paths: Paths, size: int) -> None:
    """Draws each limit and writes what it means, where the fewest points are hidden."""
    box = plane.box
    for limit in panel.limits:
        if limit not in plane.scale.far:
            y = plane.inside(limit.value)
            colour = theme.TONES[limit.tone]
            canvas.line((box.left, box.right), (y, y), colour, 1.8, dash=(9, 3, 2, 3))
    for y, text, style in _texts(panel, plane, size):
        text = fitted(text, style, box.width - 2 * _ASIDE)
        wide = length(text, style)
        places = (box.left + _ASIDE, box.right - _ASIDE - wide, (box.left + box.right - wide) / 2)
        x = min(places, key=lambda left: _hidden(paths, left, left + wide, y, size))
        canvas.text(x, y, text, style)


def _hidden(paths: Paths, left: float, right: float, y: float, size: int) -> int:
    """Points that a text would cover."""
    return sum(
        int(((xs > left) & (xs < right) & (abs(ys - y) < size * 0.8)).sum()) for xs, ys in paths
    )


def _texts(panel: Panel, plane: Plane, size: int) -> list[tuple[float, str, Style]]:
    """Height, text and look of each, apart from each other."""
    found = []
    aside = size * 0.8
    shown = [limit for limit in panel.limits if limit not in plane.scale.far]
    # Where one finds no room, all of its kind stand on the other side of their lines.
    cramped = {limit.below for limit in shown if _room(limit, plane) < 2 * aside}
    for limit in panel.limits:
        upward = limit.below == (limit.below in cramped)
        y = plane.inside(limit.value) + (-aside if upward else aside)
        arrow = ""
        if limit in plane.scale.far:
            arrow = "▲ " if limit.value > plane.scale.high else "▼ "
        # Half of a thing that is counted only says "from one on".
        whole = panel.unit != "count" or limit.value == round(limit.value)
        value = amount(limit.value, panel.unit) if whole or not limit.text else ""
        text = f"{arrow}{limit.text} {value}".strip()
        found.append((y, text, Style(size, theme.TONES[limit.tone], halo=True)))
    found.sort(key=lambda one: one[0])
    low, high = plane.box.top + size * 0.7, plane.box.bottom - size * 0.7
    places = labels.spread([y for y, _, _ in found], size * 1.25, low, high)
    return [(y, text, style) for y, (_, text, style) in zip(places, found, strict=True)]


def _room(limit: Limit, plane: Plane) -> float:
    """Pixels between a limit's line and the edge of the plot behind it."""
    y = plane.inside(limit.value)
    return plane.box.bottom - y if limit.below else y - plane.box.top


def _next(limit: Limit, limits: Sequence[Limit]) -> float:
    """Where the shade of a limit ends: at the next one of the same side, or nowhere."""
    if limit.below:
        lower = [one.value for one in limits if one.below and one.value < limit.value]
        return max(lower, default=-math.inf)
    higher = [one.value for one in limits if not one.below and one.value > limit.value]
    return min(higher, default=math.inf)


def _breaches(limit: Limit, panel: Panel) -> list[tuple[float, float]]:
    """From when until when (seconds) some line was beyond it."""
    beyond = [_beyond(limit, line) for line in panel.lines]
    moments = np.unique(np.concatenate(beyond)) if beyond else np.array([])
    if not moments.size:
        return []
    runs = np.split(moments, np.flatnonzero(np.diff(moments) > GAP * panel.step) + 1)
    half = panel.step / 2
    return [(float(run[0]) - half, float(run[-1]) + half) for run in runs]


def _beyond(limit: Limit, line: Line) -> Numbers:
    """The moments (seconds) of the points beyond it; NaN is beyond nothing."""
    values = np.array(line.values)
    beyond = values < limit.value if limit.below else values > limit.value
    times: Numbers = np.array(line.times)[beyond & np.isfinite(values)]
    return times
