"""Where an episode is told: in a thread of its channel, in a storm's summary, or nowhere now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from bot.alerts import routing
from bot.alerts.intake import new_id
from bot.alerts.routing import Route
from bot.store import alert_acts, alerts, storms
from bot.store.alerts import Episode
from bot.store.storms import Storm

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.config import Config
    from bot.config.alerting import StormConfig

log = structlog.get_logger(__name__)

SECOND = 1_000_000
BARRED = 600.0
"""Seconds for which a channel that refused a message is left alone."""


class Places:
    """Finds the places of episodes, by routes, storms and channels that refuse messages.

    Args:
        config: The configuration in force.
        clock: Microseconds UTC.
        monotonic: Seconds; for how long a channel is left alone.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        clock: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._config, self._clock, self._monotonic = config, clock, monotonic
        self._barred: dict[str, float] = {}

    def route(self, episode: Episode) -> Route:
        """Where an episode belongs; in place of a channel that refuses it the ops channel."""
        settings = self._config().alerts
        if settings is None:
            return Route("")
        labels = routing.labels_of(episode.cluster, [episode.shared])
        labels |= {"severity": episode.severity} if episode.severity else {}
        found = routing.route(settings, labels, self._clock())
        barred = self._barred.get(found.channel, 0.0) > self._monotonic()
        return replace(found, channel="") if barred else found

    def placed(self, db: Database, episode: Episode, ops: bool) -> Episode | None:
        """The episode with its place: a thread or a summary; None when it has none.

        Args:
            db: The database, in a transaction.
            episode: One without a place.
            ops: There is an ops channel.
        """
        settings, where = self._config().alerts, self.route(episode)
        passed = bool(episode.muted) and episode.closed_at is not None  # and nobody was to hear
        if settings is None or not (where.channel or ops) or where.muted or passed:
            muted = where.muted or (episode.muted if passed else "")
            alerts.put(db, replace(episode, muted=muted, shown=episode.revision))
            return None
        told = replace(episode, channel=where.channel, muted="", placed_at=self._clock())
        found = self._storm(db, where.channel, settings.storm, episode.created_at)
        if found is not None:
            return replace(told, storm=found.id)
        moved = f"/{where.channel}" if episode.channel else ""
        return replace(told, message_key=f"alert/{episode.id}{moved}")

    def changed(self, episode: Episode) -> bool:
        """Whether what is told nowhere can be told now, or is muted for another reason."""
        where = self.route(episode)
        return not where.muted or where.muted != episode.muted

    def calm(self, db: Database) -> None:
        """Ends a storm's hold on a channel once new groups have become few."""
        settings, now = self._config().alerts, self._clock()
        if settings is None:
            return
        bounds = settings.storm
        for one in storms.under_way(db):
            begun = storms.begun(db, one.channel, now - int(bounds.per * SECOND))
            if one.calm_at is None and begun <= bounds.threads // 2:
                storms.put(db, replace(one, calm_at=now, changed_at=now, revision=one.revision + 1))

    def bar(self, channel: str, why: str) -> None:
        """Leaves a channel that refused a message alone for a while."""
        now = self._monotonic()
        if self._barred.get(channel, 0.0) <= now:
            hint = "its alerts go to the ops channel" if channel else "they are tried again"
            log.error("alerts refused", channel=channel or "ops", why=why, hint=hint)
        self._barred[channel] = now + BARRED

    def _storm(self, db: Database, channel: str, bounds: StormConfig, heard: int) -> Storm | None:
        """The storm that takes a new episode; None when it gets a thread of its own."""
        now = self._clock()
        here = storms.of_channel(db, channel)
        raging = next((one for one in here if one.calm_at is None), None)
        if raging is not None:
            return raging
        if storms.begun(db, channel, now - int(bounds.per * SECOND)) < bounds.threads:
            return None
        if here:
            alert_acts.fired_again(db, here[0].id)
            again = replace(here[0], calm_at=None)
        else:
            log.warning("alert storm", channel=channel or "ops", threads=bounds.threads)
            again = Storm(storm_id(), channel, min(heard, now), now, None, None, 0, 0)
        storms.put(db, again)
        return again


def storm_id() -> str:
    """A name for a storm, which is also that of its summary."""
    return f"storm/{new_id()}"
