"""Silences by command on a real Alertmanager: it holds back what was meant, whatever labels say."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from bot.context import Cluster
from bot.store.db import Store
from integrations.alertmanager import Alertmanager
from tests.cluster.monitoring import alertmanager
from tests.cluster.monitoring_fixtures import ROUTE
from tests.commands.alarms import GROUP_BY, AlarmOffice, Alarms, Told
from tests.commands.conftest import store  # noqa: F401
from tests.commands.test_alerts import DOWN
from tests.commands.test_silence import HOSTILE, held

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]


class RealAlarms(Alarms):
    """The same on a real Alertmanager."""

    async def put(self, alerts: list[dict[str, Any]]) -> None:
        url = f"{self.client.url}/api/v2/alerts"
        async with aiohttp.ClientSession() as session, session.post(url, json=alerts) as answer:
            assert answer.status == 200, await answer.text()


@pytest.fixture(scope="module")
def address(
    monitoring_tools: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    route = {**ROUTE, "group_by": [*GROUP_BY]}
    config = {"route": route, "receivers": [{"name": route["receiver"]}]}
    with alertmanager(tmp_path_factory.mktemp("alertmanager"), config) as made:
        yield made.url


@pytest.fixture
async def alarms(
    tmp_path: Path,
    store: Store,  # noqa: F811
    address: str,
) -> AsyncIterator[RealAlarms]:
    told, none = Told(), cast(Any, None)
    office = AlarmOffice(tmp_path, store, told)
    office.now = time.time_ns() // 1000
    client = Alertmanager(address)
    settings = office.config.clusters["main"]
    office.open_clusters["main"] = Cluster("main", settings, none, none, alertmanager=client)
    yield RealAlarms(office, none, client, told)
    await client.close()


@pytest.mark.parametrize("value", HOSTILE)
async def test_a_silence_never_holds_back_another_value(alarms: RealAlarms, value: str) -> None:
    labels = {**DOWN, "namespace": value, "pod": "meant"}
    episode = await alarms.post(await alarms.fire(labels))
    await alarms.fire({**DOWN, "namespace": f"{value}x", "pod": "other"})
    plan = await alarms.office.plan(f"silence {episode.id}")
    assert plan.changes[0].what.startswith("1 alert with ")
    await alarms.office.run_cut(f"silence {episode.id}", "write the silence", "acted")
    assert await held(alarms) == {"meant"}
    made = [one for one in await alarms.client.silences() if one.state == "active"]
    assert [one.created_by for one in made] == ["ann"]
    assert abs(made[0].ends_at / 1_000_000 - datetime.now(UTC).timestamp() - 3600) < 60
    await alarms.look()
    assert len(alarms.told.replies) == 1
    await alarms.office.run(f"unsilence {episode.id}")
    assert await held(alarms) == set()
    await alarms.look()
    assert len(alarms.told.replies) == 2


async def test_an_empty_value_means_that_the_label_is_missing(alarms: RealAlarms) -> None:
    await alarms.fire({"alertname": "Empty", "pod": "without"})
    await alarms.fire({"alertname": "Empty", "pod": "with", "team": "db"})
    result, _ = await alarms.office.run("silence --matcher alertname=Empty --matcher team=")
    assert await held(alarms) == {"without"}
    await alarms.office.run(f"unsilence {result.id}")
    assert await held(alarms) == set()
