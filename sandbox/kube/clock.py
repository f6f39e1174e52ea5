"""Time as the API writes it. A clock is any function that returns an aware UTC time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The machine's own time."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Write a time as ``metav1.Time``: whole seconds, ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(moment: datetime) -> str:
    """Write a time as ``metav1.MicroTime``: microseconds, ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_timestamp(text: str) -> datetime:
    """Read either form.

    Raises:
        ValueError: ``text`` is no RFC 3339 time.
    """
    return datetime.fromisoformat(text)
