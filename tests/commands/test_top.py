"""`top`: from the metrics API, else from Prometheus, else a sentence."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from bot.config import Config
from bot.errors import Refused, UsageError
from bot.render.document import Table
from bot.store.db import Store
from integrations.prometheus import Prometheus
from sandbox.kube.faults import Fault
from sandbox.kube.metrics import MetricsApi
from sandbox.kube.resources import NODES
from tests.commands.conftest import Office, configuration, text_of
from tests.commands.world import World, deployment, namespace, open_world

REQUESTS = {"resources": {"requests": {"cpu": "100m", "memory": "100Mi"}}}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    two = {"namespace": "parse", "chart": "oci://example.org/x"}
    return configuration(tmp_path, apps={"web": {**two, "aliases": {}}, "api": two})


@pytest.fixture
async def world(tmp_path: Path, config: Config) -> AsyncIterator[World]:
    async with open_world(tmp_path, config) as opened:
        await opened.apply(namespace("parse"), namespace("other"))
        for place, name in (("parse", "web"), ("parse", "api"), ("other", "big")):
            body = deployment(name, place)
            body["spec"]["template"]["spec"]["containers"][0] |= REQUESTS
            await opened.apply(body)
            await opened.settled(place, "Deployment", name)
        yield opened


def measured(world: World) -> None:
    load = world.controllers.ctx.load
    world.server._metrics = MetricsApi(world.store, load, world.store.clock)
    load.steer("parse", "web", 120)
    load.steer("parse", "api", 30)
    load.steer("other", "big", 900)


def rows(document: Any) -> list[tuple[str, ...]]:
    return list(next(e for e in document.elements if isinstance(e, Table)).rows)


async def test_pods_stand_in_the_order_of_what_they_use(shop: Office, world: World) -> None:
    measured(world)
    found, document = await shop.read("top pods")
    assert [row.name.rsplit("-", 2)[0] for row in found.rows] == ["big", "web", "api"]
    assert found.rows[0].cpu == pytest.approx(0.9)
    assert rows(document)[1][2:] == ("120 m cores", "20 MiB")
    assert "metrics API" in text_of(document)
    world.controllers.ctx.load.steer("parse", "api", 300, "memory")
    by_memory, _ = await shop.read("top pods --by memory")
    assert by_memory.rows[0].name.startswith("api-")


async def test_a_namespace_and_an_app_narrow_it(shop: Office, world: World) -> None:
    measured(world)
    spaced, _ = await shop.read("top pods -n other")
    assert {row.namespace for row in spaced.rows} == {"other"}
    of_app, document = await shop.read("top pods --app web")
    assert [row.name.rsplit("-", 2)[0] for row in of_app.rows] == ["web"]
    assert "web on main" in document.headline
    with pytest.raises(UsageError, match="web is in namespace parse"):
        await shop.read("top pods --app web -n other")


async def test_nodes_show_shares_of_what_pods_may_use(shop: Office, world: World) -> None:
    measured(world)
    found, document = await shop.read("top nodes")
    assert found.rows
    assert all(0 < (row.cpu_share or 0) < 1 for row in found.rows)
    assert all(cell.endswith("%") for row in rows(document) for cell in (row[2], row[4]))
    shares = [row.cpu_share for row in found.rows]
    assert shares == sorted(shares, key=lambda s: -(s or 0))


async def test_a_metrics_api_that_is_down_and_no_prometheus_is_a_clear_sentence(
    shop: Office, world: World
) -> None:
    with pytest.raises(Refused, match="no metrics API that answers") as refused:
        await shop.read("top pods")
    assert "clusters.main.prometheus" in str(refused.value.hint)
    world.server.faults.add(Fault(503, None, path="/apis/metrics.k8s.io/*"))
    with pytest.raises(Refused, match="Nobody can tell"):
        await shop.read("top nodes")


Asked = tuple[Office, list[str]]


@pytest.fixture
async def asked(
    world: World, config: Config, store: Store
) -> AsyncIterator[tuple[Office, list[str]]]:
    """Commands with a Prometheus that knows two pods and a node; and what it was asked."""
    queries: list[str] = []

    def sample(value: str, **labels: str) -> dict[str, Any]:
        return {"metric": labels, "value": [1_800_000_000, value]}

    async def answer(request: web.Request) -> web.Response:
        query = parse_qs(await request.text())["query"][0]
        queries.append(query)
        if "nodename" in query:
            [name, *_] = [n["metadata"]["name"] for n in world.store.list(NODES)]
            found = [sample("97" if "cpu" in query else "40", nodename=name)]
        else:
            cpu = "cpu" in query
            found = [
                sample("0.5" if cpu else "1e6", namespace="parse", pod="web-5d4f8c7b9d-abcde"),
                sample("NaN" if cpu else "2e6", namespace="parse", pod="api-5d4f8c7b9d-abcde"),
            ]
        body = {"status": "success", "data": {"resultType": "vector", "result": found}}
        return web.Response(text=json.dumps(body), content_type="application/json")

    app = web.Application()
    app.router.add_post("/api/v1/query", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    prometheus = Prometheus(f"http://127.0.0.1:{runner.addresses[0][1]}")
    cluster = replace(world.cluster, prometheus=prometheus)
    try:
        yield Office(config, store, {"main": cluster}), queries
    finally:
        prometheus.close()
        await runner.cleanup()


async def test_without_a_metrics_api_prometheus_tells_it_and_is_named(
    asked: Asked,
) -> None:
    office, queries = asked
    found, document = await office.read("top pods --app web")
    assert [(r.name, r.cpu, r.memory) for r in found.rows] == [("web-5d4f8c7b9d-abcde", 0.5, 1e6)]
    assert "As Prometheus tells it" in text_of(document)
    assert all('namespace=~"parse"' in query for query in queries)
    every, document = await office.read("top pods --by memory")
    assert [r.cpu for r in every.rows] == [None, 0.5]
    assert rows(document)[0][2] == "–"


async def test_nodes_by_prometheus_stand_beside_what_the_cluster_knows_of_them(
    asked: Asked,
) -> None:
    office, _ = asked
    found, document = await office.read("top nodes")
    first = found.rows[0]
    assert (first.cpu_share, first.memory_share) == (0.97, 0.4)
    assert first.cpu is not None
    assert first.cpu > 0.97
    table = next(e for e in document.elements if isinstance(e, Table))
    assert table.tones[0] == "bad"
    assert "whole machine" in text_of(document)
