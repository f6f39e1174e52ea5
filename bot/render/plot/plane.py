"""Where moments and values lie on the sheet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.render.plot.canvas import Box
from bot.render.plot.pictures import Line
from bot.render.plot.scales import Scale
from bot.render.plot.series import GAP

Numbers = NDArray[np.float64]
_OUTSIDE = 2.0
"""Plots above or below the plot: as good as any other place that nobody sees."""


@dataclass(frozen=True, slots=True)
class Plane:
    """A plot with its two scales.

    Attributes:
        start: Seconds, at the left edge of the box.
        end: Seconds, at its right edge.
    """

    box: Box
    start: float
    end: float
    scale: Scale

    def x(self, time: float) -> float:
        """Pixels from the left."""
        return self.box.left + (time - self.start) / (self.end - self.start) * self.box.width

    def y(self, value: float) -> float:
        """Pixels from the top, of a finite value."""
        share = self.scale.share(value)
        return self.box.bottom - min(max(share, -_OUTSIDE), 1 + _OUTSIDE) * self.box.height

    def inside(self, value: float) -> float:
        """As `y`, but at the edge for what lies outside, infinite values too."""
        return min(max(self.y(value), self.box.top), self.box.bottom)

    def path(self, line: Line, step: float) -> tuple[Numbers, Numbers]:
        """The points of a line in pixels, with NaN wherever it is interrupted."""
        times, values = np.array(line.times), np.array(line.values)
        missing = np.flatnonzero(np.diff(times) > GAP * step) + 1
        times = np.insert(times, missing, times[missing - 1])
        values = np.insert(np.where(np.isfinite(values), values, np.nan), missing, np.nan)
        xs = self.box.left + (times - self.start) / (self.end - self.start) * self.box.width
        shares = (values - self.scale.low) / (self.scale.high - self.scale.low)
        shares = np.clip(shares, -_OUTSIDE, 1 + _OUTSIDE)
        return xs, self.box.bottom - shares * self.box.height


def alone(ys: Numbers) -> NDArray[np.bool_]:
    """Points without a neighbour, which no line would show."""
    seen = np.concatenate(([False], np.isfinite(ys), [False]))
    return seen[1:-1] & ~seen[:-2] & ~seen[2:]
