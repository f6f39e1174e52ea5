"""The practice Alertmanager's times, by a clock that the test moves: nothing here waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from sandbox.alertmanager import HEARTBEAT, PracticeAlertmanager, Receiver, Route
from sandbox.alertmanager.alerts import BadAlert, fingerprint, moment, quoted, stamp
from sandbox.alertmanager.matchers import Matcher, parsed
from sandbox.prometheus.rules import seconds as duration

Json = dict[str, Any]
ROOT = Path(__file__).parents[3]
START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


@dataclass
class Scene:
    """An Alertmanager with the usual times, its receiver, and the time."""

    now: datetime = START
    told: list[Json] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    manager: PracticeAlertmanager = field(init=False)

    async def take(self, request: web.Request) -> web.Response:
        self.told.append(await request.json())
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    def put(self, ends: float = 3600.0, starts: float = 0.0, **labels: str) -> None:
        """Tell of an alert that began and ends so many seconds from now."""
        self.manager.put(
            [
                {
                    "labels": {"alertname": "Down", "namespace": "parse", **labels},
                    "annotations": {},
                    "startsAt": (self.now + timedelta(seconds=starts)).isoformat(),
                    "endsAt": (self.now + timedelta(seconds=ends)).isoformat(),
                }
            ]
        )

    async def after(self, seconds: float) -> int:
        """Let time pass; how often was told by then."""
        self.now += timedelta(seconds=seconds)
        await self.manager.tend()
        return len(self.told)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    app = web.Application()
    app.router.add_post("/", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver = Receiver(f"http://127.0.0.1:{runner.addresses[0][1]}/", max_alerts=3)
    heartbeat = Route(group_interval=60, repeat_interval=60)
    made.manager = PracticeAlertmanager(
        Route(),
        children=[(Matcher("alertname", "Watchdog"), heartbeat)],
        receiver=receiver,
        clock=lambda: made.now,
    )
    await made.manager.start(waiting=False)
    yield made
    await made.manager.close()
    await runner.cleanup()


async def test_a_group_waits_for_its_first_notification(scene: Scene) -> None:
    scene.put(pod="a")
    assert scene.manager.due() == START + timedelta(seconds=30)
    assert await scene.after(29) == 0
    scene.put(pod="b")
    assert await scene.after(1) == 1
    assert len(scene.told[0]["alerts"]) == 2


async def test_an_old_alert_does_not_wait(scene: Scene) -> None:
    scene.put(starts=-60)
    assert await scene.after(0) == 1


async def test_news_wait_for_the_next_look(scene: Scene) -> None:
    scene.put(pod="a")
    assert await scene.after(30) == 1
    scene.put(pod="b")
    assert await scene.after(299) == 1
    assert await scene.after(1) == 2


async def test_nothing_new_is_repeated_after_four_hours(scene: Scene) -> None:
    scene.put(ends=10**6)
    assert await scene.after(30) == 1
    for _ in range(48):
        assert await scene.after(300) == 1
    assert await scene.after(300) == 2


async def test_a_child_route_has_its_own_times_and_key(scene: Scene) -> None:
    scene.put(alertname="Watchdog", ends=10**6)
    assert await scene.after(30) == 1
    assert await scene.after(60) == 1
    assert await scene.after(60) == 2
    labels = '{alertname="Watchdog", namespace="parse"}'
    assert scene.told[0]["groupKey"] == f'{{}}/{{alertname="Watchdog"}}:{labels}'


def test_the_routes_are_those_that_are_shipped() -> None:
    route = yaml.safe_load((ROOT / "deploy" / "alertmanager.yaml").read_text())["route"]
    (watchdog,) = (r for r in route["routes"] if r["matchers"] == ["alertname = Watchdog"])
    for shipped, practice in ((route, Route()), (watchdog, HEARTBEAT)):
        assert tuple(shipped["group_by"]) == practice.group_by
        for name in ("group_wait", "group_interval", "repeat_interval"):
            assert duration(shipped[name]) == getattr(practice, name)


async def test_an_alert_that_nobody_confirms_is_over(scene: Scene) -> None:
    scene.put(ends=240)
    await scene.after(30)
    assert await scene.after(300) == 2
    assert scene.told[1]["status"] == "resolved"
    assert scene.told[1]["alerts"][0]["endsAt"] == "2026-11-23T03:04:00Z"
    assert scene.manager.alerts() == []
    assert scene.manager.due() is None


async def test_it_fires_again_within_its_old_group_for_a_while_then_in_a_new_one(
    scene: Scene,
) -> None:
    scene.put(ends=10)
    scene.put(ends=400, pod="b")
    await scene.after(30)
    await scene.after(600)
    assert scene.told[-1]["status"] == "resolved"
    count = len(scene.told)
    scene.put()
    assert await scene.after(30) == count
    assert await scene.after(270) == count + 1


async def test_after_a_pause_a_group_begins_anew(scene: Scene) -> None:
    scene.put(ends=10, starts=-100)
    assert await scene.after(0) == 1
    assert await scene.after(300) == 2
    await scene.after(31)
    scene.put()
    assert await scene.after(30) == 3
    assert scene.told[2]["status"] == "firing"


async def test_a_refusal_of_the_server_is_tried_again_later_and_later(scene: Scene) -> None:
    scene.statuses = [500] * 50
    scene.put(starts=-60)
    assert await scene.after(0) == 1
    assert await scene.after(0.4) == 1
    assert await scene.after(0.1) == 2
    assert await scene.after(0.7) == 2
    assert await scene.after(0.1) == 3
    scene.statuses.clear()
    assert await scene.after(60) == 4
    assert await scene.after(100) == 4


async def test_it_gives_up_at_the_next_look_and_begins_anew(scene: Scene) -> None:
    scene.statuses = [500]
    scene.put(starts=-60, pod="a")
    assert await scene.after(0) == 1
    scene.put(pod="b")
    assert await scene.after(301) == 2
    assert [len(body["alerts"]) for body in scene.told] == [1, 2]


async def test_a_refusal_of_the_message_waits_for_the_next_look(scene: Scene) -> None:
    scene.statuses = [413]
    scene.put(starts=-60)
    assert await scene.after(0) == 1
    assert await scene.after(200) == 1
    assert await scene.after(100) == 2


async def test_nobody_there_is_tried_again(scene: Scene) -> None:
    there = scene.manager.receiver
    scene.manager.receiver = Receiver("http://127.0.0.1:9/")
    scene.put(starts=-60)
    assert await scene.after(0) == 0
    scene.manager.receiver = there
    assert await scene.after(1) == 1


async def test_too_many_alerts_are_left_out_and_counted(scene: Scene) -> None:
    for number in range(5):
        scene.put(starts=-60, pod=str(number))
    await scene.after(0)
    assert len(scene.told[0]["alerts"]) == 3
    assert scene.told[0]["truncatedAlerts"] == 2


async def test_without_a_receiver_nothing_is_sent_and_nothing_waits(scene: Scene) -> None:
    scene.manager.receiver = Receiver()
    scene.put(starts=-60)
    assert await scene.after(0) == 0
    assert scene.manager.due() == scene.now + timedelta(seconds=300)


async def test_what_is_muted_while_it_ends_is_never_told(scene: Scene) -> None:
    scene.put(starts=-60, ends=200)
    await scene.after(0)
    scene.manager.silences.put(
        {
            "matchers": [{"name": "alertname", "value": "Down"}],
            "startsAt": scene.now.isoformat(),
            "endsAt": (scene.now + timedelta(hours=1)).isoformat(),
            "createdBy": "alice",
            "comment": "",
        }
    )
    assert await scene.after(300) == 1
    assert await scene.after(300) == 1


def test_a_fingerprint_is_the_one_of_alertmanager() -> None:
    assert fingerprint({}) == "cbf29ce484222325"
    assert fingerprint({"alertname": "Watchdog", "severity": "none"}) == fingerprint(
        {"severity": "none", "alertname": "Watchdog"}
    )
    assert fingerprint({"a": "bc"}) != fingerprint({"ab": "c"})


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ('a="b"', Matcher("a", "b")),
        ("a=b", Matcher("a", "b")),
        ('{a!="b c"}', Matcher("a", "b c", is_equal=False)),
        ('a=~"x|y"', Matcher("a", "x|y", is_regex=True)),
        ('a!~".*"', Matcher("a", ".*", is_regex=True, is_equal=False)),
        ('"a b"="\\"q\\""', Matcher("a b", '"q"')),
    ],
)
def test_filters_are_read_and_written(text: str, matcher: Matcher) -> None:
    assert parsed(text) == matcher
    if " " not in matcher.name:
        assert parsed(str(matcher)) == matcher


@pytest.mark.parametrize("text", ["", "=", "a", 'a="b', 'a=~"("', "a~b", 'a="b"c"'])
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(BadAlert):
        parsed(text)


def test_times_and_strings_are_written_as_go_writes_them() -> None:
    assert stamp(moment("2026-11-23T03:00:00.120+01:00")) == "2026-11-23T02:00:00.12Z"
    assert stamp(moment("2026-11-23T03:00:00.123456789Z")) == "2026-11-23T03:00:00.123456Z"
    assert quoted('a"\n\x01é\u2028\U0001f642') == '"a\\"\\n\\x01é\\u2028🙂"'
    for text in ("soon", "2026-11-23", "2026-11-23T03:00:00"):
        with pytest.raises(BadAlert):
            moment(text)
