"""Copies of drills that were left behind: removed later, and told while they stand.

A drill removes its copy as its last step. It may never come to that: an operation that a newer
version cannot continue, a state that was restored from a copy, a cluster that was away for long.
Such a copy holds production data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from bot.alerts import Condition, Findings
from bot.recovery.drills.clearing import Leftover, remains, remove
from bot.recovery.drills.drilling import leftover
from bot.recovery.which.apps import velero_of
from bot.render.document import Mono
from bot.store import drills, requests
from bot.store.requests import PENDING, Request
from integrations.errors import IntegrationError
from integrations.kubernetes.errors import ClusterUnreachable, ServerError, TooManyRequests

if TYPE_CHECKING:
    from bot.alerts.threads import Threads
    from bot.config import Config
    from bot.context import Cluster
    from bot.store.db import Store

log = structlog.get_logger(__name__)

SOURCE = drills.LEFT
DRILL = "restore drill"
BACK = 30 * 86_400_000_000
"""How far back drills are looked at, in microseconds; requests are kept longer than that."""


class Sweeper:
    """Looks after the copies of drills that do not run any more.

    Args:
        config: The configuration in force.
        clusters: Opens a configured cluster.
        store: Where drills are on record.
        threads: Where a copy that stays is told.
        clock: Microseconds UTC.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        clusters: Callable[[str], Cluster],
        store: Store,
        threads: Threads,
        clock: Callable[[], int],
    ) -> None:
        self._config, self._clusters, self._clock = config, clusters, clock
        self._store, self._threads = store, threads
        self._clear: set[str] = set()

    async def sweep(self) -> None:
        """Removes what is left of ended drills; a cluster that is away is asked the next time."""
        await asyncio.gather(*map(self._cluster, self._config().clusters))

    async def _cluster(self, cluster: str) -> None:
        now = self._clock()
        begun = await self._store.read(
            lambda db: requests.begun(
                db, cluster=cluster, since=now - BACK, until=now + 1, commands=[DRILL]
            )
        )
        standing: list[Condition] = []
        unsure: set[str] = set()
        for drill in begun:
            if drill.state in PENDING or drill.plan is None or drill.id in self._clear:
                continue
            left = leftover(drill.plan["facts"], drill.id)
            try:
                why = await self._remove(self._clusters(cluster), left)
            except (ClusterUnreachable, ServerError, TooManyRequests):
                unsure.add(drill.id)
                continue
            except IntegrationError as error:
                why = f"{error.message} {error.hint}".strip()
            if why:
                standing.append(_told(drill, left, why))
            else:
                self._clear.add(drill.id)
        well = {drill.id: ("The copy is gone.",) for drill in begun}
        findings = Findings(tuple(standing), frozenset(unsure), well)
        await self._threads.hold(f"{SOURCE}/{cluster}", findings, cluster=cluster)

    async def _remove(self, cluster: Cluster, left: Leftover) -> str:
        velero = velero_of(cluster)
        if not await remains(cluster, velero, left):
            return ""
        log.warning("sweeping up after a drill", request=left.job, namespace=left.namespace)
        return await remove(_Unheard(), cluster, velero, left)


class _Unheard:
    """Nobody looks on while a copy is swept up."""

    async def say(self, detail: str) -> None:
        log.info("sweeping up after a drill", detail=detail)


def _told(drill: Request, left: Leftover, why: str) -> Condition:
    return Condition(
        key=drill.id,
        title=f"The copy of a drill is still there: namespace {left.namespace}",
        since=drill.finished_at or drill.started_at or drill.created_at,
        why=(
            ("It holds the data of ", Mono(drill.app), ", and nobody needs it any more."),
            (f"{why.rstrip('.')}.",),
        ),
        todo=(
            "mend that, and the bot removes it; or remove it: ",
            Mono(f"kubectl delete namespace {left.namespace}"),
        ),
        app=drill.app,
    )
