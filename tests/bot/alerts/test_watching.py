"""What nobody notifies of: the silence of a heartbeat, alerts that vanish, refused notifications.

The practice Alertmanager groups, notifies and forgets, on the same clock as the bot.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from bot.alerts import heartbeat
from bot.alerts.picturing import Studio
from bot.alerts.service import Alerts, Surroundings
from bot.alerts.threads import Threads
from bot.config import ClusterConfig, Config
from bot.config.routing import EscalationConfig
from bot.context import Cluster
from bot.store import alerts
from bot.store.alerts import Episode
from bot.store.db import Store
from integrations.alertmanager import Alertmanager
from sandbox.alertmanager import PracticeAlertmanager, Receiver, Route
from tests.bot.alerts.conftest import Clock, Room

SECOND = 1_000_000
MINUTE = 60 * SECOND
TOKEN = "alertmanager-token"


@dataclass
class Watch:
    """A bot's alerts and an Alertmanager that tells it."""

    server: PracticeAlertmanager
    service: Alerts
    store: Store
    room: Room
    clock: Clock
    url: str
    around: Surroundings

    async def restart(self) -> None:
        """Another process with the same state."""
        await self.service.close()
        self.service = Alerts(self.around)
        await self.service.start()
        self.server.receiver = receiver(self.service)

    async def fire(self, minutes: int = 600, **labels: str) -> None:
        named = {"alertname": "PodsNotReady", "severity": "critical", "namespace": "shop"}
        ends = stamp(self.clock.now + minutes * MINUTE)
        starts = stamp(self.clock.now)
        self.server.put([{"labels": {**named, **labels}, "startsAt": starts, "endsAt": ends}])
        await self.server.tend()

    async def look(self, minutes: float) -> None:
        """Lets time pass in steps of a minute, as it passes for all."""
        for _ in range(int(minutes)):
            self.clock.now += MINUTE
            await self.server.tend()
            await self.service.look()
            await self.service.teller.step()

    async def standing(self) -> list[Episode]:
        return await self.store.read(alerts.standing)

    async def said(self) -> list[tuple[str, str, str]]:
        """What `check` says."""
        config = self.around.config()
        return await self.store.read(lambda db: heartbeat.rows(db, config, self.clock.now))

    async def conditions(self) -> list[str]:
        return [t.title for t in await self.around.threads.standing()]


class Nothing:
    """Records of a cluster in which nothing changed."""

    async def changed(self, **asked: Any) -> tuple[list[Any], list[Any]]:
        return [], []


def stamp(at: int) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).isoformat()


def receiver(service: Alerts) -> Receiver:
    return Receiver(f"http://127.0.0.1:{service.port}/alerts/main", TOKEN)


@pytest.fixture
async def watch(store: Store, room: Room, clock: Clock) -> AsyncIterator[Watch]:
    server = PracticeAlertmanager(
        Route(group_wait=1.0, group_interval=60.0, repeat_interval=240.0),
        clock=lambda: datetime.fromtimestamp(clock.now / SECOND, UTC),
    )
    await server.start(waiting=False)
    client = Alertmanager(server.url)
    config = Config.model_validate(
        {
            "state": {"directory": "/nowhere"},
            "clusters": {"main": {"alertmanager": server.url}},
            "alerts": {"token": TOKEN, "listen": "127.0.0.1:0"},
        }
    )
    nothing = cast(Any, None)
    cluster = Cluster("main", config.clusters["main"], nothing, nothing, alertmanager=client)
    names = {"alerts", "check"}
    around = Surroundings(
        lambda: config,
        lambda name: cluster,
        store,
        room,
        Threads(store, room, clock, lambda: "/onprem ", names),
        lambda: "/onprem ",
        names,
        clock,
        Studio(Nothing(), nothing),
        lambda: clock.now / SECOND,
    )
    made = Watch(server, Alerts(around), store, room, clock, server.url, around)
    await made.service.start()
    server.receiver = receiver(made.service)
    yield made
    await made.service.close()
    await client.close()
    await server.close()


