"""Tells of notifications that were not taken: nobody reads Alertmanager's log.

Alertmanager shows the next one at its next `group_interval`, so that an hour without is well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.alerts.condition import Act, Condition, Findings
from bot.render.document import Mono

if TYPE_CHECKING:
    from bot.alerts.threads import Threads
    from bot.config import Config

TOKEN, CLUSTER = "token", "cluster"
"""Why one is turned away before it is read: it shows no right token, or names no cluster."""
OVER_SECONDS = 3600.0

_TITLES = {
    TOKEN: "Notifications come without the right token",
    CLUSTER: "Notifications come for a cluster that I do not know",
}
_TODO = {
    TOKEN: "See that Alertmanager's credentials are what alerts.token says here.",
    CLUSTER: "See that the url of Alertmanager's receiver ends in a name from clusters here.",
}


class Refusals:
    """Keeps a thread for each way in which notifications are refused.

    Args:
        threads: Where it is told.
        config: The configuration in force.
        clock: Microseconds UTC.
        monotonic: Seconds; measures how long none was turned away.
    """

    def __init__(
        self,
        threads: Threads,
        config: Callable[[], Config],
        clock: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._threads, self._config = threads, config
        self._clock, self._monotonic = clock, monotonic
        self._clusters: set[str] = set()
        self._last: dict[str, float] = {}

    async def start(self) -> None:
        """Finds what was told before the start.

        Raises:
            StoreUnavailable: The state cannot be read.
        """
        for cluster in self._config().clusters:
            if await self._threads.standing(_source(cluster)):
                self._clusters.add(cluster)
        for thread in await self._threads.standing("receiver"):
            self._last[thread.condition.removeprefix("receiver/")] = self._monotonic()

    async def refused(self, cluster: str, why: str, *, again: bool = False) -> None:
        """Tells that a notification was not taken; until one of that cluster is.

        Args:
            cluster: Whose.
            why: What is wrong with it, without a full stop.
            again: Alertmanager sends it once more.

        Raises:
            StoreUnavailable: It was not told.
        """
        self._clusters.add(cluster)
        sent = "tries again for some minutes" if again else "does not send it again"
        condition = Condition(
            "refused",
            "A notification of Alertmanager was refused",
            self._clock(),
            why=((f"Not taken: {why}.",), (f"Alertmanager {sent}.",)),
            todo=("See in ", Mono("alerts"), " and in Alertmanager whether you miss something."),
            acts=(Act("Alerts", "alerts"),),
        )
        await self._threads.hold(_source(cluster), Findings((condition,)), cluster=cluster)

    async def taken(self, cluster: str) -> None:
        """Says that a notification was taken.

        Raises:
            StoreUnavailable: The thread stays open until the next one.
        """
        if cluster in self._clusters:
            await self._threads.hold(_source(cluster), Findings(), cluster=cluster)
            self._clusters.discard(cluster)

    async def turned_away(self, kind: str, why: str) -> None:
        """Tells once that notifications are turned away; anybody may cause it, so no more of it.

        Args:
            kind: `TOKEN` or `CLUSTER`.
            why: What was wrong with the first one, a sentence.

        Raises:
            StoreUnavailable: It was not told; the next one is.
        """
        now = self._monotonic()
        if kind in self._last:
            self._last[kind] = now
            return
        condition = Condition(
            kind,
            _TITLES[kind],
            self._clock(),
            why=((why,), ("What they tell of is not known here.",)),
            todo=(_TODO[kind],),
            acts=(Act("Check", "check"),),
        )
        rest = frozenset({TOKEN, CLUSTER} - {kind})
        self._last[kind] = now
        try:
            await self._threads.hold("receiver", Findings((condition,), unsure=rest))
        except BaseException:
            del self._last[kind]
            raise

    async def look(self) -> None:
        """Ends what has not happened for an hour.

        Raises:
            StoreUnavailable: The next look does it.
        """
        now = self._monotonic()
        over = {kind for kind, last in self._last.items() if now - last >= OVER_SECONDS}
        if not over:
            return
        well = {kind: ("None came for an hour.",) for kind in over}
        unsure = frozenset({TOKEN, CLUSTER} - over)
        await self._threads.hold("receiver", Findings(unsure=unsure, well=well))
        for kind in over:
            del self._last[kind]


def _source(cluster: str) -> str:
    return f"notifications/{cluster}"
