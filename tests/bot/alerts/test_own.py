"""The bot's own troubles: deploys that failed, an audit log that was changed; on a real store."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.alerts.own import BACK, DAY, OwnTroubles
from bot.alerts.threads import Threads
from bot.config import Config
from bot.engine.running import ended_json
from bot.render.document import Document, Text, Title
from bot.store import alert_threads, audit, requests
from bot.store.audit import AuditEvent, Kind
from bot.store.db import Store
from bot.store.requests import Request, State
from bot.store.tables import AUDIT_TRIGGERS
from bot.store.verify import verify
from tests.bot.alerts.conftest import Clock, Room

MINUTE = 60_000_000
APP = {"namespace": "shop", "chart": "./chart"}


@dataclass
class Scene:
    """What ran, and the looks at it."""

    store: Store
    threads: Threads
    room: Room
    clock: Clock
    apps: dict[str, Any] = field(default_factory=lambda: {"shop": {**APP, "clusters": ["main"]}})

    def config(self) -> Config:
        clusters: dict[str, Any] = {"main": {}, "other": {}}
        return Config.model_validate(
            {"clusters": clusters, "default_cluster": "main", "apps": self.apps, "state": STATE}
        )

    async def ran(self, state: State, command: str = "deploy", **changes: Any) -> None:
        """An operation of the shop ended so, a minute later."""
        self.clock.now += MINUTE
        now, app = self.clock.now, changes.pop("app", "shop")
        said = Document.of(Title(f"{app} does not start"), Text.of("No such image."))
        request = Request(
            id=f"r{now}",
            key=f"k{now}",
            actor="slack:T1/U1",
            person="alice",
            command=command,
            text=f"{command} {app}",
            cluster=changes.pop("cluster", "main"),
            app=app,
            state=state,
            created_at=now - 9,
            started_at=now - 5,
            finished_at=None if state is State.STUCK else now,
            outcome=ended_json(state, said, None, 1),
        )
        await self.store.write(lambda db: requests.insert(db, request))

    async def look(self) -> None:
        """As another process would, that knows only the state."""
        await OwnTroubles(self.store, self.threads, self.config, self.clock).look()

    async def standing(self) -> list[str]:
        return [t.title for t in await self.threads.standing()]


STATE = {"directory": "/nonexistent"}


@pytest.fixture
def scene(store: Store, room: Room, clock: Clock) -> Scene:
    known = ("status", "history", "rollback", "audit verify")
    return Scene(store, Threads(store, room, clock, lambda: "/onprem ", known), room, clock)


async def test_a_failed_deploy_opens_a_thread_and_the_next_good_one_closes_it(
    scene: Scene,
) -> None:
    await scene.ran(State.DONE)
    await scene.look()
    assert await scene.standing() == []
    await scene.ran(State.FAILED)
    for _ in range(3):
        await scene.look()
    assert await scene.standing() == ["The last deploy of shop failed"]
    [told] = scene.room.edits
    assert "shop does not start" in told
    assert "No such image." in told
    assert "/onprem rollback shop" in told
    await scene.ran(State.DONE)
    await scene.look()
    assert await scene.standing() == []
    assert "Over: The last deploy of shop failed" in scene.room.edits[-1]
    assert "worked" in scene.room.answers[-1]


async def test_a_second_failure_is_news_in_the_same_thread(scene: Scene) -> None:
    await scene.ran(State.FAILED)
    await scene.look()
    await scene.ran(State.FAILED, "rollback")
    await scene.look()
    assert await scene.standing() == ["The last rollback of shop failed"]
    assert len(scene.room.roots) == 1
    assert ["rollback shop failed" in a for a in scene.room.answers] == [True]


@pytest.mark.parametrize("command", ["rollback", "restore", "uninstall"])
async def test_what_else_mends_closes_it(scene: Scene, command: str) -> None:
    await scene.ran(State.FAILED)
    await scene.look()
    await scene.ran(State.DONE, command)
    await scene.look()
    assert await scene.standing() == []


async def test_what_mends_nothing_leaves_it_open(scene: Scene) -> None:
    await scene.ran(State.FAILED)
    await scene.look()
    await scene.ran(State.DONE, "scale")
    await scene.ran(State.CANCELLED)
    await scene.ran(State.FAILED, "restore")
    await scene.look()
    assert await scene.standing() == ["The last deploy of shop failed"]


async def test_an_operation_that_is_stuck_needs_a_person(scene: Scene) -> None:
    await scene.ran(State.STUCK)
    await scene.look()
    assert await scene.standing() == ["The last deploy of shop needs a person"]
    assert "rollback" not in scene.room.edits[0]


async def test_apps_and_clusters_are_told_apart(scene: Scene) -> None:
    scene.apps["blog"] = {**APP, "namespace": "blog", "clusters": ["other"]}
    await scene.ran(State.FAILED)
    await scene.ran(State.FAILED, app="blog", cluster="other")
    await scene.look()
    assert len(await scene.standing()) == 2
    assert "/onprem status blog --cluster other" in scene.room.edits[0] + scene.room.edits[1]
    await scene.ran(State.DONE, app="blog", cluster="other")
    await scene.look()
    assert await scene.standing() == ["The last deploy of shop failed"]


async def test_an_old_failure_opens_none_but_keeps_the_thread_that_is_open(scene: Scene) -> None:
    await scene.ran(State.FAILED)
    await scene.look()
    scene.clock.now += BACK + DAY
    await scene.look()
    assert await scene.standing() == ["The last deploy of shop failed"]
    await scene.store.write(lambda db: db.execute("DELETE FROM alert_threads") and None)
    await scene.look()
    assert await scene.standing() == []


async def test_an_app_that_is_not_configured_any_more_leaves_no_thread(scene: Scene) -> None:
    await scene.ran(State.FAILED)
    await scene.look()
    scene.apps.clear()
    await scene.look()
    assert await scene.standing() == []
    assert "not configured" in scene.room.edits[-1]


async def fill(store: Store, rows: int) -> None:
    def work(db: Any) -> None:
        for number in range(rows):
            event = AuditEvent(Kind.INTENT, "slack:T1/U1", "alice", "deploy", target=f"t{number}")
            store.audit.append(db, event)

    await store.write(work)


def tamper(file: Path, sql: str) -> None:
    """What somebody does who may write the file."""
    raw = sqlite3.connect(file)
    for name in AUDIT_TRIGGERS:
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute(sql)
    for trigger in AUDIT_TRIGGERS.values():
        raw.execute(trigger)
    raw.commit()
    raw.close()


async def test_a_changed_audit_log_is_told_within_a_day_and_stays_open(
    scene: Scene, tmp_path: Path
) -> None:
    store = scene.store
    await fill(store, 5)
    await scene.look()
    tamper(tmp_path / "onprem.db", "UPDATE audit SET actor = 'nobody' WHERE seq = 3")
    await scene.look()
    assert await scene.standing() == [], "it is read once a day"
    scene.clock.now += DAY
    await scene.look()
    assert await scene.standing() == ["The audit log does not hold from row 3 on"]
    assert "Row 3: it was changed after it was written" in scene.room.edits[0]
    found = await store.read(lambda db: verify(db, store.audit.key))
    assert found.first_broken == 3
    assert await store.read(audit.known_break) == 3
    for _ in range(3):
        scene.clock.now += DAY
        await scene.look()
    breaks = await store.read(lambda db: audit.search(db, kind=Kind.BREAK))
    assert len(breaks) == 1, "one row says it, not one a day"
    assert len(scene.room.edits) == 1
    assert len(await store.read(alert_threads.standing)) == 1


async def test_a_break_that_was_found_elsewhere_is_told_at_once(
    scene: Scene, tmp_path: Path
) -> None:
    await fill(scene.store, 3)
    await scene.look()
    await scene.store.write(lambda db: scene.store.audit.mark_broken(db, 2, "it was replaced"))
    await scene.look()
    assert await scene.standing() == ["The audit log does not hold from row 2 on"]
