"""The watcher against a practice cluster: runs of others, threads that open and heal, restarts."""

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
from bot.recovery.watching import Watcher, Watching
from bot.store import sightings
from bot.store.db import Store
from bot.store.keys import AuditKey
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.sdk import Access
from sandbox.cluster import PracticeCluster
from sandbox.kube.faults import Fault
from sandbox.kube.resources import CONFIGMAPS, NAMESPACES, PERSISTENTVOLUMECLAIMS
from sandbox.velero import ObjectStore
from sandbox.velero.definitions import BACKUPS, RESTORES, SCHEDULES, STATUS_REQUESTS, VOLUME_BACKUPS
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


FIRST, SECOND, THIRD = (f"shop-backup-2026112{n}010000" for n in (1, 2, 3))


async def test_a_failed_backup_opens_a_thread_and_the_next_good_one_closes_it(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ward.velero.fault("backup_fails")
        ward.ask(FIRST)
        told = await ward.told("The last backup of shop failed")
        assert FIRST in told
        assert f"/onprem backup logs {FIRST}" in told
        ward.ask(SECOND)
        await ward.until(lambda: any(SECOND in a for a in ward.room.answers))
        ward.velero.fault("backup_fails", False)
        ward.ask(THIRD)
        await ward.told("Over: The last backup of shop failed", THIRD)
        assert ward.count("Over: The last backup of shop failed") == 1
        assert any("Over after" in a for a in ward.room.answers)
        assert await ward.threads.standing() == []
        # the runs themselves, one message each
        assert ward.count(f"Backup {FIRST} failed", "Made by others") == 1
        assert ward.count(f"Backup {THIRD} is complete", "Made by others") == 1


async def began(ward: Ward) -> bool:
    return "began" in await ward.store.read(lambda db: sightings.of(db, "main"))


async def test_a_store_that_is_away_is_told_with_its_cause_until_it_is_back(ward: Ward) -> None:
    async with ward.watched():
        await ward.store_away()
        told = await ward.told("Storage location default is not available")
        assert "The store cannot be reached." in told
        await ward.store_back()
        await ward.told("Over: Storage location default")
        assert len(ward.room.roots) == 1


async def test_old_history_is_not_told_but_what_is_wrong_now_is(ward: Ward) -> None:
    ward.velero.fault("backup_fails")
    ward.ask(FIRST)
    await ward.ended(FIRST)
    async with ward.watched():
        await ward.told("The last backup of shop failed")
        await ward.quiet()
    assert len(ward.room.roots) == 1


async def test_what_ended_while_the_bot_was_away_is_told_once(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
    ward.ask(FIRST)
    await ward.ended(FIRST)
    for _ in range(2):
        async with ward.watched():
            await ward.told(f"Backup {FIRST} is complete")
            await ward.quiet()
    assert len(ward.room.edits) == 1


async def test_a_thread_goes_on_after_a_restart(ward: Ward) -> None:
    async with ward.watched():
        await ward.store_away()
        await ward.told("Storage location default is not available")
    async with ward.watched():
        await ward.quiet()
        assert len(ward.room.edits) == 1
        await ward.store_back()
        await ward.told("Over: Storage location default")
    assert len(ward.room.roots) == 1


async def test_runs_of_the_bot_itself_are_not_told_again(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ours = {"annotations": {"onprem.io/job": "j1"}, "labels": {"onprem.io/app": "shop"}}
        ward.ask(FIRST, metadata=ours)
        await ward.ended(FIRST)
        ward.ask("by-hand")
        await ward.told("Backup by-hand is complete")
        ward.ask("back", RESTORES, backupName="by-hand")
        await ward.told("Restore back", "from backup by-hand")
        await ward.quiet()
    assert ward.count(FIRST) == 0


async def test_a_run_without_progress_is_told_and_heals_when_it_moves(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ward.velero.fault("sticks")
        ward.ask(FIRST)
        ward.ask(SECOND)
        await ward.quiet()
        assert ward.room.edits == []
        ward.ahead = 16 * MINUTE
        told = await ward.told(f"Backup {FIRST} makes no progress")
        assert f"the head of the queue: {SECOND} waits behind it" in told
        assert "/onprem restart" not in told  # no such command here
    async with ward.watched():  # a restarted bot knows that it has not moved
        await ward.quiet()
        assert ward.count("makes no progress") == 1
        ward.velero.fault("sticks", False)
        await ward.told(f"Over: Backup {FIRST} makes no progress")


async def test_a_server_that_takes_nothing_up_is_told(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ward.velero.fault("away")
        ward.ask(FIRST)
        await ward.quiet()
        assert ward.room.edits == []
        ward.ahead = 3 * MINUTE
        told = await ward.told("Velero's server does not answer")
        assert FIRST in told
        await ward.quiet()
        asked = ward.cluster.store.scan(STATUS_REQUESTS, "velero")
        assert len(list(asked)) == 1
        ward.velero.fault("away", False)
        await ward.told("Over: Velero's server does not answer")


async def test_an_app_without_any_backup_is_told_once_it_is_old_enough(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ward.ahead = 2 * DAY  # nothing of it is there: nothing can be lost
        await ward.quiet()
        assert ward.room.edits == []
        ward.ahead = 0
        meta = {"name": "data", "namespace": "shop", "labels": {"app": "shop"}}
        claim = {"resources": {"requests": {"storage": "1Gi"}}, "accessModes": ["ReadWriteOnce"]}
        ward.cluster.store.create(PERSISTENTVOLUMECLAIMS, {"metadata": meta, "spec": claim})
        await ward.quiet()
        assert ward.room.edits == []
        ward.ahead = 3 * DAY
        told = await ward.told("shop has no good backup")
        assert "at most 1 d of work may be lost" in told
        ward.ahead = 0
        ward.ask(FIRST)
        await ward.told("Over: shop has no good backup", FIRST)


async def test_a_schedule_made_by_hand_is_told_and_missed_when_the_server_is_away(
    ward: Ward,
) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ward.ask("nightly", SCHEDULES, schedule="0 2 * * *", template={})
        await ward.told("Schedule nightly was made", "0 2 * * *")
        ward.ahead = 2 * DAY
        told = await ward.told("Schedule nightly has never run")
        assert "A run was due" in told
        ward.ahead = 0
        await ward.told("Over: Schedule nightly has never run")


async def test_a_cluster_out_of_reach_is_one_condition_and_freezes_the_others(ward: Ward) -> None:
    async with ward.watched():
        await ward.store_away()
        await ward.told("Storage location default is not available")
        server = ward.cluster.server
        server.faults.add(Fault(503, times=None, path="*velero.io*"))
        server.drop_watches()

        def minutes_pass() -> bool:
            ward.ahead += MINUTE // 4
            return ward.count("Backups on main cannot be watched") > 0

        await ward.until(minutes_pass)
        assert len(ward.room.roots) == 2
        assert ward.count("Over") == 0
        server.faults.clear()
        await ward.told("Over: Backups on main cannot be watched")


async def test_threads_of_a_cluster_that_is_not_watched_any_more_end(ward: Ward) -> None:
    async with ward.watched():
        await ward.store_away()
        await ward.told("Storage location default is not available")
        del ward.settings["apps"]["shop"]["backup"]
        await ward.told("Over: Storage location default", "not watched any more")


async def test_a_big_volume_that_is_being_copied_is_progress(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ward.velero.fault("sticks")
        ward.ask(FIRST)
        labels = {"velero.io/backup-name": FIRST}
        meta = {"name": "copy", "namespace": "velero", "labels": labels}
        spec = {"pod": {"name": "db-0", "namespace": "shop"}, "volume": "data", "node": "n"}
        spec |= {"backupStorageLocation": "default", "repoIdentifier": "", "uploaderType": "kopia"}
        copy = ward.cluster.store.create(
            VOLUME_BACKUPS,
            {"metadata": meta, "spec": spec, "status": {"progress": {"bytesDone": 10}}},
        )
        await ward.quiet()  # the run is seen, and stands still
        ward.ahead = 11 * MINUTE
        await ward.quiet()
        copy = ward.cluster.store.find(VOLUME_BACKUPS, "velero", "copy") or copy
        copy["status"] = {"progress": {"bytesDone": 20}}
        ward.cluster.store.update(VOLUME_BACKUPS, copy)
        await ward.quiet()
        ward.ahead = 20 * MINUTE
        await ward.quiet()
        assert ward.count("makes no progress") == 0
        ward.ahead = 27 * MINUTE
        await ward.told(f"Backup {FIRST} makes no progress")
