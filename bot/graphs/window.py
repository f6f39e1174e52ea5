"""The time that a graph shows, from what a person types in their own time zone. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from bot.errors import UsageError
from bot.names import clip

SECOND = 1_000_000
LEAST, MOST = 60, 3 * 366 * 86_400
"""Seconds that a graph can show."""
USUAL = "6h"

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_LENGTH = re.compile(r"([0-9]{1,6})([mhdw])")
_TIME = re.compile(r"[0-2]?[0-9]:[0-5][0-9](:[0-5][0-9])?")
_HOW = "write a time as 14:30, 2026-11-22, 2026-11-22T14:30 or 2h (that long ago)"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, microseconds UTC.

    Attributes:
        said: How to call it: `last 6 h`, `2026-11-22 14:30 to 16:00 CET`.
    """

    start: int
    end: int
    said: str

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.start) / SECOND


def check_length(value: Any) -> str | None:
    """Accepts `30m`, `6h`, `7d` or `4w`: at least a minute, at most three years."""
    found = _LENGTH.fullmatch(str(value))
    if not found:
        return f"{clip(str(value))} is not a length of time: write 30m, 6h, 7d or 4w"
    if not LEAST <= _seconds(found) <= MOST:
        return "a graph shows at least a minute and at most three years"
    return None


def check_moment(value: Any) -> str | None:
    """Accepts what `window` takes for its beginning and end."""
    text = str(value)
    if text == "now" or _LENGTH.fullmatch(text) or _TIME.fullmatch(text):
        return None
    return None if _date(text) else f"{clip(text)} is not a time: {_HOW}"


def zone_of(name: str) -> tzinfo:
    """The time zone of that name; UTC when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def window(*, last: str, since: str, until: str, now: int, zone: str) -> Window:
    """What `--last`, `--from` and `--to` mean.

    Args:
        last: A length that `check_length` accepts; empty for the usual one.
        since: The beginning, or empty.
        until: The end; empty for now.
        now: Microseconds UTC.
        zone: The asker's; times without a zone of their own are meant in it.

    Raises:
        UsageError: They contradict each other, or what they say has not come yet.
    """
    if last and since:
        raise UsageError("--last and --from cannot be given together", hint="Leave one of them out")
    there = zone_of(zone)
    end = min(_moment(until, now, there, "--to"), now) if until else now
    length = _length(last or USUAL) * SECOND
    start = _moment(since, now, there, "--from") if since else end - length
    if start >= now:
        raise UsageError("--from lies in the future", why=f"now it is {_clock(now, there)}")
    if start >= end:
        raise UsageError("--from must be before --to")
    if not LEAST <= (end - start) / SECOND <= MOST:
        raise UsageError("A graph shows at least a minute and at most three years")
    said = _between(start, end, there) if since or until else f"last {_words(last or USUAL)}"
    return Window(start, end, said)


def _moment(text: str, now: int, zone: tzinfo, flag: str) -> int:
    """Microseconds UTC of a moment that `check_moment` accepts."""
    if text == "now":
        return now
    if found := _LENGTH.fullmatch(text):
        return now - _seconds(found) * SECOND
    today = datetime.fromtimestamp(now / SECOND, zone)
    if _TIME.fullmatch(text):
        hour, minute, *rest = map(int, text.split(":"))
        if hour > 23:
            raise UsageError(f"{flag} is wrong", why=f"{clip(text)} is not a time: {_HOW}")
        at = today.replace(hour=hour, minute=minute, second=sum(rest), microsecond=0, fold=0)
        at = at if at <= today else at - timedelta(days=1)
    else:
        parsed = _date(text)
        if parsed is None:
            raise UsageError(f"{flag} is wrong", why=f"{clip(text)} is not a time: {_HOW}")
        at = parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)
    if at.astimezone(UTC).astimezone(at.tzinfo).replace(tzinfo=None) != at.replace(tzinfo=None):
        raise UsageError(
            f"{flag} is wrong", why=f"the clocks went forward: there was no {text} in {zone}"
        )
    return int(at.timestamp()) * SECOND


def _date(text: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(text)
        parsed.astimezone(UTC)  # the very first and last days have no UTC
    except (ValueError, OverflowError):
        return None
    return parsed if parsed.year >= 1971 else None


def _length(text: str) -> int:
    found = _LENGTH.fullmatch(text)
    if not found:
        raise UsageError("--last is wrong", why=check_length(text) or "")
    return _seconds(found)


def _seconds(found: re.Match[str]) -> int:
    return int(found[1]) * _UNITS[found[2]]


def _words(length: str) -> str:
    return f"{int(length[:-1])} {'min' if length[-1] == 'm' else length[-1]}"


def _between(start: int, end: int, zone: tzinfo) -> str:
    first, last = (datetime.fromtimestamp(at / SECOND, zone) for at in (start, end))
    upto = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M} to {upto} {last:%Z}"


def _clock(at: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(at / SECOND, zone):%Y-%m-%d %H:%M %Z}"
