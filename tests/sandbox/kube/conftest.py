"""A practice API server without controllers, and a small client that speaks plain HTTP to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from sandbox.kube.errors import ApiError, bad_request
from sandbox.kube.resources import PODS
from sandbox.kube.runtime import ExecResult
from sandbox.kube.server import KubeServer
from sandbox.kube.store import Store

Json = dict[str, Any]

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass
class Hands:
    """A clock that moves only when told to."""

    now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class ScriptedRuntime:
    """Pods whose processes do as a test says."""

    lines: list[bytes] = field(default_factory=lambda: [b"one\n", b"two\n"])
    asked: list[Json] = field(default_factory=list)
    result: Callable[[list[str], bytes | None], ExecResult] = lambda command, stdin: ExecResult(
        " ".join(command).encode() + (stdin or b"")
    )

    async def logs(self, pod: Json, container: str, **options: Any) -> AsyncIterator[bytes]:
        self.asked.append({"container": container, **options})
        if options["previous"]:
            raise bad_request(f'previous terminated container "{container}" not found')
        for line in self.lines:
            yield line

    async def exec(
        self, pod: Json, container: str, command: list[str], stdin: bytes | None
    ) -> ExecResult:
        self.asked.append({"container": container, "command": command, "stdin": stdin})
        return self.result(command, stdin)

    def evict(self, store: Store, pod: Json, options: Json) -> Json:
        if pod["metadata"].get("labels", {}).get("guarded"):
            raise ApiError(429, "TooManyRequests", "Cannot evict pod")
        store.delete(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
        return {"kind": "Status", "apiVersion": "v1", "status": "Success"}


class Api:
    """Requests with JSON in and out; every one states the answer it expects."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url
        self.headers: dict[str, str] = {}

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        expect: int = 200,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Any:
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Accept": accept, "Content-Type": content_type, "User-Agent": "tester/1"}
        async with self.session.request(
            method, self.url + path, data=data, headers=headers
        ) as response:
            text = await response.text()
            assert response.status == expect, f"{method} {path}: {response.status} {text}"
            self.headers = dict(response.headers)
            if response.content_type == "application/json":
                return json.loads(text)
            return text


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def store(hands: Hands) -> Store:
    return Store(clock=hands)


@pytest.fixture
def runtime() -> ScriptedRuntime:
    return ScriptedRuntime()


@pytest.fixture
async def server(store: Store, runtime: ScriptedRuntime, hands: Hands) -> AsyncIterator[KubeServer]:
    made = KubeServer(store, runtime, clock=hands)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def api(server: KubeServer) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession() as session:
        yield Api(session, server.url)


@pytest.fixture
def deployment() -> Callable[..., Json]:
    """Makes Deployments as a user writes them."""

    def make(name: str = "web", *, image: str = "nginx:1.25", **spec: Any) -> Json:
        labels = {"app": name}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "main", "image": image}]},
                },
                **spec,
            },
        }

    return make


@pytest.fixture
def pod() -> Callable[..., Json]:
    """Makes Pods as a user writes them."""

    def make(name: str, **labels: str) -> Json:
        return {
            "metadata": {"name": name, "labels": labels},
            "spec": {"containers": [{"name": "main", "image": "busybox"}]},
        }

    return make
