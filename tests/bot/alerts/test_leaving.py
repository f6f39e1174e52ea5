"""A cluster leaves the configuration while something stands on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from bot.alerts import Condition, Findings, intake
from bot.alerts.leaving import Leaving
from bot.alerts.threads import Threads
from bot.alerts.webhook import read
from bot.config import Config
from bot.store import alerts
from bot.store.db import Store
from tests.bot.alerts.conftest import START, Clock, Room
from tests.bot.alerts.payloads import alert, body

MINUTE = 60_000_000


@dataclass
class Scene:
    """Two clusters on which something stands, and a configuration that a person edits."""

    store: Store
    threads: Threads
    clock: Clock
    names: tuple[str, ...] = ("main", "spare")

    def __post_init__(self) -> None:
        self.leaving = Leaving(self.store, self.threads, self.config, self.clock)

    def config(self) -> Config:
        return Config.model_validate(
            {
                "state": {"directory": "/nowhere"},
                "clusters": {name: {} for name in self.names},
                "default_cluster": self.names[0],
                "alerts": {"token": "t"},
            }
        )

    async def look(self, minutes: int) -> None:
        for _ in range(minutes):
            self.clock.now += MINUTE
            await self.leaving.look()

    async def standing(self) -> list[str]:
        found = [one.cluster for one in await self.store.read(alerts.standing)]
        return sorted(found + [one.condition for one in await self.threads.standing()])


@pytest.fixture
async def scene(store: Store, threads: Threads, clock: Clock) -> Scene:
    made = Scene(store, threads, clock)
    for name in made.names:
        delivery = read(name, body(alert(START, pod="a"), alert(START, pod="b")))
        await store.write(lambda db, d=delivery: intake.record(db, d, clock.now, MINUTE))
        silent = Condition("heartbeat", "No heartbeat", START)
        await threads.hold(f"alertmanager/{name}", Findings((silent,)), cluster=name)
    broken = Condition("chain", "The audit log was changed", START)
    await threads.hold("audit", Findings((broken,)))
    return made


ALL = ["alertmanager/main/heartbeat", "alertmanager/spare/heartbeat", "audit/chain"]


async def test_what_stood_on_a_cluster_that_left_is_lost_sight_of(scene: Scene, room: Room) -> None:
    await scene.look(60)
    assert await scene.standing() == [*ALL, "main", "spare"]
    scene.names = ("main",)
    await scene.look(15)
    assert await scene.standing() == [*ALL, "main", "spare"]
    await scene.look(1)
    assert await scene.standing() == ["alertmanager/main/heartbeat", "audit/chain", "main"]
    assert "The cluster is not configured any more." in "".join(room.edits)

    def over(db: Any) -> Any:
        sql = (
            "SELECT e.state, a.status, a.ends_at FROM episodes e JOIN alerts a ON a.episode = e.id"
        )
        return db.execute(f"{sql} WHERE e.cluster = 'spare'").fetchall()

    ended = START + 61 * MINUTE
    assert await scene.store.read(over) == [("lost", "lost", ended)] * 2


async def test_a_cluster_that_was_left_out_by_mistake_loses_nothing(scene: Scene) -> None:
    for _ in range(3):
        scene.names = ("main",)
        await scene.look(14)
        scene.names = ("main", "spare")
        await scene.look(1)
    assert await scene.standing() == [*ALL, "main", "spare"]
