"""Alerts that vanish without a word: silenced and over, their rule gone, their notification lost.

Alertmanager tells of an end within its `group_interval`, but not of an alert that ended while it
was silenced, and never of one whose rule was deleted. So it is asked what it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from bot.alerts.intake import settle
from bot.store import alert_news, alerts
from bot.store.alerts import LOST
from integrations.alertmanager import AlertmanagerError

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.config import Config
    from bot.context import Cluster
    from bot.store.db import Store

log = structlog.get_logger(__name__)


class LostSight:
    """Compares what is thought to fire with what Alertmanager knows.

    Args:
        store: Holds the alerts.
        clusters: Opens a configured cluster.
        config: The configuration in force.
        clock: Microseconds UTC.
    """

    def __init__(
        self,
        store: Store,
        clusters: Callable[[str], Cluster],
        config: Callable[[], Config],
        clock: Callable[[], int],
    ) -> None:
        self._store, self._clusters = store, clusters
        self._config, self._clock = config, clock

    async def look(self, cluster: str) -> bool:
        """Ends what Alertmanager has not known for long enough; True when there was such.

        Nothing is concluded when it does not answer.

        Raises:
            StoreUnavailable: Nothing was written; the next look does it.
        """
        settings, server = self._config().alerts, self._clusters(cluster).alertmanager
        if settings is None or server is None:
            return False
        asked = self._clock()
        if not await self._store.read(lambda db: alert_news.any_firing(db, cluster)):
            return False
        try:
            known = {alert.fingerprint for alert in await server.alerts()}
        except AlertmanagerError as error:
            log.info("Alertmanager not asked what still fires", cluster=cluster, why=str(error))
            return False
        after = int(settings.lost_after * 1_000_000)
        return await self._store.write(lambda db: self._compare(db, cluster, known, asked, after))

    def _compare(
        self, db: Database, cluster: str, known: Collection[str], asked: int, after: int
    ) -> bool:
        now, lost = self._clock(), False
        for name, rows in alert_news.firing_before(db, cluster, asked).items():
            changed = []
            for row in rows:
                if row.fingerprint in known:
                    if row.missing_since is not None:
                        alerts.put_alerts(db, [replace(row, missing_since=None)])
                elif row.missing_since is None:
                    alerts.put_alerts(db, [replace(row, missing_since=asked)])
                elif asked - row.missing_since >= after:
                    ends = row.missing_since
                    changed.append(replace(row, status=LOST, ends_at=ends, changed_at=now))
            if changed:
                alerts.put_alerts(db, changed)
                episode = alerts.find(db, name)
                if episode is not None:
                    log.warning("lost sight of alerts", episode=name, alerts=len(changed))
                    settle(db, episode, now)
                    lost = True
        return lost
