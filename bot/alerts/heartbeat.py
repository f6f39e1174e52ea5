"""The dead-man's switch: an alert that always fires, and whose silence means trouble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.alerts.condition import Act, Condition, Findings
from bot.alerts.webhook import Delivery
from bot.releases.words import span
from bot.render.document import Mono
from bot.store import sightings
from bot.store.alerts import FIRING
from bot.store.sightings import Sighting

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.alerts.threads import Threads
    from bot.config import Config
    from bot.store.db import Store

NAME = "heartbeat"


def split(delivery: Delivery, alertname: str) -> tuple[bool, Delivery]:
    """Takes the heartbeat out of a notification; True when there was one."""
    rest = tuple(a for a in delivery.alerts if a.name != alertname)
    beats = any(a.name == alertname and a.status == FIRING for a in delivery.alerts)
    return beats, replace(delivery, alerts=rest)


def beat(db: Database, cluster: str, now: int) -> None:
    """Writes down that a cluster's heartbeat was heard."""
    sightings.note(db, _source(cluster), [Sighting(NAME, "", now)])


class Heartbeats:
    """Tells when a cluster that has had a heartbeat has none.

    Args:
        store: Knows the last one of each cluster.
        threads: Where silence is told.
        config: The configuration in force.
        clock: Microseconds UTC.
        monotonic: Seconds; measures the silence.
    """

    def __init__(
        self,
        store: Store,
        threads: Threads,
        config: Callable[[], Config],
        clock: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._store, self._threads, self._config = store, threads, config
        self._clock, self._monotonic = clock, monotonic
        # What did not come while the bot was away is nobody's fault.
        self._since = monotonic()
        self._heard: dict[str, float] = {}

    def heard(self, cluster: str) -> None:
        """Says that a heartbeat was heard; a clock that is set does not concern it."""
        self._heard[cluster] = self._monotonic()

    async def look(self, cluster: str) -> None:
        """Opens or closes the thread about a cluster's silence.

        Raises:
            StoreUnavailable: Nothing was told; the next look does it.
        """
        settings = self._config().alerts
        seen = await self._store.read(lambda db: sightings.of(db, _source(cluster)))
        if settings is None or NAME not in seen:
            return
        heard = self._heard.get(cluster)
        silent = self._monotonic() - (self._since if heard is None else heard)
        findings = Findings(unsure=frozenset({NAME}))  # a new process has not listened long enough
        if heard is not None:
            findings = Findings(well={NAME: ("The heartbeat is back.",)})
        if silent >= settings.watchdog.after:
            last = min(seen[NAME].at, self._clock())
            findings = Findings((self._silence(settings.watchdog.alertname, last),))
        await self._threads.hold(_source(cluster), findings, cluster=cluster)

    def _silence(self, alertname: str, last: int) -> Condition:
        settings = self._config().alerts
        after = settings.watchdog.after if settings else 0
        return Condition(
            NAME,
            f"No heartbeat from Alertmanager for {span(int(after * 1_000_000))}",
            last,
            why=(
                ("The alert ", Mono(alertname), " always fires, and has not been heard."),
                ("Prometheus, Alertmanager or the way here is broken: no alert may reach you.",),
            ),
            todo=("See that Prometheus and Alertmanager run, and that Alertmanager reaches me.",),
            acts=(Act("Check", "check"), Act("Health", "health")),
        )


def _source(cluster: str) -> str:
    return f"alertmanager/{cluster}"
