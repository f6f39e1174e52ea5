"""What a row is made of: plain cells, and ages that move while the object does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.kube.clock import parse_timestamp
from sandbox.kube.jsonutil import Json, dig

NONE = "<none>"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, JSON type, and 1 as priority when only ``-o wide`` shows it."""

    name: str
    type: str = "string"
    priority: int = 0
    format: str = ""

    def to_json(self) -> Json:
        """Return the ``TableColumnDefinition``."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": "",
            "priority": self.priority,
        }


@dataclass(frozen=True, slots=True)
class Since:
    """A cell that shows how long ago a time was; ``around`` holds it where ``{}`` stands."""

    moment: str
    around: str = "{}"


Row = Callable[[Json], list[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a kind and the function that fills a row."""

    columns: tuple[Column, ...]
    row: Row


def columns(*names: str, wide: Iterable[str] = ()) -> tuple[Column, ...]:
    """Make columns; ``wide`` ones are only for ``-o wide``; ``Name:integer`` gives a type."""
    made = []
    for priority, group in ((0, names), (1, tuple(wide))):
        for text in group:
            name, _, kind = text.partition(":")
            form = "name" if name == "Name" else ""
            made.append(Column(name, kind or "string", priority, form))
    return tuple(made)


def age(obj: Json) -> Since:
    """The cell for the time since the object was made."""
    return Since(str(dig(obj, "metadata", "creationTimestamp", default="")))


def human_duration(seconds: float) -> str:
    """Write a duration as kubectl does: ``5s``, ``3m10s``, ``2d4h``."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 120:
        return f"{max(whole, 0)}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 2920:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first}{unit}{second}{smaller}" if second else f"{first}{unit}"


def duration_since(moment: str, now: datetime) -> str:
    """Write the time from ``moment`` until ``now``; ``<unknown>`` when there is none."""
    if not moment:
        return "<unknown>"
    return human_duration((now - parse_timestamp(moment)).total_seconds())


def duration_between(start: str, end: str) -> str:
    """Write the time between two moments."""
    return human_duration((parse_timestamp(end) - parse_timestamp(start)).total_seconds())


def selector(value: Json | None) -> str:
    """Write a label selector in one line."""
    if not value:
        return NONE
    if not ("matchLabels" in value or "matchExpressions" in value):
        return ",".join(f"{k}={v}" for k, v in sorted(value.items()))
    parts = [f"{k}={v}" for k, v in sorted((value.get("matchLabels") or {}).items())]
    for rule in value.get("matchExpressions") or ():
        key, operator = rule.get("key"), rule.get("operator")
        if operator in ("In", "NotIn"):
            parts.append(f"{key} {operator.lower()} ({','.join(rule.get('values') or ())})")
        else:
            parts.append(f"!{key}" if operator == "DoesNotExist" else str(key))
    return ",".join(parts) or NONE


def containers(template: Json | None) -> list[str]:
    """The two cells with a template's container names and images."""
    found = dig(template, "spec", "containers", default=[])
    names = ",".join(str(c.get("name", "")) for c in found)
    return [names, ",".join(str(c.get("image", "")) for c in found)]
