"""The dead-man's switch: an alert that always fires, and whose silence means trouble."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.alerts.condition import Act, Condition, Findings
from bot.alerts.webhook import Delivery
from bot.releases.words import ago, span, stamp
from bot.render.document import Mono
from bot.store import sightings
from bot.store.alerts import FIRING
from bot.store.sightings import Sighting

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.alerts.threads import Threads
    from bot.config import Config
    from bot.config.alerting import WatchdogConfig
    from bot.store.db import Store

NAME, ANY, SINCE = "heartbeat", "notification", "since"
"""The last of each, and since when a cluster is looked after."""


def split(delivery: Delivery, alertname: str) -> tuple[bool, Delivery]:
    """Takes the heartbeat out of a notification; True when there was one."""
    rest = tuple(a for a in delivery.alerts if a.name != alertname)
    beats = any(a.name == alertname and a.status == FIRING for a in delivery.alerts)
    return beats, replace(delivery, alerts=rest)


def note(db: Database, cluster: str, now: int, *, beats: bool) -> None:
    """Writes down that a cluster's Alertmanager was heard, and its heartbeat if that came too."""
    names = (ANY, NAME) if beats else (ANY,)
    sightings.note(db, _source(cluster), [Sighting(name, "", now) for name in names])


def rows(db: Database, config: Config, now: int) -> list[tuple[str, str, str]]:
    """What `check` says of each cluster: name, `works` or `fails`, when it was heard last."""
    if config.alerts is None:
        return []
    after, found = int(config.alerts.watchdog.after * 1_000_000), []
    for cluster in sorted(config.clusters):
        seen = sightings.of(db, _source(cluster))
        if not _expected(config, cluster, seen):
            continue
        base = seen.get(NAME) or seen.get(SINCE)
        state = "fails" if base is not None and now - base.at >= after else "works"
        said = (f"last {name}: {_last(seen.get(name), now)}" for name in (NAME, ANY))
        found.append((f"Notifications of {cluster}", state, ", ".join(said)))
    return found


def last(db: Database, config: Config) -> dict[str, int]:
    """The last heartbeat of each cluster that should have one, microseconds UTC; 0 without one."""
    if config.alerts is None:
        return {}
    every = {cluster: sightings.of(db, _source(cluster)) for cluster in config.clusters}
    return {
        cluster: seen[NAME].at if NAME in seen else 0
        for cluster, seen in every.items()
        if _expected(config, cluster, seen)
    }


def _last(one: Sighting | None, now: int) -> str:
    return f"{stamp(one.at)} ({ago(min(one.at, now), now)})" if one else "none yet"


def _expected(config: Config, cluster: str, seen: Collection[str]) -> bool:
    """Whether notifications should come: an Alertmanager is named, or one was heard."""
    return bool(config.clusters[cluster].alertmanager) or NAME in seen or ANY in seen


class Heartbeats:
    """Tells when a cluster that should have a heartbeat has none.

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
        config = self._config()
        settings = config.alerts
        seen = await self._store.read(lambda db: sightings.of(db, _source(cluster)))
        if settings is None or not _expected(config, cluster, seen):
            return
        if NAME not in seen:
            await self._look_for_the_first(cluster, seen, settings.watchdog)
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

    async def _look_for_the_first(
        self, cluster: str, seen: Mapping[str, Sighting], watchdog: WatchdogConfig
    ) -> None:
        """Tells when none has come since the first start, which a restart does not move."""
        now = self._clock()
        if SINCE not in seen:
            begun = [Sighting(SINCE, "", now)]
            await self._store.write(lambda db: sightings.note(db, _source(cluster), begun))
            return
        since = min(seen[SINCE].at, now)
        if now - since < int(watchdog.after * 1_000_000):
            return
        condition = Condition(
            NAME,
            "No heartbeat has ever come from Alertmanager",
            since,
            why=(
                (
                    "The alert ",
                    Mono(watchdog.alertname),
                    " should always fire and be sent to me.",
                ),
                ("Without it nobody hears when alerts stop coming.",),
            ),
            todo=("Add the alert and its route, as deploy/alertmanager.yaml has it.",),
            acts=(Act("Check", "check"),),
        )
        await self._threads.hold(_source(cluster), Findings((condition,)), cluster=cluster)

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