async def test_a_real_groups_life_is_one_thread(watch: Watch) -> None:
    await watch.fire(pod="a")
    await watch.look(1)
    assert len(watch.room.roots) == 1
    await watch.fire(pod="b")
    await watch.look(2)
    assert "– 2 firing" in watch.room.edits[-1]
    answers = len(watch.room.answers)
    await watch.look(10)
    assert len(watch.room.answers) == answers, "repeats are silent"
    for pod in "ab":
        await watch.fire(minutes=0, pod=pod)
    await watch.look(2)
    assert "Over: PodsNotReady: shop" in watch.room.edits[-1]
    assert await watch.standing() == []


async def test_the_copies_of_a_pair_count_once(watch: Watch) -> None:
    watch.server.split = True
    await watch.fire(pod="a")
    await watch.look(1)
    (one,) = await watch.standing()
    assert (one.total, one.revision) == (1, 1)


async def test_a_heartbeat_that_never_came_is_told_and_its_first_ends_that(watch: Watch) -> None:
    await watch.look(10)
    assert await watch.conditions() == []
    await watch.restart()
    await watch.look(10)
    assert await watch.conditions() == ["No heartbeat has ever come from Alertmanager"]
    await watch.fire(pod="a")
    await watch.look(2)
    assert len(await watch.conditions()) == 1, "other alerts are no heartbeat"
    await watch.fire(alertname="Watchdog")
    await watch.look(2)
    assert await watch.conditions() == []


async def test_a_cluster_without_an_alertmanager_is_not_missed(watch: Watch) -> None:
    bare = watch.around.config().model_copy(update={"clusters": {"main": ClusterConfig()}})
    service = Alerts(replace(watch.around, config=lambda: bare))
    for _ in range(30):
        watch.clock.now += MINUTE
        await service.look()
    assert await watch.conditions() == []
    assert await watch.store.read(lambda db: heartbeat.rows(db, bare, watch.clock.now)) == []


async def test_check_says_when_each_cluster_was_heard(watch: Watch) -> None:
    name = "Notifications of main"
    assert await watch.said() == [
        (name, "works", "last heartbeat: none yet, last notification: none yet")
    ]
    await watch.look(20)
    assert (await watch.said())[0][1] == "fails"
    await watch.fire(alertname="Watchdog")
    await watch.look(2)
    ((_, state, words),) = await watch.said()
    assert state == "works"
    assert words.count(" ago)") + words.count("just now") == 2
    await watch.server.away()
    await watch.look(20)
    assert (await watch.said())[0][1] == "fails"


async def test_silence_after_a_heartbeat_is_told_and_its_return(watch: Watch) -> None:
    await watch.fire(alertname="Watchdog", severity="none")
    await watch.look(30)
    assert await watch.conditions() == []
    assert await watch.standing() == [], "a heartbeat is no alert"
    await watch.server.away()
    await watch.look(10)
    assert await watch.conditions() == []
    await watch.look(6)
    assert await watch.conditions() == ["No heartbeat from Alertmanager for 15 min"]
    await watch.server.back()
    await watch.look(6)
    assert await watch.conditions() == []
    assert any("heartbeat is back" in text for text in watch.room.answers)


async def test_a_heartbeat_is_not_missed_while_the_bot_was_away(watch: Watch) -> None:
    await watch.fire(alertname="Watchdog")
    await watch.look(2)
    watch.clock.now += 300 * MINUTE
    await watch.restart()
    await watch.service.look()
    assert await watch.conditions() == []
    await watch.server.away()
    await watch.look(16)
    assert len(await watch.conditions()) == 1, "but its silence since the start is"


