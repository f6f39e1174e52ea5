"""Sees what others than the bot change in the namespaces of configured apps, and keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from bot.changes.differences import (
    RELEASE,
    Before,
    Sight,
    Told,
    differences,
    new_revisions,
    undated,
)
from bot.changes.mirror import RETRY, Mirror
from bot.changes.ours import COMMANDS, Ours
from bot.releases.targets import apps_on
from bot.store import outside_changes, requests
from bot.tasks import Tasks
from integrations.errors import IntegrationError
from integrations.helm import stored
from integrations.kubernetes.kinds import EVENT
from integrations.kubernetes.warned import happened_at

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.config import Config
    from bot.context import Cluster
    from bot.store.db import Store

log = structlog.get_logger(__name__)

LOOK_SECONDS = 60.0
"""What helm leaves unfinished is told by time alone."""
SETTLE_SECONDS = 1.0
"""Events that come together are one look."""
SCALINGS = ("ScalingReplicaSet", "SuccessfulCreate", "SuccessfulDelete")
"""Reasons of events with which controllers tell that they made or ended pods."""
DAY = 86_400_000_000
"""So far back an operation may have begun whose traces are only seen now."""


@dataclass(frozen=True)
class Watching:
    """What the onlooker works with.

    Attributes:
        config: The configuration in force.
        clusters: Opens a configured cluster.
        clock: Microseconds UTC.
        every: Seconds between two looks without any event.
        settle: Seconds in which events become one look.
        retry: Seconds until a refused watch is tried again.
    """

    config: Callable[[], Config]
    clusters: Callable[[str], Cluster]
    store: Store
    clock: Callable[[], int]
    every: float = LOOK_SECONDS
    settle: float = SETTLE_SECONDS
    retry: float = RETRY


Place = tuple[str, str]


class Onlooker:
    """One watch over each namespace that apps live in, as the configuration changes.

    A namespace's first look tells nothing: what was there before nobody was there to see.
    """

    def __init__(self, parts: Watching) -> None:
        self._parts = parts
        self._places: dict[Place, tuple[Cluster, asyncio.Task[None]]] = {}
        self._tasks = Tasks()

    async def run(self) -> None:
        """Watches until cancelled."""
        try:
            while True:
                try:
                    await self._arrange()
                except Exception as error:
                    log.error("watch over changes not arranged", exc_info=error)
                await asyncio.sleep(self._parts.every)
        finally:
            await self._tasks.close()

    async def _arrange(self) -> None:
        parts = self._parts
        config = parts.config()
        wanted = {
            (name, ref.namespace): parts.clusters(name)
            for name in config.clusters
            for ref in apps_on(config, name)
        }
        for place, (cluster, task) in [*self._places.items()]:
            if wanted.get(place) is not cluster or task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                del self._places[place]
        for place, cluster in wanted.items():
            if place not in self._places:
                name = f"watch changes of {'/'.join(place)}"
                self._places[place] = cluster, self._tasks.spawn(self._watch(cluster, *place), name)

    async def _watch(self, cluster: Cluster, name: str, namespace: str) -> None:
        parts, stirred = self._parts, asyncio.Event()
        mirror = Mirror(cluster.kube, namespace, stirred.set, retry=parts.retry)
        async with asyncio.TaskGroup() as group:
            group.create_task(mirror.run(), name=f"mirror {name}/{namespace}")
            while True:
                stirred.clear()
                late, mirror.late = mirror.late, False
                try:
                    apps = self._apps(name, namespace)
                    sight = mirror.sight(parts.clock(), apps)
                    await look(parts, cluster, sight, late=late)
                except Exception as error:
                    mirror.late = late
                    log.error("look at changes failed", cluster=name, exc_info=error)
                with suppress(TimeoutError):
                    async with asyncio.timeout(parts.every):
                        await stirred.wait()
                        await asyncio.sleep(parts.settle)

    def _apps(self, cluster: str, namespace: str) -> Mapping[str, str]:
        refs = apps_on(self._parts.config(), cluster)
        return {ref.release: ref.name for ref in refs if ref.namespace == namespace}


async def look(parts: Watching, cluster: Cluster, sight: Sight, *, late: bool) -> None:
    """Compares a namespace with what was last seen of it, and keeps what others changed.

    Differences and the new state are kept together, so that nothing is lost or told twice.

    Args:
        parts: What the onlooker works with.
        cluster: Where.
        sight: What there is now.
        late: It may have been so for long.

    Raises:
        StoreUnavailable: The state cannot be read or written; the next look tells the same.
    """
    if not sight.kinds:
        return
    place = sight.cluster, sight.namespace
    kinds, known = await parts.store.read(lambda db: outside_changes.known(db, *place))
    before = Before(kinds, {one.object: one.facts for one in known})
    facts = sight.facts
    if sight.kinds <= kinds and _seen(before, sight) == facts:
        return
    told = await _told(cluster, before, sight)
    if late:
        sight = replace(sight, scaled=await _scaled(cluster, before, sight))
    gone = _gone(before, sight, facts)

    def keep(db: Database) -> None:
        earliest = min((r.made_at for r in new_revisions(before, sight)), default=sight.now)
        own = requests.begun(
            db,
            cluster=sight.cluster,
            namespace=sight.namespace,
            since=min(earliest, sight.now) - DAY,
            until=sight.now + DAY,
            commands=COMMANDS,
        )
        changes = differences(before, sight, Ours.of(own), told)
        outside_changes.record(db, sight.now, changes)
        outside_changes.remember(
            db, *place, sight.now, kinds=sight.kinds, seen=sight.known(), gone=gone
        )

    await parts.store.write(keep)


def _seen(before: Before, sight: Sight) -> dict[str, object]:
    return {n: f for n, f in before.facts.items() if n.partition("/")[0] in sight.kinds}


def _gone(before: Before, sight: Sight, facts: Collection[str]) -> list[str]:
    """Objects that are not there any more; what helm may still be at work on stays known."""
    busy = {f"{RELEASE}/{name}" for name in sight.releases}
    busy |= {n for n in sight.gone if sight.missed(n, str(before.facts.get(n, {}).get("release")))}
    return [n for n in _seen(before, sight) if n not in facts and n not in busy]


async def _told(cluster: Cluster, before: Before, sight: Sight) -> dict[tuple[str, int], Told]:
    """What helm's records say of the new revisions; chart and description, nothing else."""
    found: dict[tuple[str, int], Told] = {}
    for one in new_revisions(before, sight):
        with suppress(IntegrationError):
            record = await stored.one(cluster.kube, one.release, one.namespace, one.number)
            found[one.release, one.number] = Told(record.chart, record.description)
    return found


async def _scaled(cluster: Cluster, before: Before, sight: Sight) -> dict[str, int]:
    """When workloads were scaled, by the events of their controllers: these last for an hour."""
    found: dict[str, int] = {}
    for one in undated(before, sight):
        fields = {"involvedObject.name": one.object.partition("/")[2]}
        with suppress(IntegrationError):
            events = (await cluster.kube.list(EVENT, one.namespace, fields=fields)).items
            times = [happened_at(e) for e in events if e.get("reason") in SCALINGS]
            if times:
                found[one.object] = round(max(times) * 1_000_000)
    return found
