"""Lengths of time and dates as people type them, and moments in their own time zone. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.names import clip
from bot.releases.words import SECOND

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_LENGTH = re.compile(r"([0-9]{1,6})([mhdw])")
_LONGEST = 10 * 366 * 86_400
DAY = 86_400 * SECOND


def check_length(value: Any) -> str | None:
    """Accepts `90m`, `12h`, `30d` or `8w`, at most ten years."""
    found = _LENGTH.fullmatch(str(value))
    if not found:
        return f"{clip(str(value))} is not a length of time: write 12h, 30d or 8w"
    if not 0 < int(found[1]) * _UNITS[found[2]] <= _LONGEST:
        return "a length of time is above zero and at most ten years"
    return None


def length_of(text: str) -> int:
    """Seconds of a length that `check_length` accepts."""
    found = _LENGTH.fullmatch(text)
    if not found:
        raise ValueError(text)
    return int(found[1]) * _UNITS[found[2]]


def check_date(value: Any) -> str | None:
    """Accepts a day such as `2026-12-24`."""
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return f"{clip(str(value))} is not a day: write it as 2026-12-24"
    return None


def end_of_day(at: int) -> int:
    """Midnight UTC after a moment (microseconds UTC): the day counts as a whole."""
    return at - at % DAY + DAY


def end_of_date(text: str) -> int:
    """Midnight UTC after a day that `check_date` accepts."""
    day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    return int((day + timedelta(days=1)).timestamp()) * SECOND


def day(at: int) -> str:
    """`2026-12-24`, in UTC; the day that ends then when it is midnight."""
    return f"{datetime.fromtimestamp((at - 1) / SECOND, UTC):%Y-%m-%d}"


def local(at: int, zone: str) -> str:
    """`Tue 2026-11-24 04:00 CET` in somebody's time zone; UTC when that is unknown."""
    try:
        where: Any = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        where = UTC
    return f"{datetime.fromtimestamp(at / SECOND, where):%a %Y-%m-%d %H:%M %Z}"


def length(seconds: float) -> str:
    """`90 min`, `36 h`, `30 d`: whole units, the largest in which nothing is lost."""
    whole = int(seconds)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if whole >= size and whole % size == 0:
            return f"{whole // size} {unit}"
    return f"{whole} s"
