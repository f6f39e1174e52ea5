"""An API server that says exactly what a test wants, for the edge cases of the protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.sdk import Access

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """Answers each request with the next of the given handlers; the last one stays."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.handlers: list[Handler] = []

    def will(self, *handlers: Handler) -> None:
        self.handlers.extend(handlers)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        handler = self.handlers.pop(0) if len(self.handlers) > 1 else self.handlers[0]
        return await handler(request)

    @property
    def queries(self) -> list[dict[str, str]]:
        return [dict(r.query) for r in self.requests]


def says(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Handler:
    """A handler that answers with this JSON."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return handler


def fails(code: int, reason: str = "", message: str = "no", **headers: str) -> Handler:
    """A handler that answers with a ``metav1.Status``."""
    body = {"kind": "Status", "code": code, "reason": reason, "message": message}
    return says(body, code, {k.replace("_", "-"): v for k, v in headers.items()})


def streams(
    *messages: Any, then: Callable[[web.Request], Awaitable[None]] | None = None
) -> Handler:
    """A handler that answers a watch; ``then`` runs before the connection ends."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for message in messages:
            line = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
            await response.write(line)
        if then is not None:
            await then(request)
        return response

    return handler


async def cut(request: web.Request) -> None:
    """End the connection without the closing chunk."""
    assert request.transport is not None
    request.transport.abort()


@pytest.fixture
async def api() -> Api:
    return Api()


@pytest.fixture
async def server(api: Api) -> AsyncIterator[BaseTestServer]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    async with TestServer(app) as running:
        yield running


@pytest.fixture
async def client(
    server: BaseTestServer, kubeconfig: Callable[..., Path]
) -> AsyncIterator[KubeClient]:
    path = kubeconfig(str(server.make_url("")).rstrip("/"))
    async with KubeClient(Access("test", path)) as kube:
        yield kube
