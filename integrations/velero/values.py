"""Times and durations as Velero writes them: RFC 3339, and Go's ``720h0m0s``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Raw = Mapping[str, Any]
"""An object, or a part of one, as the API gives it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0,
}  # fmt: skip


def micros(value: Any) -> int | None:
    """Microseconds UTC of an RFC 3339 time; None when absent or unreadable."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    if found.tzinfo is None:
        return None
    return (found - _EPOCH) // timedelta(microseconds=1)


def timestamp(at_us: int) -> str:
    """The RFC 3339 time in whole seconds, as Kubernetes writes it."""
    return f"{_EPOCH + timedelta(seconds=at_us // 1_000_000):%Y-%m-%dT%H:%M:%SZ}"


def seconds(value: Any) -> int | None:
    """Whole seconds of a Go duration such as ``720h0m0s``; None when it is none."""
    text = str(value or "").strip()
    sign, text = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if text == "0":
        return 0
    parts = list(_PART.finditer(text))
    if not parts or "".join(p.group() for p in parts) != text:
        return None
    return sign * round(sum(float(p[1]) * _UNITS[p[2]] for p in parts))


def duration(length: int) -> str:
    """A Go duration of whole seconds, as Velero itself would write it: ``720h0m0s``."""
    hours, rest = divmod(max(0, length), 3600)
    minutes, rest = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def part(raw: Raw, name: str) -> Raw:
    """A mapping inside an object; empty when it is absent or null."""
    found: Raw = raw.get(name) or {}
    return found
