"""Alerts from outside, put together: taken in, told, watched."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.alerts import acting, choosing, heartbeat, intake
from bot.alerts.condition import Act
from bot.alerts.escalation import Escalation
from bot.alerts.heartbeat import Heartbeats
from bot.alerts.leaving import Leaving
from bot.alerts.lost import LostSight
from bot.alerts.picturing import Illustrator, Studio
from bot.alerts.presenting import Extras
from bot.alerts.receiver import Receiver
from bot.alerts.refusals import Refusals
from bot.alerts.silencing import Silences
from bot.alerts.sizing import sizes
from bot.alerts.telling import Teller, Words
from bot.alerts.threads import Threads
from bot.alerts.ways import Ways
from bot.errors import Failed
from bot.graphs.catalogue import load
from bot.store import alert_acts
from bot.tasks import Tasks

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.alerts.outlet import Outlet
    from bot.alerts.webhook import Delivery
    from bot.config import Config
    from bot.context import Cluster
    from bot.render.document import Document
    from bot.store.alerts import Episode
    from bot.store.db import Store

log = structlog.get_logger(__name__)

LOOK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What alerts need of the product.

    Attributes:
        outlet: Where they are told; none without a chat.
        threads: Where the bot's own troubles are told.
        prefix: What commands are typed after, with its space.
        known: Names of the registered commands; no others are offered.
        studio: What pictures are made with.
        monotonic: Seconds; for pacing, and for how long nothing was heard.
    """

    config: Callable[[], Config]
    clusters: Callable[[str], Cluster]
    store: Store
    outlet: Outlet | None
    threads: Threads
    prefix: Callable[[], str]
    known: Collection[str]
    clock: Callable[[], int]
    studio: Studio
    monotonic: Callable[[], float] = time.monotonic


class Alerts:
    """Takes notifications, tells of them, and looks after what nobody notifies of.

    Args:
        around: What it needs of the product.

    Attributes:
        teller: Brings threads in line with what is known.
        threads: Where the bot's own troubles are told.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.threads = around.threads
        store, config, clock, outlet = around.store, around.config, around.clock, around.outlet
        words = Words(around.prefix, around.known, self._extras)
        self._lost = LostSight(store, around.clusters, config, clock)
        self._leaving = Leaving(store, around.threads, config, clock)
        self._hearts = Heartbeats(store, around.threads, config, clock, around.monotonic)
        illustrator = self._illustrator = Illustrator(
            store, outlet, clock, config, around.clusters, around.studio
        )
        self.teller = Teller(
            *(store, outlet, clock, config, words), illustrator.wake, around.monotonic
        )
        self._silences = Silences(store, around.clusters, outlet, clock, self.teller.wake)
        self._escalation = Escalation(store, config, outlet, clock, self.teller.wake)
        self._receiver: Receiver | None = None
        self._tasks = Tasks()
        self._refusals = Refusals(around.threads, config, clock, around.monotonic)

    async def start(self) -> None:
        """Listens and tells from now on, where the configuration has alerts.

        Raises:
            Failed: The address cannot be used.
        """
        settings = self._around.config().alerts
        if settings is None:
            return
        await self._refusals.start()
        receiver = Receiver(settings.listen, self._token, self._clusters, self.take, self._refusals)
        try:
            await receiver.start()
        except OSError as error:
            raise Failed(
                f"Alerts cannot be taken at {settings.listen}",
                why=error.strerror or str(error),
                hint="Free the address, or set another one as alerts.listen",
            ) from error
        self._receiver = receiver
        log.info("alerts are taken", port=receiver.port)
        self._tasks.spawn(self.teller.run(), "tell alerts")
        self._tasks.spawn(self._illustrator.run(), "draw alerts")
        self._tasks.spawn(self._watch(), "watch alerts")

    async def close(self) -> None:
        """Takes nothing more; what is untold is told at the next start."""
        if self._receiver is not None:
            await self._receiver.close()
        await self._tasks.close()

    @property
    def port(self) -> int:
        """Where notifications are taken."""
        if self._receiver is None:
            raise RuntimeError("alerts are not taken")
        return self._receiver.port

    async def take(self, delivery: Delivery) -> None:
        """Commits a notification.

        Raises:
            StoreUnavailable: It is not kept; Alertmanager has to send it again.
        """
        settings = self._around.config().alerts
        if settings is None:
            return
        quiet = int(settings.quiet * 1_000_000)
        beats, rest = heartbeat.split(delivery, settings.watchdog.alertname)

        def work(db: Database) -> bool:
            now = self._around.clock()
            heartbeat.note(db, delivery.cluster, now, beats=beats)
            return intake.record(db, rest, now, quiet) if rest.alerts else False

        news = await self._around.store.write(work)
        if beats:
            self._hearts.heard(delivery.cluster)
        if news:
            self.teller.wake()
        await self._refusals.taken(delivery.cluster)

    def reply(self, db: Database, thread: str, document: Document) -> None:
        """Queues an answer below the message under that key, in the transaction given."""
        if self._around.outlet is not None:
            self._around.outlet.reply(db, thread, document)

    def wake(self) -> None:
        """Is called after the transaction is durable: something has to be shown anew."""
        self.teller.wake()
        if self._around.outlet is not None:
            self._around.outlet.wake()

    async def look(self) -> None:
        """Looks after what nobody notifies of: silence, alerts that vanished, what others add."""
        clusters = tuple(self._around.config().clusters)
        for cluster in clusters:
            await self._kept(self._hearts.look(cluster))
        await self._kept(self._escalation.look())
        await self._kept(self._refusals.look())
        await self._kept(self._leaving.look())
        await self._kept(self.threads.settle())
        # What asks a server comes last: a slow one holds up neither those nor other clusters.
        await asyncio.gather(*(self._compare(cluster) for cluster in clusters))
        self.teller.wake()

    async def _compare(self, cluster: str) -> None:
        await self._kept(self._silences.look(cluster))
        await self._kept(self._lost.look(cluster))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    def _extras(self, db: Database, episode: Episode) -> Extras:
        """What people did about an episode, and what they can do."""
        config = self._around.config()
        known = sizes(db, config, episode.cluster, acting.namespace_of(episode))
        held = alert_acts.of_episode(db, episode.id)
        called = alert_acts.escalated_at(db, episode.id)
        acts = acting.acts(config, episode, held, known)
        graph = choosing.command(load(config), config, episode.cluster, episode.shared)
        return Extras(
            acting.remarks(episode, held, called),
            (*acts, Act("Graph", graph)) if graph else acts,
        )

    async def _kept(self, look: Awaitable[object]) -> None:
        try:
            await look
        except Exception as error:
            log.error("look after alerts failed", exc_info=error)

    def _token(self) -> str:
        settings = self._around.config().alerts
        return settings.token.get_secret_value() if settings and settings.token else ""

    def _clusters(self) -> tuple[str, ...]:
        config = self._around.config()
        rest = (name for name in config.clusters if name != config.default_cluster)
        return (config.default_cluster, *rest)


def assembled(
    config: Callable[[], Config],
    clusters: Callable[[str], Cluster],
    store: Store,
    outlet: Outlet | None,
    known: Collection[str],
    studio: Studio,
) -> Alerts:
    """Alerts with the threads of the bot's own troubles; the arguments are `Surroundings`'."""

    def prefix() -> str:
        return f"{config().command} "

    threads = Threads(store, outlet, store.clock, prefix, known, Ways(config, store.clock))
    shared = (config, clusters, store, outlet, threads, prefix, known, store.clock)
    return Alerts(Surroundings(*shared, studio))
