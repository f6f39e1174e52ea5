"""Draws one panel: axes, limits, lines, marks, labels, and what the server had to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.render.plot import labels, limits, marks, theme
from bot.render.plot.canvas import Box, Canvas, Style, fitted, length, wrapped
from bot.render.plot.labels import Label
from bot.render.plot.moments import moment_text, moments, zone_text
from bot.render.plot.pictures import Chart, Line, Mark, Panel
from bot.render.plot.plane import Plane, alone
from bot.render.plot.scales import scale
from bot.render.plot.series import course, infinite, ranked
from bot.render.plot.units import amount

COLOURS = len(theme.LINES)
FAINT = 100
"""Lines without a label that are drawn; more could not be told apart anyhow."""
NO_DATA = "no data"
INFINITE = "infinite values are left out"
_TICK = 10
"""Pixels between the plot and what is written at its axes."""


@dataclass(frozen=True, slots=True)
class Form:
    """How panels of one kind look.

    Attributes:
        size: Of its texts, in pixels.
        named: Lines that get a label.
        widest: Of the column of labels, in pixels.
        ticks: At the axis of values.
        moments: At the axis of time.
        heading: Pixels for the panel's own title; 0 for none.
    """

    size: int
    named: int
    widest: int
    ticks: int
    moments: int
    heading: int = 0

    @property
    def row(self) -> float:
        """Height of a line of text."""
        return labels.height(self.size)


class Drawing:
    """A panel that knows how much room its words need, so that others can be aligned with it.

    Attributes:
        axis: Pixels that the numbers at the axis of values take.
        column: Pixels that the labels take.
    """

    def __init__(self, chart: Chart, panel: Panel, form: Form, width: float) -> None:
        self._chart, self._panel, self._form = chart, panel, form
        self._looks: dict[str, int] = {}
        self._start, self._end = chart.start / 1e6, max(chart.end, chart.start + 1) / 1e6
        self._lines = ranked(panel)
        self._named, self._faint = self._lines[: form.named], self._lines[form.named :][:FAINT]
        values = (value for line in (*self._named, *self._faint) for value in line.values)
        self._scale = scale(panel, values, form.ticks)
        style = Style(form.size)
        texts = [self._tick(text) for _, text in self._scale.ticks] if self._lines else []
        self.axis = max((length(text, style) for text in texts), default=0.0)
        self.column = labels.column(self._labels(lambda _: 0.0), form.size, form.widest)
        said = [INFINITE] * infinite(panel) + [panel.note] * bool(panel.note)
        note = Style(form.size - 1, theme.TONES["warn"])
        self._notes = [part for text in said for part in wrapped(f"⚠ {text}", note, width)]

    @property
    def names(self) -> list[str]:
        """Of the lines that get a label."""
        return [line.label for line in self._named]

    def dress(self, shared: Sequence[str]) -> None:
        """Gives each name its colour: those that several panels show have the same in all."""
        own = sorted(set(self.names) - set(shared))
        for name in (*filter(self.names.__contains__, shared), *own):
            number = shared.index(name) if name in shared else 0
            while number % COLOURS in {taken % COLOURS for taken in self._looks.values()}:
                number += 1
            self._looks[name] = number

    def draw(self, canvas: Canvas, cell: Box, flags: float, axis: float, column: float) -> None:
        """Draws the panel into its part of the sheet.

        Args:
            canvas: The sheet.
            cell: Where.
            flags: Pixels above the plot for the texts of the marks; 0 where others show them.
            axis: Pixels for the numbers at the axis of values.
            column: Pixels for the labels.
        """
        form = self._form
        box = Box(
            cell.left + axis + _TICK * bool(axis),
            cell.top + form.heading + flags + form.row * 0.5,
            cell.right - (column + labels.LEAD if column else 0),
            cell.bottom - form.row * (2.4 + 0.4 * bool(self._notes) + len(self._notes)) - _TICK,
        )
        plane = Plane(box, self._start, self._end, self._scale)
        if form.heading:
            self._draw_heading(canvas, cell)
        if self._lines:
            limits.draw_shades(canvas, self._panel, plane)
            self._draw_ticks(canvas, plane)
        self._draw_moments(canvas, plane, cell)
        self._draw_marks(canvas, plane, cell, flags)
        if self._lines:
            self._draw_lines(canvas, plane)
            right = min(cell.right, box.right + labels.LEAD + self.column)
            labels.draw(canvas, self._labels(plane.y), box, right, form.size)
        else:
            style = Style(theme.HEADING, theme.QUIET, bold=True, halo=True)
            at = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
            canvas.text(*at, NO_DATA, style, "middle")
        for number, text in enumerate(self._notes):
            y = cell.bottom - form.row * (len(self._notes) - number - 0.5) - _TICK
            canvas.text(cell.left, y, text, Style(form.size - 1, theme.TONES["warn"]))

    def _draw_heading(self, canvas: Canvas, cell: Box) -> None:
        form = self._form
        style = Style(theme.HEADING if form.size > theme.SMALL else theme.TEXT, bold=True)
        unit = self._scale.unit.strip() if self._lines else ""
        unit = f"per {unit[1:]}" if unit.startswith("/") else f"in {unit}" if unit else ""
        behind = Style(form.size, theme.QUIET)
        title = fitted(self._panel.title, style, cell.width - length(unit, behind) - 12)
        y = cell.top + form.heading * 0.45
        canvas.text(cell.left, y, title, style)
        canvas.text(cell.left + length(title, style) + 12, y, unit, behind)

    def _tick(self, number: str) -> str:
        """A number at the axis; among several panels the unit stands in the title."""
        return number if self._form.heading or number == "0" else f"{number}{self._scale.unit}"

    def _draw_ticks(self, canvas: Canvas, plane: Plane) -> None:
        style = Style(self._form.size, theme.QUIET)
        box = plane.box
        for value, text in plane.scale.ticks:
            y = plane.y(value)
            canvas.line((box.left, box.right), (y, y), theme.GRID, 1.0)
            canvas.text(box.left - _TICK, y, self._tick(text), style, "right")

    def _draw_moments(self, canvas: Canvas, plane: Plane, cell: Box) -> None:
        """The axis of time; with one panel the time zone stands at its end."""
        box, row, form, timezone = plane.box, self._form.row, self._form, self._chart.timezone
        canvas.line((box.left, box.right), (box.bottom,) * 2, theme.FRAME, 1.4)
        hours, days = box.bottom + _TICK + row * 0.6, box.bottom + _TICK + row * 1.65
        quiet, day = Style(form.size, theme.QUIET), Style(form.size)
        room = cell.right
        if not form.heading:
            where = zone_text(timezone, self._end)
            room -= length(where, quiet) + _TICK
            canvas.text(cell.right, days, where, quiet, "right")
        most = min(form.moments, int(box.width / length("00:00  00", quiet)))
        for moment in moments(self._start, self._end, timezone, max(most, 1)):
            x = plane.x(moment.at)
            canvas.line((x, x), (box.bottom, box.bottom + 6), theme.FRAME, 1.4)
            canvas.text(x, hours, moment.text, quiet, "middle")
            if x + length(moment.day, day) / 2 < room:
                canvas.text(x, days, moment.day, day, "middle")

    def _draw_marks(self, canvas: Canvas, plane: Plane, cell: Box, flags: float) -> None:
        chart, size = self._chart, self._form.size - 1

        def place(mark: Mark) -> float:
            return plane.x(mark.at / 1e6)

        seen = [mark for mark in chart.marks if chart.start <= mark.at <= chart.end]
        marks.draw_lines(canvas, seen, place, plane.box)
        if flags:
            placed = marks.flags(seen, place, cell.left, cell.right, size)
            marks.draw_flags(canvas, placed, plane.box.top - 5, size)

    def _draw_lines(self, canvas: Canvas, plane: Plane) -> None:
        step = self._panel.step
        box = plane.box
        drawn = [(line, *self._look(line)) for line in self._named]
        drawn += [(line, theme.FAINT, ()) for line in self._faint]
        paths = []
        # Those that matter most are drawn last, above the others.
        for line, colour, dash in reversed(drawn):
            width = theme.FINE if colour == theme.FAINT else theme.STROKE
            xs, ys = plane.path(line, step)
            paths.append((xs, ys))
            # A line at the very edge keeps its whole width.
            clip = Box(box.left, box.top - width, box.right + 1, box.bottom + width)
            canvas.line(xs, ys, colour, width, dash=dash, clip=clip)
            single = alone(ys)
            if single.any():
                canvas.line(xs[single], ys[single], colour, width, dots=True, clip=clip)
        limits.draw_lines(canvas, self._panel, plane, paths, self._form.size - 1)

    def _labels(self, place: Callable[[float], float]) -> list[Label]:
        """The named lines with their last values, then how many others there are."""
        unit, made = self._panel.unit, []
        for line in self._named:
            went = course(line, self._end, self._panel.step)
            if went is None:
                continue
            text = amount(went.now, unit)
            if went.ended is not None:
                text = f"until {moment_text(went.ended, self._end, self._chart.timezone)}"
            look = (*self._look(line), went.ended is not None)
            made.append(Label(line.label, text, place(went.now), *look))
        if len(self._lines) > len(self._named):
            made.append(Label(f"and {len(self._lines) - len(self._named)} more", ""))
        return labels.distinct(made, self._form.size, self._form.widest)

    def _look(self, line: Line) -> tuple[str, tuple[float, ...]]:
        """Its colour and its dashes."""
        number = self._looks.get(line.label, 0)
        colour = theme.TONES[line.tone] if line.tone else theme.LINES[number % COLOURS]
        return colour, theme.DASHES[number % len(theme.DASHES)]
