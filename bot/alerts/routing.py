"""Where an alert goes, who is called, and whether it is posted at all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from bot.config.routing import MaintenanceConfig, Match, QuietConfig, RoutingConfig

SEVERITIES = ("critical", "error", "warning", "info", "none")
"""The usual values of the label `severity`, the worst first; unknown ones rank with warnings."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Route:
    """What becomes of an alert.

    Attributes:
        channel: Where it is posted.
        mentions: Who is called, as `slack-group:TEAM/ID` or `slack:TEAM/USER`.
        quiet: Why nobody is called although somebody is named; empty when not so.
        muted: Why it is not posted, but only listed; empty when it is posted.
    """

    channel: str
    mentions: tuple[str, ...] = ()
    quiet: str = ""
    muted: str = ""


def route(rules: RoutingConfig, labels: Mapping[str, str], now: int, *, default: str = "") -> Route:
    """Decides about an alert, or a group of them.

    Args:
        rules: The configuration's `alerts`.
        labels: What `labels_of` says of the group.
        now: Microseconds UTC.
        default: The channel when the configuration names none for alerts.
    """
    at = datetime.fromtimestamp(now / 1_000_000, UTC)
    found = next((one for one in rules.routes if fits(one.match, labels)), None)
    channel = (found and found.channel) or rules.channel or default
    named = rules.mentions if found is None or found.mentions is None else found.mentions
    severity = labels.get("severity", "")
    called = named.get(severity, ())
    quiet = _quiet(rules.quiet_hours, severity, at) if called else ""
    return Route(channel, () if quiet else called, quiet, _muted(rules.maintenance, labels, at))


def hushed(rules: RoutingConfig, labels: Mapping[str, str], now: int) -> str:
    """Why nobody is to be called about an alert now; empty when somebody may be.

    Args:
        rules: The configuration's `alerts`.
        labels: What `labels_of` says of the group.
        now: Microseconds UTC.
    """
    at = datetime.fromtimestamp(now / 1_000_000, UTC)
    quiet = _quiet(rules.quiet_hours, labels.get("severity", ""), at)
    return _muted(rules.maintenance, labels, at) or quiet


def labels_of(cluster: str, alerts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """What a group of alerts is routed by.

    The labels that all of them share, the worst severity among them, and the bot's own name for
    the cluster, whatever a label of that name says.
    """
    found = list(alerts)
    shared = dict(found[0]) if found else {}
    for labels in found[1:]:
        shared = {k: v for k, v in shared.items() if labels.get(k) == v}
    severity = worst(labels.get("severity", "") for labels in found)
    return {**shared, **({"severity": severity} if severity else {}), "cluster": cluster}


def worst(severities: Iterable[str]) -> str:
    """The worst of several severities; empty when there is none."""
    return min((s for s in severities if s), key=rank, default="")


def rank(severity: str) -> int:
    """0 is the worst; what nobody knows ranks with warnings."""
    known = severity if severity in SEVERITIES else "warning"
    return SEVERITIES.index(known)


def fits(match: Match, labels: Mapping[str, str]) -> bool:
    """Whether labels have all that is asked for; a missing label is empty."""
    return all(_one(wanted, labels.get(name, "")) for name, wanted in match.items())


def _one(wanted: str | Sequence[str], value: str) -> bool:
    choices = (wanted,) if isinstance(wanted, str) else wanted
    # Only the star is special: brackets and question marks of fnmatch stand for themselves.
    plain = (c.replace("[", "[[]").replace("?", "[?]") for c in choices)
    return any(fnmatchcase(value, choice) for choice in plain)


def _muted(windows: Iterable[MaintenanceConfig], labels: Mapping[str, str], at: datetime) -> str:
    for window in windows:
        if window.start <= at < window.end and fits(window.match, labels):
            end = window.end.astimezone(UTC)
            return f"maintenance until {end:%Y-%m-%d %H:%M} UTC: {window.reason}"
    return ""


def _quiet(windows: Iterable[QuietConfig], severity: str, at: datetime) -> str:
    for window in windows:
        if (severity == "critical" and not window.critical) or not _within(window, at):
            continue
        return f"quiet hours until {window.end} {window.timezone}"
    return ""


def _within(window: QuietConfig, at: datetime) -> bool:
    """Whether a moment lies in hours that began on that day, or on the day before."""
    local = at.astimezone(ZoneInfo(window.timezone))
    clock = local.hour * 60 + local.minute
    start, end = _minutes(window.start), _minutes(window.end)
    if end > start:
        return start <= clock < end and _on(window, local)
    return (clock >= start and _on(window, local)) or (
        clock < end and _on(window, local - _ONE_DAY)
    )


def _on(window: QuietConfig, day: datetime) -> bool:
    return not window.days or _DAYS[day.weekday()] in window.days


def _minutes(clock: str) -> int:
    if clock == "24:00":
        return 24 * 60
    at = time.fromisoformat(clock)
    return at.hour * 60 + at.minute
