"""Clusters that are not configured any more: nobody will tell the end of what stood there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from bot.alerts.condition import Findings
from bot.alerts.intake import settle
from bot.store import alert_news, alerts

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.alerts.threads import Threads
    from bot.config import Config
    from bot.store.db import Store

log = structlog.get_logger(__name__)

SOURCES = ("alertmanager", "notifications")
"""Of the threads about notifications; who finds other things out ends those."""


class Leaving:
    """Ends what stands on clusters that left the configuration.

    Args:
        store: Holds the alerts.
        threads: Hold what the bot found itself.
        config: The configuration in force.
        clock: Microseconds UTC.
    """

    def __init__(
        self,
        store: Store,
        threads: Threads,
        config: Callable[[], Config],
        clock: Callable[[], int],
    ) -> None:
        self._store, self._threads, self._config = store, threads, config
        self._clock = clock
        self._since: dict[str, int] = {}

    async def look(self) -> None:
        """Loses sight of what a cluster had that has been away for as long as a lost alert.

        Raises:
            StoreUnavailable: The next look does the rest.
        """
        config, now = self._config(), self._clock()
        if config.alerts is None:
            return
        names = set(await self._store.read(alert_news.clusters))
        for source in SOURCES:
            names |= {thread.cluster for thread in await self._threads.standing(source)}
        gone = names - set(config.clusters)
        self._since = {name: self._since.get(name, now) for name in gone}
        for cluster, since in self._since.items():
            if now - since >= int(config.alerts.lost_after * 1_000_000):
                log.warning("cluster is not configured any more", cluster=cluster)
                await self._store.write(lambda db, c=cluster, s=since: self._lose(db, c, s))  # type: ignore[misc]
                await self._close(cluster)

    def _lose(self, db: Database, cluster: str, since: int) -> None:
        now = self._clock()
        held = tuple(alert_news.held(db, cluster))
        alert_news.missing(db, cluster, held, since, now)
        for name in alert_news.lose(db, cluster, held, now, now):
            if (episode := alerts.find(db, name)) is not None:
                settle(db, episode, now)

    async def _close(self, cluster: str) -> None:
        for source in (f"{kind}/{cluster}" for kind in SOURCES):
            told = await self._threads.standing(source)
            keys = [thread.condition.removeprefix(f"{source}/") for thread in told]
            well = dict.fromkeys(keys, ("The cluster is not configured any more.",))
            await self._threads.hold(source, Findings(well=well), cluster=cluster)
