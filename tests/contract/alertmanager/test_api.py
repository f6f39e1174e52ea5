"""Alertmanager's API, version 2: alerts with filters, groups, silences, refusals."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.alertmanager.alerts import fingerprint
from tests.contract.alertmanager.conftest import Manager
from tests.contract.client import PATIENCE

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


async def found(manager: Manager, **query: Any) -> list[dict[str, Any]]:
    filters = [f'alertname="{manager.name}"', *query.pop("filter", [])]
    pairs = [("filter", one) for one in filters] + list(query.items())
    async with manager.session.get(f"{manager.url}/api/v2/alerts", params=pairs) as answer:
        assert answer.status == 200, await answer.text()
        told: list[dict[str, Any]] = await answer.json()
        return told


async def test_an_alert(manager: Manager) -> None:
    starts = await manager.fire(pod="server-1")
    (alert,) = await found(manager)
    updated = datetime.fromisoformat(alert.pop("updatedAt"))
    assert abs(updated - datetime.now(UTC)) < timedelta(seconds=20)
    labels = {"alertname": manager.name, "namespace": "parse", "pod": "server-1"}
    assert alert["status"]["state"] in ("active", "unprocessed")
    alert["status"]["state"] = "active"
    assert alert == {
        "annotations": {"summary": "A pod is not ready.", "pod": "server-1"},
        "startsAt": starts.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "endsAt": (starts + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "fingerprint": fingerprint(labels),
        "receivers": [{"name": "onprem.bot"}],
        "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"},
        "generatorURL": "http://prometheus.example/graph?g0.expr=up&g0.tab=1",
        "labels": labels,
    }


@pytest.mark.parametrize(
    ("filters", "pods"),
    [
        ((), ["server-1", "server-2", "db-0"]),
        (('pod="db-0"',), ["db-0"]),
        (("pod=db-0",), ["db-0"]),
        (('pod!="db-0"',), ["server-1", "server-2"]),
        (('pod=~"server-.*"',), ["server-1", "server-2"]),
        (('pod=~"server"',), []),
        (('pod!~"server-.*"',), ["db-0"]),
        (('pod=~"server-.*"', 'pod!="server-1"'), ["server-2"]),
        (('zone=""',), ["server-1", "server-2", "db-0"]),
        (('pod=""',), []),
    ],
    ids=[
        "no more",
        "equal",
        "unquoted",
        "unequal",
        "regex",
        "regex of the whole",
        "no such regex",
        "two",
        "missing",
        "empty",
    ],
)
async def test_filters(manager: Manager, filters: tuple[str, ...], pods: list[str]) -> None:
    now = datetime.now(UTC)
    await manager.put([manager.alert(now, pod=pod) for pod in ("server-1", "server-2", "db-0")])
    alerts = await found(manager, filter=list(filters))
    assert sorted(a["labels"]["pod"] for a in alerts) == sorted(pods)
    prints = [a["fingerprint"] for a in alerts]
    assert prints == sorted(prints)


async def test_silenced_alerts_are_shown_or_not(manager: Manager) -> None:
    silence = await manager.silence()
    await manager.fire()
    (alert,) = await found(manager)
    assert alert["status"]["state"] == "suppressed"
    assert alert["status"]["silencedBy"] == [silence]
    assert await found(manager, silenced="false") == []
    assert len(await found(manager, active="false")) == 1


async def test_resolved_alerts_are_not_shown(manager: Manager) -> None:
    starts = await manager.fire()
    await manager.put([manager.alert(starts, datetime.now(UTC))])
    assert await found(manager) == []


async def test_an_alert_keeps_its_start(manager: Manager) -> None:
    starts = await manager.fire()
    later = manager.alert(starts + timedelta(seconds=30))
    later["endsAt"] = (starts + timedelta(minutes=5)).isoformat()
    await manager.put([later])
    (alert,) = await found(manager)
    assert alert["startsAt"] == starts.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert alert["endsAt"] == (starts + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


async def test_an_alert_without_an_end_is_given_one(manager: Manager) -> None:
    alert = manager.alert(datetime.now(UTC))
    del alert["startsAt"], alert["endsAt"]
    await manager.put([alert])
    (shown,) = await found(manager)
    starts, ends = (datetime.fromisoformat(shown[k]) for k in ("startsAt", "endsAt"))
    assert timedelta(minutes=4) < ends - starts < timedelta(minutes=6)


async def test_groups(manager: Manager) -> None:
    await manager.fire(pod="server-1")
    query = {"filter": f'alertname="{manager.name}"'}
    async with asyncio.timeout(PATIENCE):  # it groups what it was given a moment later
        while not (groups := (await manager.ask("GET", "alerts/groups", **query))[1]):
            await asyncio.sleep(0.05)
    (group,) = groups
    assert group["labels"] == {"alertname": manager.name, "namespace": "parse"}
    assert group["receiver"] == {"name": "onprem.bot"}
    assert [a["labels"]["pod"] for a in group["alerts"]] == ["server-1"]


@pytest.mark.parametrize(
    "body", [{"no": "list"}, [{"annotations": {}}], [{"labels": {}}]], ids=["dict", "none", "empty"]
)
async def test_what_is_no_alert_is_refused(manager: Manager, body: object) -> None:
    status, said = await manager.ask("POST", "alerts", body)
    assert status in (400, 422)
    assert said


async def test_good_alerts_are_taken_beside_bad_ones(manager: Manager) -> None:
    good, bad = manager.alert(datetime.now(UTC)), manager.alert(datetime.now(UTC))
    bad["endsAt"] = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    status, said = await manager.ask("POST", "alerts", [bad, good])
    assert status == 400
    assert said == "start time must be before end time"
    assert len(await found(manager)) == 1


async def test_a_filter_that_is_none_is_refused(manager: Manager) -> None:
    status, said = await manager.ask("GET", "alerts", filter="=")
    assert status == 400
    assert isinstance(said, str)


async def test_a_silence(manager: Manager) -> None:
    id_ = await manager.silence()
    _, silence = await manager.ask("GET", f"silence/{id_}")
    assert silence.pop("updatedAt")
    assert silence.pop("startsAt") < silence.pop("endsAt")
    matcher = {"name": "alertname", "value": manager.name, "isRegex": False, "isEqual": True}
    assert silence == {
        "id": id_,
        "status": {"state": "active"},
        "comment": "known",
        "createdBy": "alice",
        "matchers": [matcher],
    }
    _, all_ = await manager.ask("GET", "silences", filter=f'alertname="{manager.name}"')
    assert [one["id"] for one in all_] == [id_]


async def test_an_expired_silence_is_still_there(manager: Manager) -> None:
    id_ = await manager.silence()
    assert await manager.ask("DELETE", f"silence/{id_}") == (200, None)
    _, silence = await manager.ask("GET", f"silence/{id_}")
    assert silence["status"] == {"state": "expired"}
    assert await manager.ask("DELETE", f"silence/{id_}") == (200, None)


async def test_a_silence_of_later(manager: Manager) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    id_ = await manager.silence(startsAt=soon.isoformat())
    _, silence = await manager.ask("GET", f"silence/{id_}")
    assert silence["status"] == {"state": "pending"}


async def test_a_longer_silence_keeps_its_id_and_another_one_does_not(manager: Manager) -> None:
    id_ = await manager.silence()
    _, old = await manager.ask("GET", f"silence/{id_}")
    ends = (datetime.now(UTC) + timedelta(hours=4)).isoformat()
    same = {"id": id_, "startsAt": old["startsAt"], "endsAt": ends}
    assert await manager.silence(**same) == id_
    matchers = [{"name": "alertname", "value": f"{manager.name}X", "isRegex": False}]
    other = await manager.silence(**same, matchers=matchers)
    assert other != id_
    _, silence = await manager.ask("GET", f"silence/{id_}")
    assert silence["status"] == {"state": "expired"}


MATCHER = {"name": "alertname", "value": "X", "isRegex": False}


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"minutes": -60}, 400, "start time must be before end time"),
        ({"matchers": []}, 422, "matchers in body should have at least 1 items"),
        (
            {"matchers": [{"name": "a", "value": "", "isRegex": False}]},
            400,
            "at least one matcher must not match the empty string",
        ),
        ({"matchers": [{**MATCHER, "value": "(", "isRegex": True}]}, 400, "label matcher 0"),
        ({"createdBy": None}, 422, "createdBy in body is required"),
        ({"id": str(uuid.UUID(int=7))}, 404, "silence not found"),
    ],
    ids=["backwards", "no matcher", "matches all", "no regex", "by nobody", "unknown"],
)
async def test_what_is_no_silence_is_refused(
    manager: Manager, changes: dict[str, Any], status: int, said: str
) -> None:
    now, changed = datetime.now(UTC), dict(changes)
    body: dict[str, Any] = {
        "matchers": [MATCHER],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(minutes=changed.pop("minutes", 60))).isoformat(),
        "createdBy": "alice",
        "comment": "known",
    }
    found_status, words = await manager.ask("POST", "silences", body | changed)
    assert (found_status, status) == (status, found_status), words
    text = words if isinstance(words, str) else words["message"]
    assert said in text


async def test_a_silence_that_is_over_is_refused(manager: Manager) -> None:
    now = datetime.now(UTC)
    body = {
        "matchers": [MATCHER],
        "startsAt": (now - timedelta(hours=2)).isoformat(),
        "endsAt": (now - timedelta(hours=1)).isoformat(),
        "createdBy": "alice",
        "comment": "known",
    }
    status, said = await manager.ask("POST", "silences", body)
    assert status == 400
    assert said == "Failed to create silence: end time can't be in the past"


@pytest.mark.parametrize(("method", "status"), [("GET", 404), ("DELETE", 404)])
async def test_a_silence_that_is_not_there(manager: Manager, method: str, status: int) -> None:
    assert (await manager.ask(method, f"silence/{uuid.UUID(int=9)}"))[0] == status
    assert (await manager.ask(method, "silence/none"))[0] == 422


async def test_its_status_and_receivers(manager: Manager) -> None:
    _, status = await manager.ask("GET", "status")
    assert status["versionInfo"]["version"]
    assert status["cluster"]["status"] == "disabled"
    assert "receiver: onprem.bot" in status["config"]["original"]
    assert await manager.ask("GET", "receivers") == (200, [{"name": "onprem.bot"}])
