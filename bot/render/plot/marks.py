"""Verticals for what changed, with as many words as find room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.render.plot import theme
from bot.render.plot.canvas import Box, Canvas, Style, fitted, length
from bot.render.plot.pictures import Mark

ROWS = 2
WIDEST = 340
"""Pixels of one text."""
_TOGETHER = 10
"""Marks that are nearer to each other in pixels have one text."""
_GAP = 14
_TIP = 6


@dataclass(frozen=True, slots=True)
class Flag:
    """A text above the plot, at the verticals that it names."""

    x: float
    text: str
    colour: str
    row: int


def flags(
    marks: Sequence[Mark], x: Callable[[Mark], float], left: float, right: float, size: int
) -> list[Flag]:
    """Where the texts go: those that are close together are counted, none lies over another."""
    groups: list[list[Mark]] = []
    for mark in sorted(marks, key=lambda one: one.at):
        if groups and x(mark) - x(groups[-1][0]) < _TOGETHER:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    placed: list[Flag] = []
    starts = [x(group[0]) for group in groups]
    while groups:
        placed = _placed(groups, starts, left, right, size)
        if len(placed) == len(groups):
            break
        # The two that are closest share a text, until all find room.
        ways = [b - a for a, b in pairwise(starts)]
        at = ways.index(min(ways))
        groups[at : at + 2] = [groups[at] + groups[at + 1]]
        del starts[at + 1]
    return placed


def _placed(
    groups: Sequence[Sequence[Mark]],
    starts: Sequence[float],
    left: float,
    right: float,
    size: int,
) -> list[Flag]:
    """The texts, as far as they find room."""
    style = Style(size)
    free = [left] * ROWS
    placed: list[Flag] = []
    for group, start in zip(groups, starts, strict=True):
        text = fitted(_text(group), style, WIDEST)
        wide = length(text, style)
        begin = min(start - _TIP, right - wide)
        row = next((row for row in range(ROWS) if free[row] <= begin), None)
        if row is None:
            if len(groups) > 1:
                return placed
            row = 0
        free[row] = begin + wide + _GAP
        placed.append(Flag(begin, text, _colour(group), row))
    return placed


def _text(group: Sequence[Mark]) -> str:
    if len(group) == 1:
        return group[0].text or group[0].kind
    kinds = {mark.kind for mark in group}
    if len(kinds) == 1 and group[0].kind not in ("outside", "alert"):
        return f"{len(group)} × {group[0].kind}"
    return f"{len(group)} changes"


def _colour(group: Sequence[Mark]) -> str:
    kinds = {mark.kind for mark in group}
    return theme.MARKS[group[0].kind] if len(kinds) == 1 else theme.INK


def draw_flags(canvas: Canvas, placed: Sequence[Flag], bottom: float, size: int) -> None:
    """Writes the texts in rows above the plot, the first row next to it."""
    for flag in placed:
        y = bottom - (flag.row + 0.6) * size * 1.35
        canvas.text(flag.x, y, flag.text, Style(size, flag.colour))


def draw_lines(
    canvas: Canvas, marks: Sequence[Mark], x: Callable[[Mark], float], plot: Box
) -> None:
    """A dashed vertical with a tip for each mark."""
    faint = 1.0 if len(marks) <= 20 else 0.4
    for mark in marks:
        colour, at = theme.MARKS[mark.kind], x(mark)
        canvas.line((at, at), (plot.top, plot.bottom), colour, 1.4, dash=(5, 4), alpha=faint)
        canvas.tip(at, plot.top, _TIP, colour)
