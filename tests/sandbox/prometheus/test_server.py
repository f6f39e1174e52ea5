"""The practice Prometheus fails on request, and costs next to nothing until it is asked."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import aiohttp
import pytest

from sandbox.prometheus.promql import QueryError
from tests.sandbox.prometheus.conftest import Watched


async def ask(watched: Watched, query: str = "up", **more: Any) -> tuple[int, Any]:
    headers = more.pop("headers", None)
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"{watched.prometheus.url}/api/v1/query",
            params={"query": query, **more},
            headers=headers,
        ) as answer,
    ):
        if answer.content_type != "application/json":
            return answer.status, await answer.text()
        return answer.status, await answer.json()


async def test_it_is_away_and_back_at_the_same_address(watched: Watched) -> None:
    await watched.word("prometheus-away")
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(watched)
    await watched.word("none")
    assert (await ask(watched))[0] == 200


async def test_it_is_slow(watched: Watched) -> None:
    await watched.word("prometheus-slow=30")
    status, body = await ask(watched, timeout="0.05")
    assert (status, body["errorType"]) == (503, "timeout")
    assert watched.prometheus.faults()["slow"] == 30
    await watched.word("none")
    assert (await ask(watched))[0] == 200


async def test_all_is_nan(watched: Watched) -> None:
    await watched.word("prometheus-nan")
    rows = watched.rows("node_load1")
    assert len(rows) == 3
    assert all(math.isnan(value) for _, value in rows)
    _, body = await ask(watched, "node_load1")
    assert {row["value"][1] for row in body["data"]["result"]} == {"NaN"}


async def test_it_has_very_many_series(watched: Watched) -> None:
    usual = len(watched.rows("node_cpu_seconds_total"))
    await watched.word("prometheus-many=50")
    assert len(watched.rows("node_cpu_seconds_total")) == 50 * usual
    status, body = await ask(watched, "node_cpu_seconds_total", limit="100")
    assert status == 200
    assert len(body["data"]["result"]) == 100
    assert body["warnings"] == ["results truncated due to limit"]


async def test_more_than_it_can_hold_is_refused(watched: Watched) -> None:
    await watched.word("prometheus-many=1000")
    now = watched.prometheus.now()
    with pytest.raises(QueryError, match="too many samples") as refused:
        watched.prometheus.range("node_cpu_seconds_total", now - 3_600_000, now, 10_000)
    assert refused.value.kind == "execution"


async def test_it_wants_to_know_who_asks(watched: Watched) -> None:
    watched.prometheus.authorization = "Bearer practice"
    assert (await ask(watched))[0] == 401
    assert (await ask(watched, headers={"Authorization": "Bearer practice"}))[0] == 200


async def test_what_is_in_force_is_told(watched: Watched) -> None:
    await watched.word("disk-filling=node-1")
    await watched.word("prometheus-away")
    assert watched.prometheus.faults() == {"steered": ["disk-filling=node-1"], "away": True}
    await watched.word("none")
    assert watched.prometheus.faults() == {"steered": []}


async def test_its_targets(watched: Watched) -> None:
    targets = watched.prometheus.targets()
    assert {t["health"] for t in targets} == {"up"}
    assert {"apiserver", "node-exporter", "kubelet"} <= {t["scrapePool"] for t in targets}


def test_a_world_loads_none_of_the_numbers_until_they_are_asked_for() -> None:
    code = (
        "import sys, sandbox.world; "
        "print([m for m in ('numpy', 'promql_parser', 'sandbox.prometheus.exporters') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
