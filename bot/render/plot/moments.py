"""Round moments for an axis of time, on the clock of whoever looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

_QUARTER = 900
"""Every clock of the world differs from UTC by whole quarters of an hour."""
_SPANS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10800, 21600, 43200),
)
_DAYS = (1, 2, 7, 14, 28, 91, 182, 364)
DAY = 86400


@dataclass(frozen=True, slots=True)
class Moment:
    """One place on the axis.

    Attributes:
        at: Seconds since 1970 UTC.
        text: The hour, or the day where only days are shown.
        day: Is written below, where a day begins and at the first moment.
    """

    at: float
    text: str
    day: str = ""


def zone(name: str) -> tzinfo:
    """The time zone of that IANA name; UTC when there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # the last one is ZoneInfoNotFoundError
        return UTC


def zone_text(name: str, at: float) -> str:
    """`Europe/Berlin (UTC+1)`."""
    known = zone(name)
    offset = datetime.fromtimestamp(at, known).utcoffset() or timedelta()
    if known is UTC or name in ("UTC", "Etc/UTC"):
        return "UTC"
    minutes = int(offset.total_seconds() // 60)
    rest = f":{abs(minutes) % 60:02}" if minutes % 60 else ""
    sign = "+" if minutes >= 0 else "−"
    return f"{name} (UTC{sign}{abs(minutes) // 60}{rest})"


def moment_text(at: float, seen: float, timezone: str) -> str:
    """`14:03`; with its day when it is another than that from which it is seen."""
    there, here = (
        datetime.fromtimestamp(at, zone(timezone)),
        datetime.fromtimestamp(seen, zone(timezone)),
    )
    return f"{there:%H:%M}" if there.date() == here.date() else f"{there:%a %-d %b %H:%M}"


def moments(start: float, end: float, timezone: str, most: int) -> tuple[Moment, ...]:
    """Round moments between two others, at most so many."""
    local = zone(timezone)
    wanted = max(end - start, 1.0) / most
    span = next((span for span in _SPANS if span >= wanted), 0)
    if not span:
        days = next((days for days in _DAYS if days * DAY >= wanted), _DAYS[-1])
        return tuple(_days(start, end, local, days))
    found, last = [], ""
    for at in _hours(start, end, local, span):
        there = datetime.fromtimestamp(at, local)
        day = f"{there:%a %-d %b}"
        text = f"{there:%H:%M}" if span >= 60 else f"{there:%H:%M:%S}"
        found.append(Moment(at, text, day if day != last else ""))
        last = day
    return tuple(found)


def _hours(start: float, end: float, local: tzinfo, span: int) -> Iterator[float]:
    """Moments at which the local clock shows a multiple of the span."""
    stride = min(span, _QUARTER)
    at = -(-start // stride) * stride
    while at <= end:
        there = datetime.fromtimestamp(at, local)
        if (there.hour * 3600 + there.minute * 60 + there.second) % span == 0:
            yield at
        at += stride


def _days(start: float, end: float, local: tzinfo, days: int) -> Iterator[Moment]:
    """Midnights, so many days apart; weeks begin on Monday."""
    midnight = datetime.fromtimestamp(start, local).replace(hour=0, minute=0, second=0)
    midnight = midnight.replace(microsecond=0, fold=0)
    while midnight.timestamp() <= end:
        if midnight.timestamp() >= start and (midnight.toordinal() - 1) % days == 0:
            yield Moment(midnight.timestamp(), f"{midnight:%-d %b}")
        midnight += timedelta(days=1)
