"""Groups of alerts, and when they have something to tell.

Facts: `dispatch/dispatch.go` and `notify/notify.go` of Alertmanager v0.31. What must be known of
a group between two looks is all here; the sending itself is `notifying`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sandbox.alertmanager.alerts import NEVER, Alert, fingerprint, order, shown
from sandbox.alertmanager.matchers import Matcher
from sandbox.alertmanager.timing import Route

_LEAST_DEADLINE = 10.0


@dataclass(frozen=True, slots=True)
class Told:
    """What a group's receiver knows: the notification log."""

    firing: frozenset[str]
    resolved: frozenset[str]
    at: datetime


@dataclass(slots=True)
class Attempt:
    """A notification under way.

    Attributes:
        alerts: What it tells.
        at: The look at the group that it comes from.
        next: When it is tried (again).
        deadline: When it is given up.
        tries: How often it was tried.
    """

    alerts: Sequence[Alert]
    firing: frozenset[str]
    resolved: frozenset[str]
    at: datetime
    next: datetime
    deadline: datetime
    tries: int = 0


@dataclass(slots=True)
class Group:
    """Alerts that share the labels they are grouped by.

    Attributes:
        labels: Those.
        route: How it is told.
        prefix: Names the route in `key`.
        look: When it is looked at next.
        alerts: By fingerprint.
        told: What was last told; None: nothing yet.
        attempt: What is being told.
        emptied: When its last alert went; None: it has some.
        sending: Its notification is on its way this moment.
    """

    labels: Mapping[str, str]
    route: Route
    prefix: str
    look: datetime
    alerts: dict[str, Alert] = field(default_factory=dict)
    told: Told | None = None
    attempt: Attempt | None = None
    emptied: datetime | None = None
    sending: bool = False

    @property
    def key(self) -> str:
        """Names it in notifications."""
        return f"{self.prefix}:{shown(self.labels)}"

    @property
    def wake(self) -> datetime | None:
        """When there is something to do for it; None while it is busy, or empty."""
        if self.sending:
            return None
        if self.attempt is not None:
            return min(self.attempt.next, self.look)
        return self.look if self.alerts else None


class Groups:
    """All groups of an Alertmanager."""

    def __init__(
        self,
        route: Route,
        muted: Callable[[Alert], bool],
        children: Sequence[tuple[Matcher, Route]] = (),
    ) -> None:
        """Start without any.

        Args:
            route: How to group, and when to tell.
            muted: Whether a silence mutes an alert.
            children: Routes for alerts that meet a matcher; the first that fits is taken.
        """
        self._route, self._muted, self._children = route, muted, children
        self._groups: dict[tuple[str, str], Group] = {}
        self._log: dict[str, Told] = {}

    def _routed(self, alert: Alert) -> tuple[str, Route]:
        for matcher, route in self._children:
            if matcher.matches(alert.labels):
                return f"{{}}/{{{matcher}}}", route
        return "{}", self._route

    def all(self) -> list[Group]:
        """The groups."""
        return list(self._groups.values())

    def insert(self, alert: Alert, now: datetime) -> None:
        """Put an alert's newest state into its group."""
        prefix, route = self._routed(alert)
        labels = {name: alert.labels[name] for name in route.group_by if name in alert.labels}
        key = prefix, fingerprint(labels)
        group = self._groups.get(key)
        gone = timedelta(seconds=route.maintenance)
        if group is not None and group.emptied is not None and now - group.emptied >= gone:
            group = None
        if group is None:
            wait = timedelta(seconds=route.group_wait)
            old = alert.starts + wait < now
            group = Group(labels, route, prefix, now if old else now + wait)
            group.told = self._log.get(group.key)
            self._groups[key] = group
        group.alerts[alert.fingerprint] = alert
        group.emptied = None

    def flush(self, group: Group, now: datetime) -> None:
        """Look at a group: start an attempt if there is something to tell.

        One that is not done by now is given up, as its time is over.
        """
        interval = group.route.group_interval
        group.look = now + timedelta(seconds=interval)
        group.attempt = None
        if not group.alerts:
            return
        shown_ = [a if a.over(now) else replace(a, ends=NEVER) for a in group.alerts.values()]
        kept = sorted((a for a in shown_ if not self._muted(a)), key=order)
        firing = frozenset(a.fingerprint for a in kept if a.ends == NEVER)
        resolved = frozenset(a.fingerprint for a in kept if a.ends != NEVER)
        if kept and self._news(group, firing, resolved, now):
            deadline = now + timedelta(seconds=max(interval, _LEAST_DEADLINE))
            group.attempt = Attempt(kept, firing, resolved, now, now, deadline)
        else:
            self._forget(group, shown_, now)

    def _news(
        self, group: Group, firing: frozenset[str], resolved: frozenset[str], now: datetime
    ) -> bool:
        told = group.told
        if told is None:
            return bool(firing)
        if not firing <= told.firing:
            return True
        if not firing:
            return bool(told.firing)
        if not resolved <= told.resolved:
            return True
        return told.at < now - timedelta(seconds=group.route.repeat_interval)

    def succeeded(self, group: Group, now: datetime) -> None:
        """Note that an attempt got through; resolved alerts are forgotten then."""
        attempt = group.attempt
        if attempt is None:
            return
        group.told = Told(attempt.firing, attempt.resolved, now)
        self._log[group.key] = group.told
        group.attempt = None
        self._forget(group, attempt.alerts, now)

    def failed(self, group: Group, now: datetime, *, again: bool) -> None:
        """Note that an attempt did not: it is tried again, or given up until the next look."""
        attempt = group.attempt
        if attempt is None:
            return
        attempt.tries += 1
        route = group.route
        wait = min(route.backoff * 1.5 ** (attempt.tries - 1), route.backoff_limit)
        attempt.next = now + timedelta(seconds=wait)
        if not again or attempt.next > attempt.deadline:
            group.attempt = None

    def _forget(self, group: Group, told: Sequence[Alert], now: datetime) -> None:
        for alert in told:
            kept = group.alerts.get(alert.fingerprint)
            if alert.ends != NEVER and kept is not None and kept.updated <= alert.updated:
                del group.alerts[alert.fingerprint]
        if not group.alerts and group.emptied is None:
            group.emptied = now
