"""What the bot finds itself carries labels, and goes where routes send such labels."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.alerts.condition import Condition, Findings
from bot.alerts.threads import Threads
from bot.alerts.ways import Ways
from bot.config import Config
from bot.render import terminal
from bot.store.db import Store
from tests.bot.alerts.conftest import START, Clock, Room

MINUTE = 60_000_000
GROUP = "slack-group:T1/S1"
FAILED = Condition("failed/app/shop", "The last backup of shop failed", START, app="shop")
DEPLOY = Condition("shop", "The last deploy of shop failed", START, app="shop", severity="error")


class Scene:
    """Threads whose routes a test sets."""

    def __init__(self, store: Store, room: Room, clock: Clock) -> None:
        self.room, self.clock = room, clock
        self.alerts: dict[str, Any] | None = {}
        self.ways = Ways(self.config, clock)
        self.threads = Threads(store, room, clock, lambda: "/onprem ", (), self.ways)

    def config(self) -> Config:
        section = {} if self.alerts is None else {"alerts": {"token": "t", **self.alerts}}
        return Config.model_validate(
            {
                "clusters": {"main": {}},
                "apps": {"shop": {"namespace": "store", "chart": "oci://x/shop"}},
                "state": {"directory": "/nonexistent"},
                **section,
            }
        )

    async def hold(self, *conditions: Condition, source: str = "velero/main") -> None:
        await self.threads.hold(source, Findings(conditions), cluster="main")

    def route(self, channel: str, **match: Any) -> None:
        self.alerts = {"routes": [{"match": match, "channel": channel}]}


@pytest.fixture
def scene(store: Store, room: Room, clock: Clock) -> Scene:
    return Scene(store, room, clock)


@pytest.mark.parametrize(
    ("source", "condition", "name", "severity"),
    [
        ("velero/main", FAILED, "OnpremBackupFailed", "critical"),
        ("velero/main", replace(FAILED, tone="warn"), "OnpremBackupFailed", "warning"),
        ("velero/main", replace(FAILED, key="server"), "OnpremVelero", "critical"),
        ("deploys/main", DEPLOY, "OnpremDeployFailed", "error"),
        ("else/main", FAILED, "OnpremElse", "critical"),
    ],
)
def test_labels(scene: Scene, source: str, condition: Condition, name: str, severity: str) -> None:
    assert scene.ways.labels(source, condition, "main") == {
        "alertname": name,
        "severity": severity,
        "cluster": "main",
        "app": "shop",
        "namespace": "store",
    }


def test_the_bot_itself_has_neither_cluster_nor_app(scene: Scene) -> None:
    labels = scene.ways.labels("audit", Condition("chain", "The log does not hold", START), "")
    assert labels["alertname"] == "OnpremAuditBroken"
    assert (labels["cluster"], labels["app"], labels["namespace"]) == ("", "", "")


@pytest.mark.parametrize(
    "match",
    [
        {"namespace": "store"},
        {"app": "shop"},
        {"alertname": "OnpremBackup*"},
        {"cluster": "main", "severity": "critical"},
    ],
)
async def test_a_route_leads_a_thread_to_its_channel(scene: Scene, match: dict[str, str]) -> None:
    scene.route("C0SHOP", **match)
    await scene.hold(FAILED)
    assert list(scene.room.places.values()) == ["C0SHOP"]


async def test_what_no_route_takes_goes_to_the_channel_of_alerts_or_the_ops_channel(
    scene: Scene,
) -> None:
    for settings, place in (
        (None, ""),
        ({"routes": [{"match": {"app": "other"}, "channel": "C0OTHER"}]}, ""),
        ({"channel": "C0ALERTS"}, "C0ALERTS"),
    ):
        scene.alerts = settings
        await scene.hold(FAILED)
        assert list(scene.room.places.values())[-1] == place
        await scene.hold()
        scene.clock.now += 60 * MINUTE


async def test_it_stays_in_its_channel_when_routes_change(scene: Scene) -> None:
    scene.route("C0SHOP", app="shop")
    await scene.hold(FAILED)
    scene.route("C0OTHER", app="shop")
    await scene.hold(replace(FAILED, title="It still fails"))
    assert len(scene.room.roots) == 1


async def test_its_severity_calls_once_and_not_in_quiet_hours(scene: Scene) -> None:
    scene.alerts = {"mentions": {"critical": [GROUP]}}
    await scene.hold(FAILED)
    await scene.hold(DEPLOY, source="deploys/main")
    backup, deploy = scene.room.edits
    assert "S1" in backup
    assert "S1" not in deploy
    night = {"start": "00:00", "end": "24:00", "critical": True}
    scene.alerts |= {"quiet_hours": [night]}
    await scene.hold(FAILED)
    assert len(scene.room.edits) == 2  # it was called, and its message says so on
    await scene.hold(replace(FAILED, key="failed/app/other"), FAILED)
    assert "S1" not in scene.room.edits[-1]
    scene.alerts = {"mentions": {"critical": [GROUP]}}
    await scene.hold()
    await scene.hold(FAILED)
    assert "It is back" in scene.room.answers[-1]
    assert "S1" in scene.room.answers[-1]


def maintenance(clock: Clock) -> dict[str, Any]:
    hour = (clock.now - MINUTE, clock.now + 60 * MINUTE)
    start, end = (datetime.fromtimestamp(at / 1_000_000, UTC).isoformat() for at in hour)
    window = {"start": start, "end": end, "reason": "disks", "match": {"app": "shop"}}
    return {"maintenance": [window], "mentions": {"critical": [GROUP]}}


async def test_a_maintenance_holds_it_back_and_its_end_shows_it(scene: Scene) -> None:
    scene.alerts = maintenance(scene.clock)
    await scene.hold(FAILED)
    await scene.hold(replace(FAILED, title="It fails on"))
    await scene.threads.settle()
    assert scene.room.edits == scene.room.answers == []
    assert [t.title for t in await scene.threads.standing()] == ["It fails on"]
    scene.clock.now += 61 * MINUTE
    await scene.threads.settle()
    await scene.threads.settle()
    (told,) = scene.room.edits
    assert "It fails on" in told
    assert "S1" in told
    await scene.hold()
    assert "Over: It fails on" in scene.room.edits[-1]


async def test_what_came_and_went_in_a_maintenance_is_not_told(scene: Scene) -> None:
    scene.alerts = maintenance(scene.clock)
    await scene.hold(FAILED)
    await scene.hold()
    scene.clock.now += 61 * MINUTE
    await scene.threads.settle()
    assert scene.room.edits == scene.room.answers == []
    assert await scene.threads.standing() == []


async def test_what_an_archived_channel_refuses_goes_on_in_the_ops_channel(scene: Scene) -> None:
    scene.route("C0SHOP", app="shop")
    await scene.hold(FAILED)
    (key,) = scene.room.roots
    scene.room.refused[key] = "is_archived"
    for _ in range(2):
        await scene.threads.settle()
    moved = list(scene.room.roots)[1:]
    assert [scene.room.places[key] for key in moved] == [""]
    await scene.hold(replace(FAILED, title="It fails on"))
    await scene.hold()
    told = [terminal.plain(d) for d in scene.room.roots[moved[0]]]
    assert len(scene.room.roots[key]) == 1
    assert "The last backup of shop failed" in told[0]
    assert "It fails on" in told[1]
    assert "Over: It fails on" in told[2]
    assert scene.room.replies[-1][0] == moved[0]


async def test_what_the_ops_channel_refuses_too_is_not_sent_to_and_fro(scene: Scene) -> None:
    scene.route("C0SHOP", app="shop")
    scene.room.configured = False
    await scene.hold(FAILED)
    (key,) = scene.room.roots
    scene.room.refused[key] = "is_archived"
    await scene.threads.settle()
    assert list(scene.room.roots) == [key]  # there is no other place
    scene.room.configured = True
    await scene.threads.settle()
    *_, moved = scene.room.roots
    scene.room.refused[moved] = "is_archived"
    del scene.room.roots[moved]  # nothing stands there
    await scene.hold(FAILED)
    await scene.threads.settle()
    assert list(scene.room.roots) == [key, moved]
    assert scene.room.places[moved] == ""


async def test_a_refusal_of_the_ops_channel_moves_nothing(scene: Scene) -> None:
    await scene.hold(FAILED)
    (key,) = scene.room.roots
    scene.room.refused[key] = "is_archived"
    await scene.threads.settle()
    assert list(scene.room.roots) == [key]
