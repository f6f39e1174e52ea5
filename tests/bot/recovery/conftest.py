"""A practice cluster under the watcher."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.alerts import Findings
from bot.alerts.threads import Threads
from bot.clock import now
from bot.config import Config
from bot.context import Cluster
from bot.recovery.watch.watching import Watcher, Watching
from bot.render import terminal
from bot.store.db import Store
from bot.store.keys import AuditKey
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.sdk import Access
from sandbox.cluster import PracticeCluster
from sandbox.kube.resources import CONFIGMAPS, NAMESPACES
from sandbox.velero import ObjectStore
from sandbox.velero.definitions import BACKUPS
from sandbox.world import PACES
from tests.bot.alerts.conftest import Room

MINUTE = 60_000_000
DAY = 86_400_000_000
COMMANDS = frozenset({"backup describe", "backup logs", "backup create", "backup keep", "check"})


@dataclass
class Ward:
    """A cluster under watch, and what was told of it."""

    cluster: PracticeCluster
    objects: ObjectStore
    room: Room
    store: Store
    settings: dict[str, Any]
    kube: KubeClient
    ahead: int = 0  # microseconds that the bot's clock is ahead
    looks: int = 0

    @property
    def velero(self) -> Any:
        return self.cluster.velero

    def clock(self) -> int:
        return now() + self.ahead

    def config(self) -> Config:
        return Config.model_validate(self.settings)

    @property
    def threads(self) -> Threads:
        return Counted(self, self.store, self.room, self.clock, lambda: "/onprem ", COMMANDS)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """A bot that watches, for the length of the block."""
        config = self.config()
        cluster: Any = Cluster("main", config.clusters["main"], self.kube, None)  # type: ignore[arg-type]
        parts = Watching(
            self.config,
            lambda name: cluster,
            self.store,
            self.threads,
            COMMANDS,
            self.clock,
            every=0.1,
            settle=0.01,
            patience=0.5,
        )
        task = asyncio.create_task(Watcher(parts).run())
        try:
            yield
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def store_away(self) -> None:
        await self.objects.away()
        self.velero.look()

    async def store_back(self) -> None:
        await self.objects.back()
        self.velero.look()

    def ask(self, name: str, resource: Any = BACKUPS, **rest: Any) -> None:
        spec = {"includedNamespaces": ["shop"]} if resource is BACKUPS else {}
        metadata = {"name": name, "namespace": "velero", **rest.pop("metadata", {})}
        self.cluster.store.create(resource, {"metadata": metadata, "spec": spec | rest})

    async def ended(self, name: str, resource: Any = BACKUPS) -> None:
        def look() -> bool:
            found = self.cluster.store.peek(resource, "velero", name) or {}
            phase = found.get("status", {}).get("phase")
            return phase in ("Completed", "PartiallyFailed", "Failed", "FailedValidation")

        await self.cluster.wait_for(look, 10)

    async def until(self, holds: Callable[[], bool | Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(10):
                while True:
                    value = holds()
                    if await value if isinstance(value, Awaitable) else value:
                        return
                    await asyncio.sleep(0.02)
        except TimeoutError:
            shown = "\n---\n".join([*self.room.edits, *self.room.answers])
            raise AssertionError(f"it did not come; told was:\n{shown}") from None

    async def told(self, *words: str) -> str:
        """Waits for a message with all these words in one of its states."""
        await self.until(lambda: self.count(*words) > 0)
        return next(m for m in self.room.edits if all(w in m for w in words))

    def count(self, *words: str) -> int:
        return sum(all(w in m for w in words) for m in self.room.edits)

    def threads_about(self, words: str) -> int:
        """How many messages have ever said so, however often each was edited."""
        told = self.room.roots.values()
        return sum(any(words in terminal.plain(one) for one in states) for states in told)

    async def nothing_stands(self) -> None:
        """Waits until every thread is closed; what is told is so once it is written."""

        async def over() -> bool:
            return not await self.threads.standing()

        await self.until(over)

    async def quiet(self) -> None:
        """Waits until two more looks were made, from their beginning to their end."""
        enough = self.looks + 3
        await self.until(lambda: self.looks >= enough)


class Counted(Threads):
    """Threads that count the looks at a cluster."""

    def __init__(self, ward: Ward, *rest: Any) -> None:
        super().__init__(*rest)
        self._ward = ward

    async def hold(self, source: str, findings: Findings, *, cluster: str = "") -> None:
        await super().hold(source, findings, cluster=cluster)
        self._ward.looks += source == "velero/main"


@pytest.fixture
async def ward(tmp_path: Path) -> AsyncIterator[Ward]:
    objects = ObjectStore()
    await objects.start()
    cluster = await PracticeCluster.started(
        "main", tmp_path / "kubeconfig", pace=PACES["fast"], objects=objects
    )
    store = await Store.open(
        tmp_path / "onprem.db", clock=now, audit_key=AuditKey(bytes(range(32)))
    )
    settings = {
        "state": {"directory": str(tmp_path)},
        "clusters": {"main": {"kubeconfig": str(cluster.kubeconfig)}},
        "apps": {
            "shop": {
                "namespace": "shop",
                "chart": "builtin:parse-server",
                "backup": {"name": "shop-backup", "selector": "app=shop"},
            }
        },
    }
    try:
        velero = cluster.velero
        assert velero is not None
        await cluster.wait_for(lambda: velero.ready, 10)
        cluster.store.create(NAMESPACES, {"metadata": {"name": "shop"}})
        meta = {"name": "settings", "namespace": "shop", "labels": {"app": "shop"}}
        cluster.store.create(CONFIGMAPS, {"metadata": meta, "data": {"a": "b"}})
        async with KubeClient(Access("main", cluster.kubeconfig)) as kube:
            yield Ward(cluster, objects, Room(), store, settings, kube)
    finally:
        await store.close()
        await cluster.close()
        await objects.close()
