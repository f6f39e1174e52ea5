"""Numbers with their units, as people write them: `1.5 GiB`, `250 m cores`, `98 %`, `35 ms`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

DIGITS = 3
"""Significant ones."""


@dataclass(frozen=True, slots=True)
class Size:
    """One written unit: how much of the plain one it is, and what stands behind the number."""

    factor: float
    suffix: str


def _si(suffix: str, *, small: str = "") -> tuple[Size, ...]:
    steps = {"µ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
    shown = (*small, "", "k", "M", "G", "T", "P")
    return tuple(Size(steps[prefix], f" {prefix}{suffix}".rstrip()) for prefix in shown)


def _iec(suffix: str) -> tuple[Size, ...]:
    steps = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
    return tuple(Size(1024.0**n, f" {step}{suffix}") for n, step in enumerate(steps))


_PLAIN = _si("")
_SIZES: dict[str, tuple[Size, ...]] = {
    "bytes": _iec(""),
    "bytes/s": _iec("/s"),
    "bits/s": _si("bit/s"),
    "seconds": (
        *_si("s", small="µm")[:3],
        Size(60.0, " min"),
        Size(3600.0, " h"),
        Size(86400.0, " d"),
    ),
    "cores": (Size(1e-3, " m cores"), Size(1.0, " cores")),
    "count": _PLAIN,
    "count/s": tuple(Size(size.factor, f"{size.suffix}/s") for size in _PLAIN),
    "ops/s": _si("ops/s"),
    "percent": (Size(1.0, " %"),),
    "ratio": (Size(1.0, ""),),
}
BINARY = ("bytes", "bytes/s")
"""Units that people count in powers of two."""


def sizes(unit: str) -> Sequence[Size]:
    """The written forms of a unit, small to large; an unknown one stands as it is."""
    known = _SIZES.get(unit)
    return known or tuple(Size(size.factor, f"{size.suffix} {unit}".rstrip()) for size in _PLAIN)


def fitting(value: float, unit: str) -> Size:
    """The written unit in which a number is neither too long nor too small."""
    forms = sizes(unit)
    whole = next(size for size in forms if size.factor == 1.0)
    shown = abs(value)
    if not math.isfinite(shown) or shown == 0:
        return whole
    chosen = forms[0]
    for size in forms:
        # 1023.9 KiB would be written as 1024 KiB: what rounds up to the next unit belongs there.
        if float(f"{shown / size.factor:.{DIGITS}g}") >= 1:
            chosen = size
    return chosen


def amount(value: float, unit: str) -> str:
    """A number in its unit, with three digits.

    Args:
        value: In the plain unit: bytes, seconds, cores, percent of 100.
        unit: As `Panel.unit`.
    """
    if math.isnan(value):
        return "no data"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = fitting(value, unit)
    text = number(value / size.factor)
    suffix = " core" if text == "1" and size.suffix == " cores" else size.suffix
    return f"{text}{suffix}"


def number(value: float) -> str:
    """Three digits, more where the whole part has more; no zeros at the end, no exponent."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e6 or size < 1e-4:
        return f"{value:.2e}".replace("e-0", "e-").replace("e+0", "e")
    decimals = max(0, DIGITS - 1 - math.floor(math.log10(size)))
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")
