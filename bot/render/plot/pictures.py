"""What can be drawn: plain numbers with their words, told apart from how they are drawn.

Moments of a line are seconds, as Prometheus gives them; all others are microseconds UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.render.document import Tone

MarkKind = Literal["deploy", "rollback", "scale", "restart", "restore", "drill", "outside", "alert"]
"""What changed. `outside`: somebody else than the bot changed something."""


@dataclass(frozen=True, slots=True)
class Line:
    """One series.

    Attributes:
        label: What tells it from the others; short.
        times: Seconds since 1970 UTC, rising.
        values: One for each time, in the panel's unit. NaN is a gap.
        tone: Its colour, where the line itself says good or bad; else the next of the palette.
    """

    label: str
    times: tuple[float, ...]
    values: tuple[float, ...]
    tone: Tone | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold; what is beyond it is shaded.

    Attributes:
        text: What it means, in a word or two.
        below: Values below it are the bad ones.
    """

    value: float
    text: str
    tone: Tone
    below: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment (microseconds UTC) at which something changed."""

    at: int
    text: str
    kind: MarkKind


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines on one scale.

    Attributes:
        unit: `bytes`, `bytes/s`, `bits/s`, `percent`, `seconds`, `cores`, `count`, `count/s`,
            `ops/s`, `ratio`; any other is written behind the number.
        step: Seconds between two points; a longer way between them is a gap.
        zero: The scale begins at zero.
        most: The scale ends there at least.
        note: Is printed in the picture: what the server warned of, or why there is no data.
    """

    title: str
    unit: str
    lines: tuple[Line, ...]
    limits: tuple[Limit, ...] = ()
    step: float = 60.0
    zero: bool = True
    most: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """One panel, or several with the same time.

    Attributes:
        start: Microseconds UTC.
        end: Microseconds UTC.
        timezone: IANA name, for the axis; an unknown one is UTC.
    """

    title: str
    subtitle: str
    panels: tuple[Panel, ...]
    start: int
    end: int
    marks: tuple[Mark, ...] = ()
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a picture of bars.

    Attributes:
        label: At the left.
        share: How much of its limit is used up, 1.0 at the limit; None for no bar.
        text: Beside the bar.
        absent: Stands where there is no bar.
    """

    label: str
    share: float | None
    text: str
    tone: Tone = "plain"
    absent: str = "unknown"


@dataclass(frozen=True, slots=True)
class Bars:
    """A picture of bars that have one limit in common.

    Attributes:
        axis: What the bars measure.
        limit: What the line at 100 % means.
    """

    title: str
    axis: str
    limit: str
    bars: tuple[Bar, ...]


Picture = Chart | Bars
