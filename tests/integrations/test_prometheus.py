"""Queries and their failures, against a small server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from integrations import probes
from integrations.prometheus import (
    Prometheus,
    PrometheusUnreachable,
    QueryRefused,
    QueryTimeout,
)
from integrations.server import Server


class Fake:
    """Answers with what the test set; remembers the last request."""

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = {"status": "success", "data": {}}
        self.form: dict[str, Any] = {}
        self.request: web.Request | None = None
        self.count = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.count += 1
        self.request, self.form = request, dict(await request.post())
        if isinstance(self.body, str):
            return web.Response(text=self.body, status=self.status)
        return web.json_response(self.body, status=self.status)


@pytest.fixture
async def fake() -> Fake:
    return Fake()


@pytest.fixture
async def url(fake: Fake) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
def prometheus(url: str) -> Any:
    client = Prometheus(Server(url, token="t"))
    yield client
    client.close()


async def test_a_query_travels_in_the_body(fake: Fake, prometheus: Prometheus) -> None:
    sample = {"metric": {"pod": "a"}, "value": [1, "2"]}
    fake.body = {
        "status": "success",
        "data": {"resultType": "vector", "result": [sample]},
        "warnings": ["partial"],
    }
    found = await prometheus.query("up{job='x'}" + " or up" * 1000)
    assert found.result == [sample]
    assert found.warnings == ("partial",)
    assert fake.request is not None
    assert fake.request.method == "POST"
    assert not fake.request.query_string
    assert fake.form["query"].startswith("up{")
    assert fake.form["timeout"] == "9s"
    assert fake.request.headers["Authorization"] == "Bearer t"


@pytest.mark.parametrize(
    ("status", "error_type", "kind"),
    [
        (400, "bad_data", QueryRefused),
        (422, "execution", QueryRefused),
        (503, "timeout", QueryTimeout),
        (503, "unavailable", PrometheusUnreachable),
        (401, "", PrometheusUnreachable),
        (200, "", PrometheusUnreachable),
    ],
)
async def test_failures_keep_their_reason_and_are_not_repeated(
    fake: Fake, prometheus: Prometheus, status: int, error_type: str, kind: type[Exception]
) -> None:
    fake.status = status
    fake.body = {"status": "error", "errorType": error_type, "error": "the reason"}
    with pytest.raises(kind, match="the reason"):
        await prometheus.query("up")
    assert fake.count == 1


async def test_probes_tell_versions(fake: Fake, url: str) -> None:
    fake.body = {"status": "success", "data": {"version": "3.8.1"}}
    found = await probes.probe_prometheus(url)
    assert (found.ok, found.version) == (True, "3.8.1")
    fake.body = {"versionInfo": {"version": "0.31.1"}}
    found = await probes.probe_alertmanager(url)
    assert (found.ok, found.version) == (True, "0.31.1")
    assert fake.request is not None
    assert fake.request.path == "/api/v2/status"
    fake.body = {"Version": "v2.13.0"}
    found = await probes.probe_rancher(url)
    assert (found.ok, found.version) == (True, "v2.13.0")
    assert fake.request.path == "/rancherversion"


@pytest.mark.parametrize(("status", "body"), [(500, {}), (200, "<html>"), (200, [1])])
async def test_probes_never_raise(fake: Fake, url: str, status: int, body: Any) -> None:
    fake.status, fake.body = status, body
    for found in (await probes.probe_alertmanager(url), await probes.probe_rancher(url)):
        assert not found.ok
        assert url in found.message
        assert found.hint


async def test_nobody_there(unused_tcp_port: int) -> None:
    address = f"http://127.0.0.1:{unused_tcp_port}"
    for found in (
        await probes.probe_prometheus(address),
        await probes.probe_alertmanager(address),
        await probes.probe_rancher(address),
    ):
        assert not found.ok
        assert address in found.message
