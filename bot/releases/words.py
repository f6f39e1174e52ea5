"""Numbers, ages and lists in plain words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

SECOND = 1_000_000
_UNITS = {"m": 60, "h": 3_600, "d": 86_400}
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def span(micros: int) -> str:
    """A length of time in its largest whole unit: `3 d`, `5 min`, `12 s`."""
    seconds = max(0, micros // SECOND)
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "0 s"


def check_span(value: Any) -> str | None:
    """Accepts `30m`, `2h`, `1d`."""
    if re.fullmatch(r"[1-9][0-9]{0,3}[mhd]", str(value)):
        return None
    return "write a length of time as 30m, 2h or 1d"


def span_of(text: str) -> int:
    """The microseconds of what `check_span` accepts."""
    return int(text[:-1]) * _UNITS[text[-1]] * SECOND


def lasted(micros: int) -> str:
    """A measured time, to two units: `1.4 s`, `38 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = max(0, micros) / SECOND
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for (size, unit), (less, smaller) in pairwise(_STEPS):
        if whole >= size:
            rest = whole % size // less
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def ago(at: int | None, now: int) -> str:
    """How long a moment lies back: `3 d ago`, `just now`, `in 2 h`; empty for None.

    What is to come gets a hundredth more: 30 days, set a second ago, are `in 30 d`.
    """
    if at is None:
        return ""
    if at > now + SECOND:
        return f"in {span((at - now) * 101 // 100)}"
    return f"{span(now - at)} ago" if now - at >= SECOND else "just now"


def stamp(at: int) -> str:
    """A moment as `2026-11-22 20:08:44 UTC`."""
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def moment(text: str) -> int | None:
    """Microseconds of a time as Kubernetes and Helm write it; None when unreadable.

    That is RFC 3339, or in `helm list` Go's own `2026-11-22 20:08:44.123 +0000 UTC`.
    """
    plain = re.sub(r" ([+-]\d\d)(\d\d) \w+$", r"\1:\2", text.strip())
    try:
        parsed = datetime.fromisoformat(plain)
    except ValueError:
        return None
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return int(aware.timestamp() * SECOND)


def short_image(image: str) -> str:
    """An image without what everybody knows: `docker.io/library/mongo:8.0` → `mongo:8.0`."""
    return image.removeprefix("docker.io/").removeprefix("library/")


def count(number: int, one: str, many: str = "") -> str:
    """`1 app`, `2 apps`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(items: Iterable[str], most: int = 0) -> str:
    """`a, b and c`; with `most`, `a, b and 5 more`."""
    names: Sequence[str] = tuple(items)
    if most and len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
