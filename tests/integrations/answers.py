"""An HTTP server that says what a test lets it say: for broken answers, which no real one gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


class Answers:
    """Remembers what it was asked; answers each path with what was set, else with `body`."""

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = {"status": "success", "data": {}}
        self.headers: dict[str, str] = {}
        self.at: dict[str, Any] = {}
        self.form: dict[str, Any] = {}
        self.forms: list[dict[str, Any]] = []
        self.sent: Any = None
        self.request: web.Request | None = None
        self.count = 0
        self.slow = False
        self.cut = False
        self.trickle = False
        self.released = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.count += 1
        self.request, self.form = request, dict(await request.post())
        if request.content_type == "application/json":
            self.sent = await request.json()
        self.forms.append(self.form)
        if self.slow:
            await self.released.wait()
        if self.cut or self.trickle:
            return await self._broken(request)
        body = self.at.get(request.path, self.body)
        if isinstance(body, str | bytes):
            raw = body.encode() if isinstance(body, str) else body
            return web.Response(body=raw, status=self.status, headers=self.headers)
        return web.json_response(body, status=self.status)

    async def _broken(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000000"})
        await response.prepare(request)
        await response.write(b'{"status": "success", "data"')
        while self.trickle and not self.released.is_set():
            await response.write(b" ")
            await asyncio.sleep(0)
        if request.transport is not None:
            request.transport.close()
        return response


@asynccontextmanager
async def listening(answers: Answers) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answers.answer)
    async with TestServer(app) as server:
        try:
            yield str(server.make_url("")).rstrip("/")
        finally:
            answers.released.set()
