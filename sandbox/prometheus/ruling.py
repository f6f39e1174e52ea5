"""Looks at the alert rules every few seconds, and hands on what fires.

Facts: `rules/alerting.go` and `notifier` of Prometheus v3.8: an alert is pending for the rule's
`for`, then it fires and is sent again every minute; once it is over it is told as resolved for a
quarter of an hour. That time and those waits are shortened by the world's pace.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from sandbox.kube.jsonutil import Json
from sandbox.prometheus.rules import Rule, filled, shipped

if TYPE_CHECKING:
    from sandbox.prometheus.promql.values import Labels
    from sandbox.prometheus.server import PracticePrometheus

Sink = Callable[[list[Json]], Awaitable[None]]
_log = logging.getLogger(__name__)
_RESEND, _RETAIN = 60_000, 15 * 60_000
_REST = 50


@dataclass(slots=True)
class _Alert:
    """One alert of a rule.

    Attributes:
        since: When its query began to give this series, in ms.
        fired: When it began to fire; 0: it is pending.
        resolved: When it was over; 0: it is not.
        sent: When it was last handed on; 0: never.
    """

    rule: Rule
    labels: dict[str, str]
    value: float
    since: int
    fired: int = 0
    resolved: int = 0
    sent: int = 0

    @property
    def state(self) -> str:
        return "firing" if self.fired else "pending"


class Ruler:
    """The rules of one practice Prometheus.

    Attributes:
        resting: It looks at nothing: its Prometheus is away.
    """

    def __init__(self, server: PracticePrometheus, cluster: str) -> None:
        self._server, self._cluster = server, cluster
        self._alerts: dict[tuple[str, Labels], _Alert] = {}
        self._sink: Sink | None = None
        self._task: asyncio.Task[None] | None = None
        self._looked = 0
        self._looking = asyncio.Lock()
        self.resting = False

    def start(self, sink: Sink) -> None:
        """Look every few seconds from now on, and hand alerts on."""
        self._sink = sink
        self._task = asyncio.create_task(self._run(), name="practice-rules")

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        took = 0.0
        while True:
            # In a large cluster a look takes longer; it is to remain a small part of the time.
            await asyncio.sleep(max(self._server.tempo.evaluation, took * _REST))
            began = time.process_time()
            try:
                await self.look()
            except Exception:
                _log.exception("the practice rules failed")
            took = time.process_time() - began

    async def look(self) -> None:
        """Look at all rules now, and hand on what there is to tell."""
        async with self._looking:
            if self.resting:
                return
            await self._evaluate()
            told = self._due()
            if told and self._sink is not None:
                await self._sink(told)

    async def _evaluate(self) -> None:
        from sandbox.prometheus.promql import Vector
        from sandbox.prometheus.promql.values import nameless

        now = self._looked = self._server.now()
        database = self._server.database()
        there: set[tuple[str, Labels]] = set()
        for rule in shipped():
            await asyncio.sleep(0)  # others live on the same loop
            found = self._server.query(rule.expr, now, database)
            if not isinstance(found, Vector):
                continue
            for labels, value, present in zip(
                found.labels, found.values[:, 0], found.present[:, 0], strict=True
            ):
                if present:
                    key = (rule.name, nameless(labels))
                    there.add(key)
                    self._seen(key, rule, float(value), now)
        for key in set(self._alerts) - there:
            self._gone(key, now)

    def _seen(self, key: tuple[str, Labels], rule: Rule, value: float, now: int) -> None:
        alert = self._alerts.get(key)
        if alert is None or alert.resolved:
            labels = {**dict(key[1]), **rule.labels, "alertname": rule.name}
            alert = self._alerts[key] = _Alert(rule, labels, value, now)
        alert.value = value
        if not alert.fired and now - alert.since >= rule.seconds * self._server.tempo.factor * 1000:
            alert.fired = now

    def _gone(self, key: tuple[str, Labels], now: int) -> None:
        alert = self._alerts[key]
        if not alert.fired:
            del self._alerts[key]
        elif not alert.resolved:
            alert.resolved, alert.sent = now, 0
        elif now - alert.resolved > _RETAIN * self._server.tempo.factor:
            del self._alerts[key]

    def _due(self) -> list[Json]:
        """What has to be sent now, as the API of Alertmanager takes it."""
        resend = _RESEND * self._server.tempo.factor
        told = []
        for alert in self._alerts.values():
            if alert.fired and self._looked - alert.sent >= resend:
                alert.sent = self._looked
                told.append(self._message(alert))
        return told

    def _message(self, alert: _Alert) -> Json:
        every = max(self._server.tempo.evaluation, _RESEND * self._server.tempo.factor / 1000)
        ends = alert.resolved or self._looked + round(4 * every * 1000)
        external = {"cluster": self._cluster, "prometheus": "monitoring/practice"}
        return {
            "labels": {**external, **alert.labels},
            "annotations": self._annotations(alert),
            "startsAt": stamp(alert.fired),
            "endsAt": stamp(ends),
            "generatorURL": self._link(alert.rule),
        }

    def _link(self, rule: Rule) -> str:
        return f"{self._server.url}/graph?g0.expr={quote(rule.expr, safe='')}&g0.tab=1"

    def _annotations(self, alert: _Alert) -> dict[str, str]:
        return {
            name: filled(template, alert.labels, alert.value)
            for name, template in alert.rule.annotations.items()
        }

    # -- what the API tells ----------------------------------------------------------------

    def _active(self) -> Iterable[_Alert]:
        return [alert for alert in self._alerts.values() if not alert.resolved]

    def _told(self, alert: _Alert) -> Json:
        return {
            "labels": alert.labels,
            "annotations": self._annotations(alert),
            "state": alert.state,
            "activeAt": stamp(alert.since),
            "value": f"{alert.value:e}",
        }

    def alerts(self) -> list[Json]:
        """Pending and firing alerts."""
        return [self._told(alert) for alert in self._active()]

    def rules(self) -> Json:
        """All rules, with their alerts."""
        groups: dict[str, list[Json]] = {}
        for rule in shipped():
            mine = [alert for alert in self._active() if alert.rule is rule]
            states = {alert.state for alert in mine}
            groups.setdefault(rule.group, []).append(
                {
                    "state": next((s for s in ("firing", "pending") if s in states), "inactive"),
                    "name": rule.name,
                    "query": rule.expr,
                    "duration": rule.seconds,
                    "keepFiringFor": 0,
                    "labels": dict(rule.labels),
                    "annotations": dict(rule.annotations),
                    "alerts": [self._told(alert) for alert in mine],
                    "health": "ok",
                    "evaluationTime": 0,
                    "lastEvaluation": stamp(self._looked),
                    "type": "alerting",
                }
            )
        every = self._server.tempo.evaluation
        return {
            "groups": [
                {"name": name, "file": "rules.yaml", "rules": rules, "interval": every}
                for name, rules in groups.items()
            ]
        }


def stamp(moment: int) -> str:
    """Milliseconds as RFC 3339, in UTC."""
    found = datetime.fromtimestamp(moment / 1000, UTC)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")
