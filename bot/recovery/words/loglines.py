"""Velero's log of a run: the lines that matter. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_FIELD = re.compile(r"([A-Za-z_][\w.-]*)=(\"(?:[^\"\\]|\\.)*\"|\S*)")
_SERIOUS = {"error": 0, "fatal": 0, "panic": 0, "warning": 1}
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Line:
    """A line of level `error` or `warning`, and how often it is there."""

    level: str
    text: str
    times: int = 1


def serious(log: str) -> tuple[Line, ...]:
    """Errors, then warnings, each in the order of the log and once."""
    found: dict[tuple[str, str], int] = {}
    for line in log.splitlines():
        if "level=info" in line or "level=debug" in line:
            continue
        fields = {key: _plain(value) for key, value in _FIELD.findall(line)}
        level = fields.get("level", "")
        if level in _SERIOUS:
            key = ("warning" if _SERIOUS[level] else "error", _text(fields))
            found[key] = found.get(key, 0) + 1
    ordered = sorted(found.items(), key=lambda item: item[0][0] != "error")
    return tuple(Line(level, text, times) for (level, text), times in ordered)


def _text(fields: dict[str, str]) -> str:
    """The message, its error, and the object that it is about."""
    said = ": ".join(fields[key] for key in ("msg", "error") if fields.get(key))
    about = "/".join(fields[key] for key in ("namespace", "name") if fields.get(key))
    whole = f"{said} ({about})" if about and about not in said else said
    return whole if len(whole) <= _LONGEST else f"{whole[: _LONGEST - 1]}…"


def _plain(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value, strict=False))
    except ValueError:
        return value[1:-1]
