"""The same tests against the practice Alertmanager and a real one, which tell the same receiver."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sandbox.alertmanager import PracticeAlertmanager, Receiver, Route
from tests.cluster.monitoring import alertmanager
from tests.contract.velero.world import eventually

Json = dict[str, Any]

TOKEN = "practice-token"
ROUTE = Route(group_wait=0.2, group_interval=1.0, repeat_interval=2.5, backoff=0.1, maintenance=0.5)


@dataclass
class Hook:
    """A webhook that keeps what it is told.

    Attributes:
        told: Bodies.
        headers: Of each request.
        statuses: The next answers; 200 when there are none left.
        url: Where it is.
    """

    told: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.told.append(json.loads(await request.read()))
        self.headers.append(dict(request.headers))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    def of(self, name: str) -> list[Json]:
        """What was told of groups of alerts of that name."""
        return [body for body in self.told if body["groupLabels"].get("alertname") == name]


@dataclass
class Manager:
    """An Alertmanager and its receiver.

    Attributes:
        url: Where it is.
        hook: Whom it tells.
        name: A name for alerts that no other test uses.
    """

    url: str
    hook: Hook
    session: aiohttp.ClientSession
    name: str = field(default_factory=lambda: f"Test{secrets.token_hex(4)}")

    async def ask(
        self, method: str, path: str, body: object = None, **query: Any
    ) -> tuple[int, Any]:
        """The status and the JSON of an answer."""
        url = f"{self.url}/api/v2/{path}"
        async with self.session.request(method, url, json=body, params=query) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text.strip() else None

    async def fire(self, **labels: str) -> datetime:
        """Have an alert fire; returns since when."""
        starts = datetime.now(UTC).replace(microsecond=0)
        await self.put([self.alert(starts, **labels)])
        return starts

    async def put(self, alerts: list[Json]) -> None:
        status, said = await self.ask("POST", "alerts", alerts)
        assert status == 200, said

    def alert(
        self, starts: datetime, ends: datetime | None = None, **labels: str
    ) -> dict[str, Any]:
        """An alert as Prometheus posts it."""
        return {
            "labels": {"alertname": self.name, "namespace": "parse", **labels},
            "annotations": {"summary": "A pod is not ready.", "pod": labels.get("pod", "")},
            "startsAt": starts.isoformat(),
            "endsAt": (ends or starts + timedelta(hours=1)).isoformat(),
            "generatorURL": "http://prometheus.example/graph?g0.expr=up&g0.tab=1",
        }

    async def told(self, number: int) -> list[Json]:
        """Wait until so many notifications of this test's alerts have come."""

        async def enough() -> bool:
            return len(self.hook.of(self.name)) >= number

        await eventually(enough, pause=0.02)
        return self.hook.of(self.name)

    async def silence(self, **changes: Any) -> str:
        """Silence this test's alerts; returns the silence's id."""
        now = datetime.now(UTC)
        body = {
            "matchers": [{"name": "alertname", "value": self.name, "isRegex": False}],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "alice",
            "comment": "known",
        }
        status, said = await self.ask("POST", "silences", body | changes)
        assert status == 200, said
        return str(said["silenceID"])


@pytest.fixture
async def hook(unused_port: Callable[[], int]) -> AsyncIterator[Hook]:
    made = Hook()
    app = web.Application()
    app.router.add_post("/alerts/main", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_port()).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/alerts/main"
    yield made
    await runner.cleanup()


@pytest.fixture(scope="module")
def unused_port() -> Callable[[], int]:
    """The same port for all tests of a module: the real server's configuration names it."""
    from tests.cluster.process import free_port

    port = free_port()
    return lambda: port


@pytest.fixture(scope="module")
def real_alertmanager(
    monitoring_tools: None,
    unused_port: Callable[[], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """An Alertmanager with short times; returns where it is."""
    webhook = {
        "url": f"http://127.0.0.1:{unused_port()}/alerts/main",
        "send_resolved": True,
        "http_config": {"authorization": {"type": "Bearer", "credentials": TOKEN}},
    }
    config = {
        "route": {
            "receiver": "onprem.bot",
            "group_by": list(ROUTE.group_by),
            "group_wait": f"{ROUTE.group_wait * 1000:.0f}ms",
            "group_interval": f"{ROUTE.group_interval * 1000:.0f}ms",
            "repeat_interval": f"{ROUTE.repeat_interval * 1000:.0f}ms",
        },
        "receivers": [{"name": "onprem.bot", "webhook_configs": [webhook]}],
    }
    with alertmanager(tmp_path_factory.mktemp("alertmanager"), config) as made:
        yield made.url


@pytest.fixture(params=["sandbox", pytest.param("lab", marks=pytest.mark.lab)])
async def manager(
    request: pytest.FixtureRequest, hook: Hook, tmp_path: Path
) -> AsyncIterator[Manager]:
    async with aiohttp.ClientSession() as session:
        if request.param == "lab":
            url = request.getfixturevalue("real_alertmanager")
            made = Manager(url, hook, session)
            yield made
            # What is still firing must not reach the next test's receiver.
            await made.silence()
            return
        practice = PracticeAlertmanager(ROUTE, receiver=Receiver(hook.url, TOKEN, "onprem.bot"))
        await practice.start()
        yield Manager(practice.url, hook, session)
        await practice.close()