async def test_silence_that_was_told_stays_told_over_a_restart(watch: Watch) -> None:
    await watch.fire(alertname="Watchdog")
    await watch.look(2)
    await watch.server.away()
    await watch.look(16)
    assert len(await watch.conditions()) == 1
    await watch.restart()
    await watch.look(10)
    assert len(await watch.conditions()) == 1, "nothing was heard since"
    assert not any("heartbeat is back" in text for text in watch.room.answers)
    await watch.server.back()
    await watch.look(6)
    assert await watch.conditions() == []
    assert any("heartbeat is back" in text for text in watch.room.answers)


async def test_a_clock_that_is_set_back_does_not_hide_silence(watch: Watch) -> None:
    await watch.fire(alertname="Watchdog")
    await watch.look(2)
    await watch.server.away()
    watch.clock.now -= 600 * MINUTE
    await watch.restart()
    await watch.look(16)
    assert len(await watch.conditions()) == 1


async def test_the_end_of_a_heartbeat_is_no_heartbeat(watch: Watch) -> None:
    await watch.fire(alertname="Watchdog", minutes=5)
    await watch.look(30)
    assert len(await watch.conditions()) == 1


async def test_an_alert_that_vanished_is_lost_sight_of_not_resolved(watch: Watch) -> None:
    await watch.fire(pod="a")
    await watch.fire(pod="b")
    await watch.look(3)
    assert [one.firing for one in await watch.standing()] == [2]
    watch.server.receiver = Receiver()  # it tells nobody, as when the routes have changed
    await watch.fire(minutes=0, pod="a")
    await watch.look(14)
    assert [one.firing for one in await watch.standing()] == [2], "it may still be told"
    await watch.look(4)
    assert [one.firing for one in await watch.standing()] == [1]
    assert any("Lost sight of" in text and "pod=a" in text for text in watch.room.answers)
    await watch.fire(minutes=0, pod="b")
    await watch.look(20)
    assert await watch.standing() == []
    (lost,) = (one for one in watch.room.edits if "Lost sight: PodsNotReady: shop" in one)
    assert "never said that it ended" in lost


async def test_an_alert_that_was_missing_for_a_moment_is_not_lost_later(watch: Watch) -> None:
    await watch.fire(pod="a")
    await watch.look(2)
    watch.server.receiver = Receiver()
    await watch.fire(minutes=0, pod="a")
    await watch.look(10)
    await watch.fire(pod="a")
    await watch.look(10)
    assert len(await watch.standing()) == 1
    await watch.fire(minutes=0, pod="a")
    await watch.look(10)
    assert len(await watch.standing()) == 1, "its time begins anew"


async def test_a_silenced_alert_is_still_known(watch: Watch) -> None:
    await watch.fire(pod="a")
    await watch.look(2)
    cluster = watch.around.clusters("main")
    assert cluster.alertmanager is not None
    from integrations.alertmanager import Matcher

    start = watch.clock.now
    await cluster.alertmanager.silence(
        (Matcher("pod", "a"),),
        starts=start,
        ends=start + 600 * MINUTE,
        created_by="ada",
        comment="known",
    )
    await watch.look(30)
    assert [one.firing for one in await watch.standing()] == [1]


async def test_nothing_is_concluded_when_alertmanager_does_not_answer(watch: Watch) -> None:
    await watch.fire(pod="a")
    await watch.look(2)
    await watch.server.away()
    await watch.look(60)
    assert [one.state for one in await watch.standing()] == ["firing"]


async def test_a_lost_alert_that_is_told_again_fires_again(watch: Watch) -> None:
    await watch.fire(pod="a")
    await watch.look(2)
    known = watch.server.receiver
    watch.server.receiver = Receiver()
    await watch.fire(minutes=0, pod="a")
    await watch.look(20)
    assert await watch.standing() == []
    watch.server.receiver = known
    await watch.fire(pod="a")
    await watch.look(3)
    assert len(await watch.standing()) == 1


