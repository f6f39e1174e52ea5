"""What Alertmanager posts to a webhook, and when: first, new, resolved, repeated, tried again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from sandbox.alertmanager.alerts import fingerprint
from tests.contract.alertmanager.conftest import TOKEN, Manager
from tests.contract.client import PATIENCE

ZERO = "0001-01-01T00:00:00Z"


async def test_the_first_notification_of_a_group(manager: Manager) -> None:
    starts = await manager.fire(pod="server-1", severity="warning")
    (body,) = (await manager.told(1))[:1]
    labels = {
        "alertname": manager.name,
        "namespace": "parse",
        "pod": "server-1",
        "severity": "warning",
    }
    notes = {"summary": "A pod is not ready.", "pod": "server-1"}
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": notes,
        "startsAt": starts.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "endsAt": ZERO,
        "generatorURL": "http://prometheus.example/graph?g0.expr=up&g0.tab=1",
        "fingerprint": fingerprint(labels),
    }
    assert urlsplit(body.pop("externalURL")).port == urlsplit(manager.url).port
    assert body == {
        "receiver": "onprem\\.bot",
        "status": "firing",
        "alerts": [alert],
        "groupLabels": {"alertname": manager.name, "namespace": "parse"},
        "commonLabels": labels,
        "commonAnnotations": notes,
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{manager.name}", namespace="parse"}}',
        "truncatedAlerts": 0,
    }


async def test_it_shows_its_token(manager: Manager) -> None:
    await manager.fire()
    await manager.told(1)
    headers = manager.hook.headers[0]
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("Alertmanager/")


async def test_labels_of_any_kind_arrive_as_they_are(manager: Manager) -> None:
    odd = 'a"b\\c\n<!channel> é 🙂\x7f\x01\u2028'
    await manager.put([manager.alert(datetime.now(UTC), namespace=odd, empty="", pod="x")])
    (body,) = (await manager.told(1))[:1]
    assert body["groupLabels"]["namespace"] == odd
    assert "empty" not in body["alerts"][0]["labels"]
    assert body["alerts"][0]["fingerprint"] == fingerprint(body["alerts"][0]["labels"])
    shown = 'a\\"b\\\\c\\n<!channel> é 🙂\\x7f\\x01\\u2028'
    assert body["groupKey"].endswith(f'namespace="{shown}"}}')


async def test_alerts_of_a_group_come_together_in_order(manager: Manager) -> None:
    now = datetime.now(UTC)
    pods = ("server-2", "server-1", "server-3")
    alerts = [manager.alert(now, pod=pod) for pod in pods]
    alerts += [manager.alert(now, pod="b", job="z"), manager.alert(now, namespace="other")]
    await manager.put(alerts)
    bodies = await manager.told(2)
    (mine,) = (b for b in bodies[:2] if b["groupLabels"]["namespace"] == "parse")
    assert [a["labels"]["pod"] for a in mine["alerts"]] == ["b", "server-1", "server-2", "server-3"]
    assert mine["commonLabels"] == {"alertname": manager.name, "namespace": "parse"}
    assert mine["commonAnnotations"] == {"summary": "A pod is not ready."}


async def test_a_new_alert_and_a_resolved_one_are_told(manager: Manager) -> None:
    first = await manager.fire(pod="server-1")
    await manager.told(1)
    await manager.fire(pod="server-2")
    bodies = await manager.told(2)
    assert [a["labels"]["pod"] for a in bodies[1]["alerts"]] == ["server-1", "server-2"]
    ended = datetime.now(UTC) - timedelta(seconds=0.5)
    await manager.put([manager.alert(first, max(ended, first), pod="server-1")])
    bodies = await manager.told(3)
    assert bodies[2]["status"] == "firing"
    states = {a["labels"]["pod"]: (a["status"], a["endsAt"] == ZERO) for a in bodies[2]["alerts"]}
    assert states == {"server-1": ("resolved", False), "server-2": ("firing", True)}
    await asyncio.sleep(0)
    await manager.put([manager.alert(first, datetime.now(UTC), pod="server-2")])
    bodies = await manager.told(4)
    assert bodies[3]["status"] == "resolved"
    assert [a["labels"]["pod"] for a in bodies[3]["alerts"]] == ["server-2"]


async def test_what_fires_on_is_repeated_and_not_before_its_time(manager: Manager) -> None:
    loop = asyncio.get_running_loop()
    await manager.fire()
    await manager.told(1)
    first = loop.time()
    bodies = await manager.told(2)
    assert loop.time() - first > 2.4
    assert bodies[0]["alerts"] == bodies[1]["alerts"]


async def test_what_is_over_before_it_was_told_is_not_told(manager: Manager) -> None:
    now = datetime.now(UTC)
    await manager.put([manager.alert(now - timedelta(hours=1), now - timedelta(minutes=1))])
    await manager.put([manager.alert(now, namespace="other")])
    bodies = await manager.told(1)
    assert [b["groupLabels"]["namespace"] for b in bodies] == ["other"]


async def test_an_answer_of_500_is_tried_again(manager: Manager) -> None:
    manager.hook.statuses = [500, 503]
    await manager.fire()
    bodies = await manager.told(3)
    assert bodies[0] == bodies[1] == bodies[2]


async def test_an_answer_of_400_is_not_tried_again_until_the_next_look(manager: Manager) -> None:
    loop = asyncio.get_running_loop()
    manager.hook.statuses = [400]
    await manager.fire()
    await manager.told(1)
    first = loop.time()
    await manager.told(2)
    assert loop.time() - first > 0.8


async def test_what_is_silenced_is_not_told_and_is_afterwards(manager: Manager) -> None:
    silence = await manager.silence()
    await manager.fire(pod="server-1")
    await manager.put([manager.alert(datetime.now(UTC), pod="server-2")])
    _, alerts = await manager.ask("GET", "alerts", filter=f'alertname="{manager.name}"')
    assert len(alerts) == 2
    other = [{**manager.alert(datetime.now(UTC))}]
    other[0]["labels"] = {"alertname": f"{manager.name}Other"}
    await manager.put(other)
    async with asyncio.timeout(PATIENCE):
        while not manager.hook.of(f"{manager.name}Other"):
            await asyncio.sleep(0.02)
    assert manager.hook.of(manager.name) == []
    status, _ = await manager.ask("DELETE", f"silence/{silence}")
    assert status == 200
    (body,) = (await manager.told(1))[:1]
    assert len(body["alerts"]) == 2
