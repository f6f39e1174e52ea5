"""Calls for help with what nobody has taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.alerts.escalation import Escalation
from bot.config import Config
from bot.render.document import Document, Person
from bot.store import alert_acts, alerts
from bot.store.alerts import Episode
from bot.store.db import Store
from tests.bot.alerts.conftest import START, Clock, Room
from tests.bot.store.test_alert_acts import episode as made
from tests.bot.store.test_alert_acts import put as held

MINUTE = 60_000_000
DECADES = {"start": "2000-01-01T00:00:00Z", "end": "2050-01-01T00:00:00Z"}
ONCALL = "slack-group:T1/S1"


def configured(tmp_path: Path, **escalate: Any) -> Config:
    body: dict[str, Any] = {
        "state": {"directory": str(tmp_path)},
        "clusters": {"main": {}},
        "alerts": {"escalate": {"after": "15m", "mentions": [ONCALL], **escalate}},
    }
    return Config.model_validate(body)


def episode(name: str, **changes: Any) -> Episode:
    return made(name, **{"created_at": START, "opened_at": START, **changes})


async def put(store: Store, *episodes: Episode) -> None:
    def work(db: Any) -> None:
        for one in episodes:
            held(db, one)
            alert_acts.wait(db, one.id, one.severity, START)

    await store.write(work)


def called(document: Document) -> list[str]:
    return [
        part.actor
        for element in document.elements
        for part in getattr(element, "parts", ())
        if isinstance(part, Person)
    ]


@pytest.fixture
def escalation(tmp_path: Path, store: Store, room: Room, clock: Clock) -> Escalation:
    config = configured(tmp_path)
    return Escalation(store, lambda: config, room, clock, room.wake)


async def test_it_calls_once_when_the_time_has_passed_and_not_again_after_a_restart(
    tmp_path: Path, escalation: Escalation, store: Store, room: Room, clock: Clock
) -> None:
    await put(store, episode("a7"))
    clock.now = START + 15 * MINUTE - 1
    await escalation.look()
    assert room.replies == []
    clock.now += 1
    await escalation.look()
    await escalation.look()
    config = configured(tmp_path)
    await Escalation(store, lambda: config, room, clock, room.wake).look()
    ((thread, document),) = room.replies
    assert thread == "episode/a7"
    assert called(document) == [ONCALL]
    assert "nobody has taken this for 15 min: a7" in room.answers[0]
    assert "/onprem ack a7" in room.answers[0]
    after = await store.read(lambda db: alerts.find(db, "a7"))
    assert after is not None
    assert after.revision == 2  # its root says so, too


async def test_an_owner_stops_it(
    escalation: Escalation, store: Store, room: Room, clock: Clock
) -> None:
    await put(store, episode("a7"), episode("b7"))
    await store.write(lambda db: alerts.own(db, "a7", "slack:T1/ANN", "ann", START))
    clock.now += 20 * MINUTE
    await escalation.look()
    assert [thread for thread, _ in room.replies] == ["episode/b7"]


async def test_a_storm_calls_once_for_all(
    escalation: Escalation, store: Store, room: Room, clock: Clock
) -> None:
    storm = {"message_key": "", "storm": "storm/1"}
    await put(store, *(episode(f"s{n}", **storm) for n in range(7)))
    clock.now += 15 * MINUTE
    await escalation.look()
    assert len(room.replies) == 1
    assert room.replies[0][0] == "storm/1"
    assert "nobody has taken 7 alerts for 15 min" in room.answers[0]
    assert "/onprem alerts lists them" in room.answers[0]
    await put(store, episode("s8", **storm))
    await escalation.look()
    assert len(room.replies) == 1
    clock.now += 15 * MINUTE - 1
    await escalation.look()
    assert len(room.replies) == 1
    clock.now += 1
    await escalation.look()
    assert len(room.replies) == 2, "what was called late must not be called never"
    assert "s8" in room.answers[1]
    clock.now += 60 * MINUTE
    await escalation.look()
    assert len(room.replies) == 2


@pytest.mark.parametrize("severity", ["critical", "warning"])
async def test_which_severities_call_is_configured(
    tmp_path: Path, store: Store, room: Room, clock: Clock, severity: str
) -> None:
    await put(store, episode("a7", severity=severity))
    clock.now += 60 * MINUTE
    default, both = configured(tmp_path), configured(tmp_path, severities=["critical", "warning"])
    await Escalation(store, lambda: default, room, clock, room.wake).look()
    assert len(room.replies) == (1 if severity == "critical" else 0)
    await Escalation(store, lambda: both, room, clock, room.wake).look()
    assert len(room.replies) == 1


@pytest.mark.parametrize(
    ("settings", "calls"),
    [
        ({"quiet_hours": [{"start": "00:00", "end": "24:00"}]}, 1),
        ({"quiet_hours": [{"start": "00:00", "end": "24:00", "critical": True}]}, 0),
        ({"maintenance": [{**DECADES, "reason": "disks", "match": {"alertname": "a7"}}]}, 0),
        ({"maintenance": [{**DECADES, "reason": "disks", "match": {"alertname": "b7"}}]}, 1),
    ],
    ids=["critical calls at night", "unless configured", "maintenance", "of something else"],
)
async def test_in_maintenance_and_quiet_hours_it_waits(
    tmp_path: Path, store: Store, room: Room, clock: Clock, settings: Any, calls: int
) -> None:
    plain = configured(tmp_path)
    alerts_of = plain.alerts.model_dump(mode="json") if plain.alerts else {}
    body = {"state": {"directory": str(tmp_path)}, "clusters": {"main": {}}}
    hushed = Config.model_validate({**body, "alerts": {**alerts_of, **settings}})
    await put(store, episode("a7"))
    clock.now += 15 * MINUTE
    awake = room.awake
    await Escalation(store, lambda: hushed, room, clock, room.wake).look()
    assert (len(room.replies), room.awake - awake) == (calls, calls)
    await Escalation(store, lambda: plain, room, clock, room.wake).look()
    assert len(room.replies) == 1


async def test_without_a_rule_or_a_chat_nobody_is_called(
    tmp_path: Path, escalation: Escalation, store: Store, room: Room, clock: Clock
) -> None:
    await put(store, episode("a7"))
    clock.now += 60 * MINUTE
    body = {"state": {"directory": str(tmp_path)}, "clusters": {"main": {}}, "alerts": {}}
    none = Config.model_validate(body)
    await Escalation(store, lambda: none, room, clock, room.wake).look()
    assert room.replies == []
    config = configured(tmp_path)
    await Escalation(store, lambda: config, None, clock, room.wake).look()
    assert await store.read(lambda db: alert_acts.escalated_at(db, "a7")) == clock.now


async def test_the_command_names_the_place_where_there_are_several(
    tmp_path: Path, store: Store, room: Room, clock: Clock
) -> None:
    config = configured(tmp_path).model_copy(
        update={"clusters": {"main": None, "other": None}, "default_cluster": "other"}
    )
    await put(store, episode("a7", shared={"namespace": "shop"}))
    clock.now += 15 * MINUTE
    await Escalation(store, lambda: config, room, clock, room.wake).look()
    assert "/onprem ack a7 --cluster main --namespace shop" in room.answers[0]
