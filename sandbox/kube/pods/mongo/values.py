"""Values of BSON that JSON lacks, and the three ways ``mongosh`` writes values."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


class Undefined:
    """JavaScript's ``undefined``."""

    def __bool__(self) -> bool:
        return False


UNDEFINED = Undefined()


class Long(int):
    """A 64-bit integer, which ``mongosh`` keeps as an object."""


@dataclass(frozen=True, slots=True)
class Timestamp:
    """BSON's internal timestamp: seconds and a counter."""

    seconds: int
    count: int


@dataclass(frozen=True, slots=True)
class ObjectId:
    """A BSON ObjectId in hexadecimal."""

    text: str


def _iso(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """Return what ``JSON.stringify`` makes of a value."""
    match value:
        case Long():
            high, low = divmod(int(value), 2**32)
            return {"low": low, "high": high, "unsigned": False}
        case Timestamp(seconds=seconds, count=count):
            return {"$timestamp": str((seconds << 32) | count)}
        case ObjectId(text=text):
            return text
        case datetime():
            return _iso(value)
        case dict():
            return {k: plain(v) for k, v in value.items() if v is not UNDEFINED}
        case list():
            return [None if v is UNDEFINED else plain(v) for v in value]
    return value


def extended(value: Any) -> Any:
    """Return what ``EJSON.stringify`` makes of a value (relaxed)."""
    match value:
        case Long():
            return int(value)
        case Timestamp(seconds=seconds, count=count):
            return {"$timestamp": {"t": seconds, "i": count}}
        case ObjectId(text=text):
            return {"$oid": text}
        case datetime():
            return {"$date": _iso(value)}
        case dict():
            return {k: extended(v) for k, v in value.items() if v is not UNDEFINED}
        case list():
            return [None if v is UNDEFINED else extended(v) for v in value]
    return value


def dumps(value: Any, indent: int | None = None) -> str:
    """Write JSON as JavaScript does: no blanks unless indented, no escaped letters."""
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(value, indent=indent, separators=separators, ensure_ascii=False)


def shown(value: Any, depth: int = 0) -> str:
    """Write a value as the shell shows a result."""
    match value:
        case dict():
            parts = [f"{_key(k)}: {shown(v, depth + 1)}" for k, v in value.items()]
            return _wrapped("{", parts, "}", depth)
        case list():
            return _wrapped("[", [shown(v, depth + 1) for v in value], "]", depth)
        case str():
            return value if depth == 0 else "'" + value.replace("'", "\\'") + "'"
        case Long():
            return f"Long('{int(value)}')"
        case Timestamp(seconds=seconds, count=count):
            return f"Timestamp({{ t: {seconds}, i: {count} }})"
        case ObjectId(text=text):
            return f"ObjectId('{text}')"
        case datetime():
            return f"ISODate('{_iso(value)}')"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is UNDEFINED:
        return "undefined"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*", name) else f"'{name}'"


def _wrapped(left: str, parts: list[str], right: str, depth: int) -> str:
    if not parts:
        return left + right
    line = f"{left} {', '.join(parts)} {right}"
    if len(line) <= 72 and "\n" not in line:
        return line
    pad = "  " * (depth + 1)
    body = ",\n".join(pad + part for part in parts)
    return f"{left}\n{body}\n{'  ' * depth}{right}"
