"""The practice Alertmanager of one cluster, or two of them that do not see each other."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sandbox.alertmanager import alerts as reading
from sandbox.alertmanager.alerts import Alert, BadAlert
from sandbox.alertmanager.api import Api
from sandbox.alertmanager.groups import Group, Groups
from sandbox.alertmanager.matchers import Matcher, met
from sandbox.alertmanager.notifying import Sender, payload
from sandbox.alertmanager.silences import Silences
from sandbox.alertmanager.timing import Receiver, Route
from sandbox.kube.clock import Clock, utc_now
from sandbox.kube.jsonutil import Json
from sandbox.listening import Listener

_log = logging.getLogger(__name__)
RESOLVE_TIMEOUT = 300.0


class PracticeAlertmanager:
    """Alertmanager as its API and its notifications show it.

    It does nothing until it has alerts. Its times are timers, so that a test with a clock of its
    own needs no waiting: it moves the clock and calls `tend`.

    Attributes:
        route: How it groups, and when it tells; `children` have routes of their own.
        receiver: Whom it tells; may be changed at any time.
        silences: Its silences.
        split: It is a pair whose members do not see each other: each notification is sent twice.
    """

    def __init__(
        self,
        route: Route,
        *,
        children: Sequence[tuple[Matcher, Route]] = (),
        receiver: Receiver | None = None,
        clock: Clock = utc_now,
        name: str = "practice",
    ) -> None:
        self.route, self.clock, self.name = route, clock, name
        self.receiver = receiver or Receiver()
        self.silences = Silences(clock)
        self.split = False
        self.started = clock()
        self._alerts: dict[str, Alert] = {}
        self._groups = Groups(
            route, lambda alert: bool(self.silences.muting(alert.labels)), children
        )
        self._sender = Sender()
        self._listener = Listener(lambda: Api(self).application())
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0, *, waiting: bool = True) -> None:
        """Listen on 127.0.0.1.

        Args:
            port: Where; 0 takes a free one.
            waiting: Tell when the time has come; else only `tend` does.

        Raises:
            OSError: The port is taken.
        """
        await self._listener.start(port)
        if waiting:
            self._task = asyncio.create_task(self._run(), name="practice-alertmanager")

    async def close(self) -> None:
        """Stop all."""
        if self._task is not None:
            self._task.cancel()
        for task in (*self._sending, *([self._task] if self._task else ())):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._sender.close()
        await self._listener.close()

    @property
    def url(self) -> str:
        """Its address, the same for as long as it lives."""
        return self._listener.url

    @property
    def reachable(self) -> bool:
        """Whether it answers."""
        return self._listener.reachable

    async def away(self) -> None:
        """Refuse connections, tell nobody, and take no alerts."""
        await self._listener.away()

    async def back(self) -> None:
        """Answer and tell again."""
        await self._listener.back()
        self._changed.set()

    # -- what comes in ---------------------------------------------------------------------

    async def take(self, given: Sequence[Json]) -> None:
        """Take alerts from a Prometheus in the same process; while it is away they are lost."""
        if self.reachable:
            self.put(given)

    def put(self, given: Sequence[Any]) -> None:
        """Take alerts as `POST /api/v2/alerts` does; the good ones are kept in any case.

        Raises:
            BadAlert: Some are none.
        """
        now, wrong = self.clock(), []
        for item in given:
            try:
                alert = reading.read(item, now, RESOLVE_TIMEOUT)
            except BadAlert as error:
                wrong.append(str(error))
                continue
            old = self._alerts.get(alert.fingerprint)
            if old is not None:
                alert = old.merged(alert, now)
            self._alerts[alert.fingerprint] = alert
            self._groups.insert(alert, now)
        self._alerts = {k: a for k, a in self._alerts.items() if not a.over(now)}
        self._changed.set()
        if wrong:
            raise BadAlert("; ".join(wrong))

    # -- what is known ---------------------------------------------------------------------

    def alerts(
        self, filters: Sequence[Matcher] = (), *, active: bool = True, silenced: bool = True
    ) -> list[tuple[Alert, list[str]]]:
        """The alerts that are not over, each with the silences that mute it."""
        now, found = self.clock(), []
        for _, alert in sorted(self._alerts.items()):
            muted = self.silences.muting(alert.labels)
            if alert.over(now) or not (silenced if muted else active):
                continue
            if met(filters, alert.labels):
                found.append((alert, muted))
        return found

    def grouped(self) -> list[tuple[Mapping[str, str], set[str]]]:
        """Each group's labels and the fingerprints of its alerts."""
        return [(group.labels, set(group.alerts)) for group in self._groups.all()]

    # -- what goes out ---------------------------------------------------------------------

    def due(self) -> datetime | None:
        """When there will be something to do; None: not until an alert comes."""
        wakes = [group.wake for group in self._groups.all()]
        return min((wake for wake in wakes if wake is not None), default=None)

    async def tend(self) -> None:
        """Do all that is due by now, and wait until it is done."""
        self._begin()
        await asyncio.gather(*self._sending)

    def _begin(self) -> None:
        if not self.reachable:
            return
        now = self.clock()
        for group in self._groups.all():
            if group.sending:
                continue
            if group.look <= now:
                self._groups.flush(group, now)
            if group.attempt is not None and group.attempt.next <= now:
                group.sending = True
                task = asyncio.create_task(self._send(group))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

    async def _send(self, group: Group) -> None:
        try:
            attempt = group.attempt
            if attempt is None:
                return
            took, again = True, False
            if self.receiver.url:
                body = payload(group, attempt.alerts, self.receiver, self.url)
                posts = [self._sender.post(self.receiver, body)]
                if self.split:
                    posts.append(self._sender.post(self.receiver, body))
                answers = await asyncio.gather(*posts)
                took = all(taken for taken, _ in answers)
                again = any(retry for _, retry in answers)
            if took:
                self._groups.succeeded(group, self.clock())
            else:
                self._groups.failed(group, self.clock(), again=again)
        finally:
            group.sending = False
            self._changed.set()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            try:
                self._begin()
                due = self.due() if self.reachable else None
            except Exception:
                _log.exception("the practice Alertmanager failed")
                due = None
            wait = None if due is None else max((due - self.clock()).total_seconds(), 0.01)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait)
