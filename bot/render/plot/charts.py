"""Draws a chart: one panel large, or several as a dashboard."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bot.render.plot import theme
from bot.render.plot.canvas import Box, Canvas, Style, fitted, length
from bot.render.plot.marks import ROWS
from bot.render.plot.moments import zone_text
from bot.render.plot.panels import Drawing, Form
from bot.render.plot.pictures import Chart

ONE = Form(size=theme.TEXT, named=8, widest=420, ticks=6, moments=6)
FEW = Form(size=theme.TEXT, named=5, widest=400, ticks=5, moments=6, heading=40)
MANY = Form(size=theme.SMALL, named=4, widest=240, ticks=4, moments=4, heading=36)
HEADER = 104
GUTTER = 40


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the panels lie.

    Attributes:
        height: Of one panel, in pixels.
    """

    form: Form
    columns: int
    height: int


def _grid(count: int) -> Grid:
    if count <= 1:
        return Grid(ONE, 1, theme.HEIGHT - HEADER)
    return Grid(FEW, 1, 350) if count <= 3 else Grid(MANY, 2, 310)


def render(chart: Chart) -> bytes:
    """The chart as PNG: 1200 pixels wide, 600 high with one panel, higher with more."""
    several = len(chart.panels) > 1
    grid = _grid(len(chart.panels))
    band = min(len(chart.marks), ROWS) * round(grid.form.row)
    above = band if several else 0  # one panel alone keeps its height
    rows = max(1, -(-len(chart.panels) // grid.columns))
    canvas = Canvas(theme.WIDTH, HEADER + above + rows * grid.height)
    _header(canvas, chart, several)
    width = (theme.WIDTH - 2 * theme.EDGE - GUTTER * (grid.columns - 1)) / grid.columns
    drawings = [Drawing(chart, panel, grid.form, width) for panel in chart.panels]
    seen = Counter(name for drawing in drawings for name in set(drawing.names))
    shared = sorted(name for name, count in seen.items() if count > 1)
    for drawing in drawings:
        drawing.dress(shared)
    for number, drawing in enumerate(drawings):
        row, place = divmod(number, grid.columns)
        left = theme.EDGE + place * (width + GUTTER)
        bottom = HEADER + above + (row + 1) * grid.height
        top = bottom - grid.height - (above if row == 0 else 0)
        cell = Box(left, top, left + width, bottom)
        beneath = drawings[place :: grid.columns]  # panels that stand above each other
        axis = max(drawn.axis for drawn in beneath)
        column = max(drawn.column for drawn in beneath)
        drawing.draw(canvas, cell, band if row == 0 else 0, axis, column)
    return canvas.png()


def _header(canvas: Canvas, chart: Chart, several: bool) -> None:
    """Title and subtitle; with several panels the time zone, for all of them."""
    title, subtitle = Style(theme.TITLE, bold=True), Style(theme.TEXT, theme.QUIET)
    room: float = theme.WIDTH - 2 * theme.EDGE
    canvas.text(theme.EDGE, 40, fitted(chart.title, title, room), title)
    if several:
        where = zone_text(chart.timezone, chart.end / 1e6)
        canvas.text(theme.EDGE + room, 78, where, subtitle, "right")
        room -= length(where, subtitle) + GUTTER
    canvas.text(theme.EDGE, 78, fitted(chart.subtitle, subtitle, room), subtitle)
