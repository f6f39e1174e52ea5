"""Alerts as Alertmanager keeps them: merged, ordered, and known by a hash of their labels.

Facts: `types`, `provider/mem` of Alertmanager v0.31 and `model` of prometheus/common.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""Go's zero time: an end that is not known."""
_OFFSET, _PRIME, _MASK = 14695981039346656037, 1099511628211, (1 << 64) - 1
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_FRACTION = re.compile(r"\.(\d+)")

Labels = Mapping[str, str]


class BadAlert(ValueError):
    """An alert, or a silence, that Alertmanager refuses; the message is its own."""


class Malformed(BadAlert):
    """What was sent does not have the shape that the API states.

    Attributes:
        code: Of the check that failed: 602 for what is missing.
    """

    def __init__(self, message: str, code: int = 602) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Alert:
    """One alert.

    Attributes:
        ends: When it is, or will be, over.
        updated: When it was last heard of.
        timeout: Nobody said when it ends; it is over when it is not heard of any more.
    """

    labels: Labels
    annotations: Labels
    starts: datetime
    ends: datetime
    updated: datetime
    generator: str = ""
    timeout: bool = False

    @cached_property
    def fingerprint(self) -> str:
        """The hash of its labels."""
        return fingerprint(self.labels)

    def over(self, now: datetime) -> bool:
        """Whether it is resolved."""
        return self.ends <= now

    def merged(self, newer: Alert, now: datetime) -> Alert:
        """The newer state of the same alert, with what holds on of the older one."""
        inside = self.starts < newer.ends < self.ends or self.starts < newer.starts < self.ends
        if not inside:
            return newer
        starts = min(self.starts, newer.starts)
        ends = newer.ends
        if newer.over(now):
            if self.over(now):
                ends = max(self.ends, newer.ends)
        elif not self.timeout:
            ends = max(self.ends, newer.ends)
        return replace(newer, starts=starts, ends=ends)


def fingerprint(labels: Labels) -> str:
    """FNV-1a over sorted names and values, each followed by 255, as 16 hexadecimal digits."""
    value = _OFFSET
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            value = ((value ^ byte) * _PRIME) & _MASK
    return f"{value:016x}"


def shown(labels: Labels) -> str:
    """Labels as they stand in a group's key: `{alertname="X", namespace="Y"}`."""
    return "{" + ", ".join(f"{name}={quoted(labels[name])}" for name in sorted(labels)) + "}"


def quoted(text: str) -> str:
    """A string as Go's `%q` writes it."""
    found = []
    for letter in text:
        if letter in _ESCAPES:
            found.append(_ESCAPES[letter])
        elif letter.isprintable():
            found.append(letter)
        elif ord(letter) < 0x80:
            found.append(f"\\x{ord(letter):02x}")
        else:
            wide = ord(letter) > 0xFFFF
            found.append(f"\\U{ord(letter):08x}" if wide else f"\\u{ord(letter):04x}")
    return '"' + "".join(found) + '"'


_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def order(alert: Alert) -> Any:
    """Sorts alerts as a notification has them: by job, instance, then by all labels."""
    labels = alert.labels
    first = tuple((name not in labels, labels.get(name, "")) for name in ("job", "instance"))
    return (*first, len(labels), sorted(labels.items()))


def read(given: Any, now: datetime, resolve_timeout: float) -> Alert:
    """Read an alert as the API takes it.

    Args:
        given: The JSON object.
        now: The present.
        resolve_timeout: Seconds after which an alert without an end is over.

    Raises:
        BadAlert: It is none.
    """
    if not isinstance(given, dict) or not isinstance(given.get("labels"), dict):
        raise Malformed("labels in body is required")
    starts = _moment(given.get("startsAt"))
    ends = _moment(given.get("endsAt"))
    if starts is None:
        starts = now if ends is None else ends
    timeout = ends is None
    if ends is None:
        ends = now + timedelta(seconds=resolve_timeout)
    labels = {str(name): str(value) for name, value in given["labels"].items() if value != ""}
    if not labels:
        raise BadAlert("at least one label pair required")
    for name in labels:
        if not _NAME.fullmatch(name):
            raise BadAlert(f"invalid label set: invalid name {quoted(name)}")
    if starts > ends:
        raise BadAlert("start time must be before end time")
    notes = {str(k): str(v) for k, v in (given.get("annotations") or {}).items()}
    return Alert(labels, notes, starts, ends, now, str(given.get("generatorURL") or ""), timeout)


def _moment(text: Any) -> datetime | None:
    if not text:
        return None
    found = moment(str(text))
    return None if found == NEVER else found


def moment(text: str) -> datetime:
    """Read RFC 3339; of the fraction microseconds count.

    Raises:
        BadAlert: It is none.
    """
    try:
        short = _FRACTION.sub(lambda found: "." + found[1][:6].ljust(6, "0"), text)
        found = datetime.fromisoformat(short)
    except ValueError:
        raise Malformed(f"{text} is no date-time", 601) from None
    if found.tzinfo is None:
        raise Malformed(f"{text} is no date-time", 601)
    return found.astimezone(UTC)


def stamp(when: datetime) -> str:
    """A time as webhooks have it: as short a fraction as will do."""
    if when == NEVER:
        return "0001-01-01T00:00:00Z"
    text = when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}Z"


def api_stamp(when: datetime) -> str:
    """A time as the API has it: always milliseconds."""
    utc = when.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
