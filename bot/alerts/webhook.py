"""What Alertmanager posts, version 4 of its webhook: read with care, and cut to a sound size. Pure.

The shape is that of Alertmanager's `notify/webhook/webhook.go` and `template/template.go`: group
status, labels and alerts, each with a fingerprint. Fields that are not known here are left alone,
because newer releases add some.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.render.text import clean

VERSION = "4"
LABELS, ANNOTATIONS = 64, 24
NAME, VALUE, TEXT, KEY = 128, 1024, 4096, 1000
ALERTS = 5000
NEVER = 0
_KEPT_FIRST = ("alertname", "severity", "namespace", "pod", "deployment", "statefulset", "node")
_HALVES = re.compile(r"\\u[dD][89a-fA-F]")
_UNQUOTED = re.compile(r"\\(.)")


class BadPayload(Exception):
    """It is no notification of Alertmanager; its words say what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it was notified.

    Attributes:
        status: firing or resolved.
        cut: How many labels and annotations were left out because there were too many.
        starts_at: Microseconds UTC by the clock of Prometheus; 0 when it cannot be told.
        ends_at: The same; 0 while it fires.
        source: Where Prometheus shows the rule.
    """

    fingerprint: str
    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(repr=False)
    cut: int
    starts_at: int
    ends_at: int
    source: str

    @property
    def name(self) -> str:
        """Its rule."""
        return self.labels.get("alertname", "")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification about one group.

    Attributes:
        cluster: By the address it was posted to.
        group_key: Alertmanager's name of the group.
        labels: The labels that make the group, whole, because a silence needs them exactly.
        alerts: Those that it names.
        truncated: How many it left out.
        source: Where Alertmanager can be looked at.
    """

    cluster: str
    receiver: str
    group_key: str
    labels: Mapping[str, str]
    alerts: tuple[Alert, ...]
    truncated: int
    source: str


def read(cluster: str, body: bytes) -> Delivery:
    """Reads a notification.

    Args:
        cluster: Which cluster it is about.
        body: What was posted.

    Raises:
        BadPayload: It is none, or one of another version.
    """
    try:
        text = body.decode("utf-8-sig")
        data = json.loads(text, parse_constant=_no_constant)
        if _HALVES.search(text):  # half a character cannot be stored, nor told
            whole = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")
            data = json.loads(whole)
    except RecursionError:
        raise BadPayload("it is nested too deeply") from None
    except ValueError as error:
        raise BadPayload(f"it is no JSON: {_words(str(error), 200)}") from None
    payload = _mapping(data, "it")
    if payload.get("version") != VERSION:
        told = _words(str(payload.get("version", "none"))[:100], 40)
        raise BadPayload(f"its version is {told}, and only {VERSION} is known")
    alerts = payload.get("alerts")
    if not isinstance(alerts, list) or len(alerts) > ALERTS:
        raise BadPayload(f"`alerts` must be a list of at most {ALERTS}")
    return Delivery(
        cluster,
        # Alertmanager quotes it as a regular expression.
        _words(_UNQUOTED.sub(r"\1", _string(payload, "receiver")), NAME),
        _key(_string(payload, "groupKey", needed=True)),
        dict(_pairs(payload.get("groupLabels"), "groupLabels")),
        tuple(_alert(one, f"alert {n}") for n, one in enumerate(alerts, 1)),
        _count(payload.get("truncatedAlerts")),
        web_address(_string(payload, "externalURL")),
    )


def web_address(text: str) -> str:
    """An address that a person may be sent to; empty when it is none."""
    sound = re.fullmatch(r"https?://[^\s<>|\"'`\x00-\x1f\x7f]{1,1800}", text)
    return text if sound else ""


def _alert(data: Any, where: str) -> Alert:
    body = _mapping(data, where)
    status = _string(body, "status")
    if status not in ("firing", "resolved"):
        raise BadPayload(f"{where} is neither firing nor resolved")
    labels, less = _few(_pairs(body.get("labels"), f"{where}: labels"), LABELS, VALUE)
    notes, fewer = _few(_pairs(body.get("annotations"), f"{where}: annotations"), ANNOTATIONS, TEXT)
    return Alert(
        _string(body, "fingerprint", needed=True)[:64],
        status,
        labels,
        notes,
        less + fewer,
        moment(body.get("startsAt")),
        moment(body.get("endsAt")) if status == "resolved" else NEVER,
        web_address(_string(body, "generatorURL")),
    )


def moment(value: Any) -> int:
    """RFC 3339 → microseconds UTC; 0 for Go's zero time, and for what is no time."""
    if not isinstance(value, str) or len(value) > 64:
        return NEVER
    try:
        at = datetime.fromisoformat(value)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return NEVER
    return round(seconds * 1_000_000) if seconds > 0 and math.isfinite(seconds) else NEVER


def _few(pairs: Iterator[tuple[str, str]], most: int, length: int) -> tuple[dict[str, str], int]:
    """At most so many pairs, those that matter first, each cut to a sound length."""
    every = dict(pairs)
    order = [name for name in _KEPT_FIRST if name in every]
    order += [name for name in every if name not in _KEPT_FIRST]
    kept = {name[:NAME]: _words(every[name], length) for name in order[:most]}
    return kept, max(len(order) - most, 0)


def _pairs(value: Any, where: str) -> Iterator[tuple[str, str]]:
    for name, text in _mapping(value or {}, where).items():
        if not isinstance(text, str):
            raise BadPayload(f"{where}: every value must be text")
        yield name, text


def _key(text: str) -> str:
    """A group's name as it is; an overlong one by its beginning and its hash."""
    whole = text.encode()
    if len(whole) <= KEY:
        return text
    return f"{whole[:200].decode(errors='ignore')}…{hashlib.sha256(whole).hexdigest()}"


def _words(text: str, length: int) -> str:
    """Outside text of at most that length, without control characters."""
    cut = clean(text[: length + 1])
    return cut if len(text) <= length else f"{cut[: length - 1]}…"


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadPayload(f"{where} must be an object")
    return value


def _string(body: Mapping[str, Any], name: str, *, needed: bool = False) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or (needed and not value):
        raise BadPayload(f"`{name}` must be text")
    return value


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
