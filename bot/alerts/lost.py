"""Alerts that vanish without a word: silenced and over, their rule gone, their notification lost.

Alertmanager tells of an end within its `group_interval`, but not of an alert that ended while it
was silenced, and never of one whose rule was deleted. So it is asked what it knows. The other way
round, what fires there for a receiver of ours and is not known here was refused, left out or lost
on the way: it is taken in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import structlog

from bot.alerts import webhook
from bot.alerts.intake import record, settle, unknown
from bot.store import alert_news, alerts
from bot.store.rows import dump
from integrations.alertmanager import AlertmanagerError, stamp

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.config import Config
    from bot.context import Cluster
    from bot.store.db import Store
    from integrations.alertmanager import Alert, AlertGroup, Alertmanager

T = TypeVar("T")

log = structlog.get_logger(__name__)

CHUNK = 500
"""Alerts of one transaction, so that notifications are not held back."""


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
        self._unheard: dict[str, dict[str, int]] = {}

    async def look(self, cluster: str) -> bool:
        """Ends what Alertmanager has not known for long enough, and takes in what it alone knows.

        Nothing is concluded when it does not answer. True when anything changed.

        Raises:
            StoreUnavailable: Nothing more was written; the next look does it.
        """
        settings, server = self._config().alerts, self._clusters(cluster).alertmanager
        if settings is None or server is None:
            return False
        asked = self._clock()
        ours = await self._store.read(lambda db: alert_news.receivers(db, cluster))
        if not ours:
            return False
        after = int(settings.lost_after * 1_000_000)
        try:
            found = await server.alerts()
            held = await self._store.read(lambda db: alert_news.held(db, cluster))
            fires = {
                alert.fingerprint
                for alert in found
                if alert.state == "active"
                and alert.labels.get("alertname") != settings.watchdog.alertname
                and ours & set(alert.receivers)
            }
            ended = await self._ends(cluster, {a.fingerprint for a in found}, held, asked, after)
            unheard = fires - held.keys()
            late = self._late(cluster, unheard, asked, after)
            since = asked - int(settings.quiet * 1_000_000)
            cut = await self._store.read(lambda db: alert_news.cut_short(db, cluster, since))
            late |= {
                alert.fingerprint
                for group in (await server.groups() if cut and unheard else ())
                if (group.receiver, dump(dict(group.labels))) in cut
                for alert in group.alerts
                if alert.fingerprint in unheard
            }
            return await self._taken(cluster, server, late, ours) or ended if late else ended
        except AlertmanagerError as error:
            log.info("Alertmanager not asked what still fires", cluster=cluster, why=str(error))
            return False

    async def _ends(
        self,
        cluster: str,
        known: Collection[str],
        held: Mapping[str, int | None],
        asked: int,
        after: int,
    ) -> bool:
        back = [name for name, since in held.items() if name in known and since is not None]
        gone = [name for name, since in held.items() if name not in known and since is None]
        for names, at in ((back, None), (gone, asked)):
            for some in _chunks(names):
                await self._store.write(
                    lambda db, s=some, at=at: alert_news.missing(db, cluster, s, at, asked)  # type: ignore[misc]
                )
        lost = [
            name
            for name, since in held.items()
            if name not in known and since is not None and asked - since >= after
        ]
        for some in _chunks(lost):
            await self._store.write(lambda db, s=some: self._lose(db, cluster, s, asked))  # type: ignore[misc]
        return bool(lost)

    def _lose(self, db: Database, cluster: str, names: Sequence[str], asked: int) -> None:
        now = self._clock()
        for name in alert_news.lose(db, cluster, names, asked, now):
            if (episode := alerts.find(db, name)) is not None:
                log.warning("lost sight of alerts", episode=name)
                settle(db, episode, now)

    def _late(self, cluster: str, names: Collection[str], asked: int, after: int) -> set[str]:
        """Those that have fired unknown to us for so long that no notification will tell."""
        before = self._unheard.get(cluster, {})
        since = {name: before.get(name, asked) for name in names}
        self._unheard[cluster] = since
        return {name for name, at in since.items() if asked - at >= after}

    async def _taken(
        self, cluster: str, server: Alertmanager, late: Collection[str], ours: Collection[str]
    ) -> bool:
        taken = False
        for group in await server.groups():
            if group.receiver not in ours:
                continue
            fires = [a for a in group.alerts if a.state == "active" and not a.muted_by]
            for some in _chunks([a for a in fires if a.fingerprint in late]):
                news = await self._store.write(
                    lambda db, g=group, s=some: self._record(db, cluster, g, s)  # type: ignore[misc]
                )
                taken = taken or news
        return taken

    def _record(
        self, db: Database, cluster: str, group: AlertGroup, found: Sequence[Alert]
    ) -> bool:
        settings, now = self._config().alerts, self._clock()
        if settings is None:
            return False
        key = alert_news.group_key(db, cluster, group.receiver, group.labels) or unknown(
            group.labels
        )
        body = {
            "version": webhook.VERSION,
            "groupKey": key,
            "receiver": group.receiver,
            "groupLabels": dict(group.labels),
            "alerts": [_notified(alert) for alert in found],
        }
        delivery = webhook.read(cluster, json.dumps(body).encode())
        log.warning("alerts fired unheard", cluster=cluster, group=key, alerts=len(found))
        return record(db, delivery, now, int(settings.quiet * 1_000_000), certain=True)


def _notified(alert: Alert) -> dict[str, object]:
    return {
        "status": "firing",
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": stamp(alert.starts_at),
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint,
    }


def _chunks(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[at : at + CHUNK] for at in range(0, len(items), CHUNK)]
