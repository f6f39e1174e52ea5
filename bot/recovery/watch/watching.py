"""Watches every cluster's Velero: tells of what others did, and of what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.alerts import Findings
from bot.recovery.watch.guard import Guard
from bot.recovery.watch.stocktaking import Stock
from bot.recovery.which.apps import velero_of
from bot.releases.targets import apps_on
from bot.tasks import Tasks
from integrations.velero.api import SERVER_TIMEOUT

if TYPE_CHECKING:
    from bot.alerts.threads import Threads
    from bot.config import Config
    from bot.context import Cluster
    from bot.store.db import Store

log = structlog.get_logger(__name__)

LOOK_SECONDS = 60.0
"""Time alone makes things due, so that there is a look without any event, too."""
SETTLE_SECONDS = 1.0
"""Events that come together are one look."""
SOURCES = ("velero", "contact")


@dataclass(frozen=True)
class Watching:
    """What the watcher works with.

    Attributes:
        config: The configuration in force.
        clusters: Opens a configured cluster.
        threads: Keeps what is wrong.
        known: Names of the registered commands.
        clock: Microseconds UTC.
        every: Seconds between two looks without any event.
        settle: Seconds in which events become one look.
        patience: Seconds in which Velero's server must answer.
    """

    config: Callable[[], Config]
    clusters: Callable[[str], Cluster]
    store: Store
    threads: Threads
    known: Collection[str]
    clock: Callable[[], int]
    every: float = LOOK_SECONDS
    settle: float = SETTLE_SECONDS
    patience: float = SERVER_TIMEOUT


class Watcher:
    """One guard for each cluster that uses Velero, as the configuration changes."""

    def __init__(self, parts: Watching) -> None:
        self._parts = parts
        self._guards: dict[str, tuple[Cluster, asyncio.Task[None]]] = {}
        self._tasks = Tasks()

    async def run(self) -> None:
        """Watches until cancelled."""
        try:
            while True:
                try:
                    await self._arrange()
                except Exception as error:
                    log.error("watch over backups not arranged", exc_info=error)
                await asyncio.sleep(self._parts.every)
        finally:
            await self._tasks.close()

    async def _arrange(self) -> None:
        """Begins and ends guards, and the threads of clusters that are not watched any more."""
        parts = self._parts
        config = parts.config()
        wanted = {name: parts.clusters(name) for name in config.clusters if watched(config, name)}
        for name, (cluster, task) in [*self._guards.items()]:
            if wanted.get(name) is not cluster or task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                del self._guards[name]
        for name, cluster in wanted.items():
            if name not in self._guards:
                work = self._guard(name, cluster)
                self._guards[name] = cluster, self._tasks.spawn(work, f"watch backups on {name}")
        for source in SOURCES:
            for thread in await parts.threads.standing(source):
                if thread.cluster not in wanted:
                    key = thread.condition.removeprefix(f"{source}/{thread.cluster}/")
                    over = Findings(well={key: ("The cluster is not watched any more.",)})
                    await parts.threads.hold(f"{source}/{thread.cluster}", over)

    async def _guard(self, name: str, cluster: Cluster) -> None:
        parts, stirred = self._parts, asyncio.Event()
        before = f"velero/{name}/stuck/"
        stalled = {
            thread.condition.removeprefix(before): thread.opened_at
            for thread in await parts.threads.standing(f"velero/{name}/stuck")
        }
        velero = velero_of(cluster)
        stock = Stock(cluster, velero, parts.store, parts.clock, stirred.set)
        guard = Guard(
            *(name, velero, parts.config, parts.store, parts.threads, parts.clock),
            stock=stock,
            patience=parts.patience,
        )
        mirror = guard.mirror(stalled, stirred.set)
        async with asyncio.TaskGroup() as group:
            group.create_task(mirror.run(), name=f"mirror Velero of {name}")
            group.create_task(stock.run(), name=f"look at volumes in backups of {name}")
            while True:
                stirred.clear()
                try:
                    await guard.look(mirror, parts.known)
                except Exception as error:
                    log.error("look at backups failed", cluster=name, exc_info=error)
                with suppress(TimeoutError):
                    async with asyncio.timeout(parts.every):
                        await stirred.wait()
                        await asyncio.sleep(parts.settle)


def watched(config: Config, cluster: str) -> bool:
    """Whether a cluster uses Velero: its configuration says where, or an app is backed up."""
    named = "velero_namespace" in config.clusters[cluster].model_fields_set
    return named or any(ref.config.backup for ref in apps_on(config, cluster))