async def test_a_refused_notification_is_told_until_one_is_taken(watch: Watch) -> None:
    import io

    import aiohttp

    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"http://127.0.0.1:{watch.service.port}/alerts/main",
            data=io.BytesIO(b"y" * 1_100_000),
            headers=headers,
        ) as answer,
    ):
        assert answer.status == 413
    assert await watch.conditions() == ["A notification of Alertmanager was refused"]
    assert any("max_alerts" in text for text in watch.room.edits)
    await watch.restart()
    await watch.fire(pod="a")
    await watch.look(1)
    assert await watch.conditions() == []


async def test_what_is_turned_away_is_told_once_until_none_comes_for_an_hour(watch: Watch) -> None:
    import aiohttp

    async def post(path: str, token: str) -> int:
        async with aiohttp.ClientSession() as session:
            address = f"http://127.0.0.1:{watch.service.port}{path}"
            headers = {"Authorization": f"Bearer {token}"}
            async with session.post(address, data=b"{}", headers=headers) as answer:
                return answer.status

    await watch.fire(alertname="Watchdog")
    titles = [
        "Notifications come for a cluster that I do not know",
        "Notifications come without the right token",
    ]
    for _ in range(3):
        assert await post("/alerts/main", "wrong") == 401
        assert await post("/alerts/nowhere", TOKEN) == 404
    assert await watch.conditions() == titles
    assert len(watch.room.roots) == 2
    await watch.look(40)
    assert await post("/alerts/main", "wrong") == 401
    await watch.restart()
    await watch.look(40)
    assert await post("/alerts/nowhere", TOKEN) == 404
    assert await watch.conditions() == titles
    await watch.look(25)
    assert await watch.conditions() == titles[:1]
    await watch.look(40)
    assert await watch.conditions() == []
    assert any("None came for an hour." in text for text in watch.room.answers)
    assert len(watch.room.roots) == 2


class Stuck:
    """An Alertmanager that never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def silences(self, *asked: Any) -> Any:
        self.asked.set()
        await asyncio.Event().wait()

    async def alerts(self, **asked: Any) -> Any:
        return await self.silences()


async def test_a_cluster_that_does_not_answer_holds_nobody_else_up(watch: Watch) -> None:
    await watch.fire(alertname="Watchdog")
    await watch.fire(pod="a")
    await watch.look(2)
    await watch.server.away()
    watch.clock.now += 20 * MINUTE
    stuck, late = Stuck(), Stuck()
    config = watch.around.config()
    settings = config.clusters["main"]
    rule = EscalationConfig(after=600, mentions=["slack-group:T1/S1"])
    slow = config.model_copy(
        update={
            "clusters": {"first": settings, "main": settings, "last": settings},
            "alerts": config.alerts and config.alerts.model_copy(update={"escalate": rule}),
        }
    )
    nothing = cast(Any, None)
    ways: dict[str, Any] = {"first": stuck, "last": late}

    def cluster(name: str) -> Cluster:
        if name not in ways:
            return watch.around.clusters(name)
        return Cluster(name, settings, nothing, nothing, alertmanager=ways[name])

    service = Alerts(replace(watch.around, config=lambda: slow, clusters=cluster))
    watch.clock.now += 20 * MINUTE
    looking = asyncio.create_task(service.look())
    async with asyncio.timeout(10):
        await stuck.asked.wait()
        await late.asked.wait()
    looking.cancel()
    await asyncio.wait([looking])
    assert await watch.conditions() == ["No heartbeat from Alertmanager for 15 min"]
    assert any("nobody has taken this" in text for text in watch.room.answers)


async def test_an_address_that_is_taken_is_a_reason_not_to_start(
    watch: Watch, store: Store
) -> None:
    from bot.errors import Failed

    taken = f"127.0.0.1:{watch.service.port}"
    config = watch.around.config()
    changed = config.model_copy(
        update={"alerts": config.alerts and config.alerts.model_copy(update={"listen": taken})}
    )
    second = Alerts(replace(watch.around, config=lambda: changed))
    with pytest.raises(Failed, match="cannot be taken at"):
        await second.start()
    await second.close()
