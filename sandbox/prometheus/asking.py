"""Parameters of the HTTP API: times, durations, and the refusals that they earn.

Facts: `web/api/v1/api.go` of Prometheus v3.8.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime

from sandbox.prometheus.promql.values import QueryError

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_UNITS |= {"w": 7 * _UNITS["d"], "y": 365 * _UNITS["d"]}
_DURATION = re.compile(r"(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")
MOST_POINTS = 11_000


def _invalid(name: str, why: str) -> QueryError:
    return QueryError(f'invalid parameter "{name}": {why}')


def moment(form: Mapping[str, str], name: str, default: int | None = None) -> int:
    """A time in ms: seconds since 1970, or RFC 3339.

    Raises:
        QueryError: It is neither, or missing without a default.
    """
    text = form.get(name, "")
    if not text and default is not None:
        return default
    try:
        seconds = float(text)
        if math.isfinite(seconds):
            return round(seconds * 1000)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return round(found.timestamp() * 1000)
    except ValueError:
        pass
    raise _invalid(name, f'cannot parse "{text}" to a valid timestamp')


def duration(form: Mapping[str, str], name: str) -> int:
    """A duration in ms: seconds, or `1h30m`.

    Raises:
        QueryError: It is neither.
    """
    text = form.get(name, "")
    try:
        seconds = float(text)
        if math.isfinite(seconds):
            return round(seconds * 1000)
    except ValueError:
        pass
    found = _DURATION.fullmatch(text)
    if text and found is not None:
        parts = (part for part in found.groups() if part)
        return sum(_part(part) for part in parts)
    raise _invalid(name, f'cannot parse "{text}" to a valid duration')


def _part(text: str) -> int:
    digits = re.match(r"\d+", text)
    assert digits is not None  # noqa: S101 - the expression above says so
    return int(digits[0]) * _UNITS[text[digits.end() :]]


def steps(form: Mapping[str, str]) -> tuple[int, int, int]:
    """Start, end and step of a range query, in ms.

    Raises:
        QueryError: They make no sense, or too many points.
    """
    start, end = moment(form, "start"), moment(form, "end")
    if end < start:
        raise _invalid("end", "end timestamp must not be before start time")
    step = duration(form, "step")
    if step <= 0:
        raise _invalid(
            "step",
            "zero or negative query resolution step widths are not accepted. "
            "Try a positive integer",
        )
    if (end - start) / step > MOST_POINTS:
        raise QueryError(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
            "resolution (?step=XX)"
        )
    return start, end, step


def limit(form: Mapping[str, str]) -> int:
    """The most series that are wanted; 0 for all.

    Raises:
        QueryError: It is no such number.
    """
    text = form.get("limit", "0")
    if not text.isdigit():
        raise _invalid("limit", f'cannot parse "{text}" to a valid limit')
    return int(text)
