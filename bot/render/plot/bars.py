"""Draws bars that have one limit in common."""

from __future__ import annotations

from collections.abc import Mapping

from bot.render.document import Tone
from bot.render.plot import theme
from bot.render.plot.canvas import Box, Canvas, Style, fitted, length
from bot.render.plot.pictures import Bar, Bars

MOST = 40
"""Bars in one picture."""
SCALE = 2.0
"""How much of the limit the axis shows."""
LEAST = 0.01
"""A bar that has just begun can be seen."""
_ROW, _THICK = 62, 36
_HEADER, _FOOTER = 130, 90
_LABELS, _TEXTS = 300, 560
_GAP = 16
_COLOURS: Mapping[Tone, str] = {
    "good": "#009e73",
    "warn": "#e69f00",
    "bad": "#d55e00",
    "plain": "#999999",
}
_PATTERNS: Mapping[Tone, str] = {"good": "", "warn": "//", "bad": "xx", "plain": ".."}
"""So that a print without colours tells the same."""


def render(picture: Bars) -> bytes:
    """The bars as PNG: 1200 pixels wide, higher with each bar."""
    bars = picture.bars[:MOST]
    name, words = Style(theme.TEXT, bold=True), Style(theme.SMALL)
    height = _HEADER + _ROW * max(len(bars), 1) + _FOOTER
    canvas = Canvas(theme.WIDTH, height)
    title, quiet = Style(theme.TITLE, bold=True), Style(theme.SMALL, theme.QUIET)
    room = theme.WIDTH - 2 * theme.EDGE
    canvas.text(theme.EDGE, 40, fitted(picture.title, title, room), title)
    labels = min(max((length(bar.label, name) for bar in bars), default=0.0), _LABELS)
    texts = min(max((length(bar.text, words) for bar in bars), default=0.0), _TEXTS)
    left, right = theme.EDGE + labels + _GAP, theme.WIDTH - theme.EDGE - texts - _GAP
    plot = Box(left, _HEADER, right, height - _FOOTER)
    for place, bar in enumerate(bars):
        middle = plot.top + (place + 0.5) * _ROW
        canvas.text(left - _GAP, middle, fitted(bar.label, name, labels), name, "right")
        canvas.text(right + _GAP, middle, fitted(bar.text, words, texts), words)
        _bar(canvas, bar, plot, middle)
    _axis(canvas, picture, plot)
    canvas.text(left, height - 28, fitted(picture.axis, quiet, right - left), quiet)
    return canvas.png()


def _bar(canvas: Canvas, bar: Bar, plot: Box, middle: float) -> None:
    """One bar; what is beyond the axis is cut there, with a sign that it goes on."""
    if bar.share is None:
        quiet = Style(theme.SMALL, theme.QUIET)
        canvas.text(plot.left + 8, middle, bar.absent, quiet)
        return
    shown = min(max(bar.share, LEAST), SCALE)
    end = plot.left + shown / SCALE * plot.width
    box = Box(plot.left, middle - _THICK / 2, end, middle + _THICK / 2)
    canvas.box(box, _COLOURS[bar.tone], hatch=_PATTERNS[bar.tone])
    if bar.share > SCALE:
        beyond = Style(theme.TEXT, _COLOURS[bar.tone], bold=True, halo=True)
        canvas.text(end - 4, middle, "▸", beyond, "right")


def _axis(canvas: Canvas, picture: Bars, plot: Box) -> None:
    quiet = Style(theme.SMALL, theme.QUIET)
    canvas.line((plot.left, plot.right), (plot.bottom,) * 2, theme.FRAME, 1.4)
    count = 4 if plot.width > 400 else 2
    for tick in range(count + 1):
        x = plot.left + plot.width * tick / count
        canvas.line((x, x), (plot.bottom, plot.bottom + 6), theme.FRAME, 1.4)
        canvas.text(x, plot.bottom + 24, f"{100 * SCALE * tick / count:.0f} %", quiet, "middle")
    x = plot.left + plot.width / SCALE
    canvas.line((x, x), (plot.top - 4, plot.bottom), theme.INK, 1.6, dash=(6, 4))
    canvas.text(x, plot.top - 20, picture.limit, Style(theme.SMALL), "middle")
