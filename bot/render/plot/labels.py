"""Names and numbers at the ends of the lines, and how labels keep out of each other's way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.render.plot import theme
from bot.render.plot.canvas import Box, Canvas, Style, fitted, length

LEAD = 36
"""Pixels between a line's end and its label: room for the way to it, and a piece of the line."""
_STUB = 20
_GAP = 12
_WORTH = 5
"""Characters that all names begin with; fewer would be missed more than the room is worth."""
_LINE = 1.35
"""Height of a line of text, for each pixel of its size."""
_PARTS = re.compile(r"[^-/.:_, ]+[-/.:_, ]?|[-/.:_, ]")
_HEAD = 0.4
"""How much of a name that is too long is taken from its beginning: pods differ at their end."""


@dataclass(frozen=True, slots=True)
class Label:
    """What stands at the end of one line.

    Attributes:
        value: Behind the name.
        y: Where the line ends; None for text that belongs to no single line.
        ended: The line has ended before the picture does.
    """

    name: str
    value: str
    y: float | None = None
    colour: str = theme.QUIET
    dash: tuple[float, ...] = ()
    ended: bool = False


def distinct(labels: Sequence[Label], size: int, most: float) -> list[Label]:
    """Names without what all of them have in common, where one would have to be shortened.

    Args:
        labels: Those of one panel.
        size: Of the text, in pixels.
        most: Pixels that the column may take.
    """
    lines = [label for label in labels if label.y is not None]
    if len(lines) < 2 or _needed(labels, size) <= most:
        return list(labels)
    parts = {label.name: _PARTS.findall(label.name) or [""] for label in lines}
    head = _common(list(parts.values()))
    if len("".join(parts[lines[0].name][:head])) < _WORTH:
        head = 0
    tail = _common([part[::-1] for part in parts.values()])
    both = min(tail, *(len(part) - head - 1 for part in parts.values()))
    shorter: list[Label] = []
    for first, last in ((0, tail), (head, 0), (head, both)):
        shorter = [
            replace(one, name=_short(parts[one.name], first, last)) if one in lines else one
            for one in labels
        ]
        if _needed(shorter, size) <= most:
            break
    return shorter


def _short(parts: Sequence[str], head: int, tail: int) -> str:
    """A name without its first and last parts."""
    kept = "".join(parts[head : len(parts) - tail]).rstrip()
    return f"{'…' * bool(head)}{kept}{'…' * bool(tail)}"


def _common(parts: Sequence[Sequence[str]]) -> int:
    """How many parts at the beginning are the same in all, with at least one left in each."""
    most = min(map(len, parts)) - 1
    return next((n for n in range(most) if len({part[n] for part in parts}) > 1), max(most, 0))


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Moves places apart until neighbours have that gap, and each of them as little as can be.

    Args:
        wanted: Where each would like to be, rising.
        gap: Between two neighbours.
        low: None is below.
        high: None is above, as long as there is room for all.
    """
    # Without the gaps, places that may not cross share their mean: isotonic regression.
    groups: list[tuple[float, int]] = []
    for number, place in enumerate(wanted):
        total, count = place - number * gap, 1
        while groups and groups[-1][0] / groups[-1][1] > total / count:
            before = groups.pop()
            total, count = total + before[0], count + before[1]
        groups.append((total, count))
    means = [total / count for total, count in groups for _ in range(count)]
    top = max(low, high - (len(wanted) - 1) * gap)
    return [min(max(mean, low), top) + number * gap for number, mean in enumerate(means)]


def height(size: int) -> float:
    """Pixels from one line of text to the next."""
    return size * _LINE


def column(labels: Sequence[Label], size: int, most: float) -> float:
    """Pixels that the labels take, names shortened where they would take more than `most`."""
    return min(_needed(labels, size), most)


def _needed(labels: Sequence[Label], size: int) -> float:
    names = max((length(label.name, Style(size)) for label in labels), default=0.0)
    values = max((length(label.value, Style(size, bold=True)) for label in labels), default=0.0)
    return names + _GAP * bool(names) + values


def draw(canvas: Canvas, labels: Sequence[Label], plot: Box, right: float, size: int) -> None:
    """Draws the labels between the plot and the right edge, each tied to its line."""
    lines = sorted((label for label in labels if label.y is not None), key=lambda x: x.y or 0.0)
    rest = [label for label in labels if label.y is None]
    gap = height(size)
    last = plot.bottom - len(rest) * gap
    places = spread([label.y or 0.0 for label in lines], gap, plot.top, max(last, plot.top))
    for label, place in zip(lines, places, strict=True):
        if not label.ended:
            xs = (plot.right, plot.right + LEAD - _STUB - 4)
            canvas.line(xs, (label.y, place), label.colour, 1.2, alpha=0.6)
        stub = (plot.right + LEAD - _STUB - 4, plot.right + LEAD - 8)
        canvas.line(stub, (place, place), label.colour, theme.STROKE + 0.6, dash=label.dash)
        _write(canvas, label, plot.right + LEAD, right, place, size)
    below = (places[-1] + gap) if places else plot.top
    for number, label in enumerate(rest):
        _write(canvas, label, plot.right + LEAD, right, below + number * gap, size)


def _write(canvas: Canvas, label: Label, left: float, right: float, y: float, size: int) -> None:
    strong = label.y is not None and not label.ended
    value = Style(size, theme.INK if strong else theme.QUIET, bold=strong)
    name = Style(size, theme.INK if label.y is not None else theme.QUIET)
    room = right - left - length(label.value, value) - _GAP
    canvas.text(left, y, fitted(label.name, name, room, head=_HEAD), name)
    canvas.text(right, y, label.value, value, "right")
