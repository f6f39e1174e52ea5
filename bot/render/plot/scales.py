"""Where an axis begins and ends, and the round numbers written at it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.render.plot.pictures import Limit, Panel
from bot.render.plot.units import BINARY, Size, fitting

AIR = 1.08
"""How much higher the axis is than its highest line."""
NEAR = 2.5
"""A limit farther away than this many times the highest value would flatten the lines."""
_TINY = 1e-290
"""Below this, numbers cannot be divided any more."""
_SAME = 1e-9
"""Values that differ by less than this share of themselves are one."""
_SPANS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds that people count in."""


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis of values.

    Attributes:
        ticks: Value and its number.
        unit: Belongs behind each number.
        far: Limits that lie beyond it, so far away that they are only named.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    unit: str = ""
    far: tuple[Limit, ...] = ()

    def share(self, value: float) -> float:
        """How far up a value lies: 0 at the bottom, 1 at the top."""
        return (value - self.low) / (self.high - self.low)


def scale(panel: Panel, values: Iterable[float], most: int = 6) -> Scale:
    """The axis for these values.

    Args:
        panel: Its unit, limits and wishes.
        values: Those that are drawn; NaN and infinite ones do not count.
        most: How many ticks there may be.
    """
    finite = [value for value in values if math.isfinite(value)]
    least, peak = (min(finite), max(finite)) if finite else (0.0, 0.0)
    reach = max(abs(least), abs(peak), panel.most or 0.0) * NEAR
    near = [limit for limit in panel.limits if abs(limit.value) <= reach or not reach]
    shown = [least, peak, *(limit.value for limit in near)]
    low, high = min(shown), max(shown)
    if panel.zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if panel.most is not None:
        high = max(high, panel.most)
    if panel.zero and panel.unit == "count" and least % 1 == peak % 1 == 0:
        high = max(high, 1.0)  # there is no half a thing
    low, high = _aired(low, high, panel)
    far = tuple(limit for limit in panel.limits if not low <= limit.value <= high)
    size = fitting(max(abs(low), abs(high)), panel.unit)
    return Scale(low, high, tuple(_ticks(low, high, panel.unit, size, most)), size.suffix, far)


def _aired(low: float, high: float, panel: Panel) -> tuple[float, float]:
    """Air above and below; lines that all stand at one value lie within the axis."""
    size = max(abs(low), abs(high))
    if size < _TINY:
        return min(low, 0.0), 1.0
    if high - low < size * _SAME:
        return low - size / 10, high + size / 10
    span = high - low
    if high != panel.most:
        high = low + span * AIR if high else 0.0
    if low != 0:
        low -= span * (AIR - 1)
    return low, high


def _ticks(
    low: float, high: float, unit: str, size: Size, most: int
) -> Iterator[tuple[float, str]]:
    step = _step((high - low) / most, unit)
    if unit == "count" and math.floor(high) > math.ceil(low):
        step = max(step, 1.0)
    decimals = _decimals(step / size.factor)
    first = math.ceil(low / step - 1e-9)
    for place in range(first, first + most + 1):
        value = place * step
        if value <= high + step * 1e-9:
            yield value, _text(value, size, decimals)


def _text(value: float, size: Size, decimals: int) -> str:
    if value == 0:
        return "0"
    number = value / size.factor
    text = f"{number:.{decimals}f}" if abs(number) < 1e5 else f"{number:.3g}"
    return text.replace("-", "−")


def _step(wanted: float, unit: str) -> float:
    """The next round number."""
    if unit in BINARY and wanted > 1:
        return float(2 ** math.ceil(math.log2(wanted)))
    if unit == "seconds" and 0.5 < wanted <= _SPANS[-1]:
        return float(next(span for span in _SPANS if span >= wanted))
    decade = 10.0 ** math.floor(math.log10(wanted))
    return next(decade * n for n in (1, 2, 2.5, 5, 10) if decade * n >= wanted * (1 - 1e-9))


def _decimals(step: float) -> int:
    """How many are needed to write multiples of this."""
    return next((n for n in range(6) if math.isclose(round(step, n), step, rel_tol=1e-6)), 6)
