"""Calls for help with what nobody has taken: once, and after a restart not again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from bot.alerts import acting
from bot.alerts.routing import hushed, labels_of
from bot.store import alert_acts, alerts

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.alerts.outlet import Outlet
    from bot.config import Config
    from bot.config.routing import EscalationConfig
    from bot.store.alerts import Episode
    from bot.store.db import Store

log = structlog.get_logger(__name__)

SECOND = 1_000_000


class Escalation:
    """Looks which alerts have waited too long for an owner.

    Args:
        store: Holds episodes, and whom they called.
        config: The configuration in force.
        outlet: Where threads are shown.
        clock: Microseconds UTC.
        wake: Is called when episodes are to be shown anew.
    """

    def __init__(
        self,
        store: Store,
        config: Callable[[], Config],
        outlet: Outlet | None,
        clock: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:
        self._store, self._config, self._outlet = store, config, outlet
        self._clock, self._wake = clock, wake

    async def look(self) -> None:
        """Calls for help where it is due.

        Raises:
            StoreUnavailable: Nobody was called; the next look does it.
        """
        settings = self._config().alerts
        rule = settings.escalate if settings else None
        if rule is None or not await self._store.read(lambda db: self._due(db, rule)):
            return
        await self._store.write(lambda db: self._escalate(db, rule))
        self._wake()

    def _due(self, db: Database, rule: EscalationConfig) -> list[Episode]:
        """What has waited too long; in quiet hours and in maintenance it waits on.

        So does what a storm sums up that has called a short time ago: it calls for many at once.
        """
        now, settings = self._clock(), self._config().alerts
        before = now - int(rule.after * SECOND)
        names = alert_acts.unowned(db, rule.severities, before)
        found = [one for one in (alerts.find(db, name) for name in names) if one is not None]
        lately = {
            storm
            for storm in {_storm(one) for one in found} - {""}
            if (alert_acts.escalated_at(db, storm) or 0) > before
        }
        return [
            one
            for one in found
            if settings and _storm(one) not in lately and not hushed(settings, _labels(one), now)
        ]

    def _escalate(self, db: Database, rule: EscalationConfig) -> None:
        now = self._clock()
        threads: dict[tuple[str, str], list[Episode]] = {}
        for episode in self._due(db, rule):
            if alert_acts.escalate(db, episode.id, now):
                log.warning("alert escalated", episode=episode.id, title=episode.title)
                alerts.touch(db, episode.id, now)
                place = (episode.message_key or episode.storm, episode.channel)
                threads.setdefault(place, []).append(episode)
        for (thread, channel), episodes in threads.items():
            if storm := _storm(episodes[0]):
                alert_acts.escalated_storm(db, storm, now)
            if self._outlet is not None:
                reply = acting.escalated(rule, episodes, self._command(episodes))
                self._outlet.reply(db, thread, reply, channel=channel)

    def _command(self, episodes: list[Episode]) -> str:
        config = self._config()
        if len(episodes) > 1:
            return f"{config.command} alerts"
        return f"{config.command} ack {episodes[0].id}{acting.place(config, episodes[0])}"


def _storm(episode: Episode) -> str:
    """The storm whose summary stands for it; empty when it has a thread of its own."""
    return "" if episode.message_key else episode.storm


def _labels(episode: Episode) -> dict[str, str]:
    return labels_of(episode.cluster, [{**episode.shared, "severity": episode.severity}])
