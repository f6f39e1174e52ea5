"""What Alertmanager holds, as frozen values, and how they are read from its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

AlertState = Literal["active", "suppressed", "unprocessed"]
SilenceState = Literal["active", "pending", "expired"]


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label.

    Attributes:
        is_regex: `value` is a regular expression, anchored at both ends.
        is_equal: False for `!=` and `!~`.
    """

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def __str__(self) -> str:
        sign = ("=~" if self.is_equal else "!~") if self.is_regex else "="
        sign = sign if self.is_regex or self.is_equal else "!="
        return f"{self.name}{sign}{_quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as Alertmanager holds it. Times are microseconds UTC.

    Attributes:
        ends_at: When it resolves if Prometheus does not tell of it again.
        state: `suppressed` when a silence or an inhibition holds it back.
        silenced_by: Ids of silences.
        inhibited_by: Fingerprints of alerts.
        muted_by: Names of time intervals; told with groups only.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: int
    ends_at: int
    fingerprint: str
    generator_url: str
    state: AlertState
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """What one receiver is told of in one notification."""

    labels: Mapping[str, str]
    receiver: str
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence. Times are microseconds UTC."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: int
    ends_at: int
    created_by: str
    comment: str
    state: SilenceState


@dataclass(frozen=True, slots=True)
class Status:
    """Who answers, and how its cluster is (`ready`, `settling`, `disabled`)."""

    version: str
    cluster: str
    peers: int


def _quoted(text: str) -> str:
    """A label's value as the parser of matchers reads it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def read_status(raw: Any) -> Status:
    """Reads `/status`; like the others it raises what a wrong shape raises."""
    cluster = raw.get("cluster") or {}
    version, state = str(raw["versionInfo"]["version"]), str(cluster.get("status") or "")
    return Status(version, state, len(cluster.get("peers") or ()))


def read_alerts(raw: Any) -> tuple[Alert, ...]:
    """Reads `/alerts`."""
    return tuple(map(_alert, _listed(raw)))


def read_groups(raw: Any) -> tuple[AlertGroup, ...]:
    """Reads `/alerts/groups`."""
    return tuple(
        AlertGroup(dict(one["labels"]), str(one["receiver"]["name"]), read_alerts(one["alerts"]))
        for one in _listed(raw)
    )


def read_silences(raw: Any) -> tuple[Silence, ...]:
    """Reads `/silences`."""
    return tuple(map(_silence, _listed(raw)))


def _listed(raw: Any) -> list[Any]:
    if not isinstance(raw, list):
        raise ValueError("no list")
    return raw


def _alert(raw: Any) -> Alert:
    status = raw["status"]
    return Alert(
        labels=dict(raw["labels"]),
        annotations=dict(raw.get("annotations") or {}),
        starts_at=_micros(raw["startsAt"]),
        ends_at=_micros(raw["endsAt"]),
        fingerprint=str(raw["fingerprint"]),
        generator_url=str(raw.get("generatorURL") or ""),
        state=status["state"],
        silenced_by=tuple(status.get("silencedBy") or ()),
        inhibited_by=tuple(status.get("inhibitedBy") or ()),
        receivers=tuple(str(r["name"]) for r in raw.get("receivers") or ()),
        muted_by=tuple(status.get("mutedBy") or ()),
    )


def _silence(raw: Any) -> Silence:
    matchers = tuple(
        Matcher(m["name"], m["value"], bool(m["isRegex"]), bool(m.get("isEqual", True)))
        for m in raw["matchers"]
    )
    return Silence(
        id=str(raw["id"]),
        matchers=matchers,
        starts_at=_micros(raw["startsAt"]),
        ends_at=_micros(raw["endsAt"]),
        created_by=str(raw.get("createdBy") or ""),
        comment=str(raw.get("comment") or ""),
        state=raw["status"]["state"],
    )


def _micros(text: str) -> int:
    at = datetime.fromisoformat(text)
    return round((at - _EPOCH).total_seconds() * _SECOND)


def stamp(at: int) -> str:
    """A moment (microseconds UTC) as Alertmanager takes it."""
    moment = datetime.fromtimestamp(at / _SECOND, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
