"""HTTP in front of the methods: bodies, tokens, scopes, limits, injected failures, uploads."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from sandbox.slack.core import Core
from sandbox.slack.entities import JSON
from sandbox.slack.errors import RateLimited, SlackError
from sandbox.slack.faults import Fault
from sandbox.slack.methods import TABLE, Call, Method


class WebApi:
    """`/api/METHOD`, the upload address and private files."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[web.RouteDef]:
        """The routes of this part."""
        return [
            web.route("*", "/api/{method}", self.call),
            web.post("/upload/v1/{file}", self.upload),
            web.get("/files-pri/{file}/{name}", self.download),
        ]

    async def call(self, request: web.Request) -> web.Response:
        """One Web API call."""
        name = request.match_info["method"]
        if self._core.faults.away:
            return cut(request)
        fault = self._core.faults.take(name)
        if fault and (early := await _fail(fault, request)) is not None:
            return early
        try:
            answer = await self._answer(name, request)
        except RateLimited as limit:
            return _limited(limit)
        except SlackError as refusal:
            return web.json_response(refusal.body())
        if fault and fault.kind == "drop_after":
            return cut(request)
        if fault and fault.kind == "hang_after":
            await asyncio.Event().wait()
        return web.json_response({"ok": True, **answer})

    async def _answer(self, name: str, request: web.Request) -> JSON:
        method = TABLE.get(name)
        if method is None:
            raise SlackError("unknown_method", req_method=name)
        args = await _arguments(request)
        self._authorize(method, _token(request, args))
        self._core.limiter.method(name, method.tier)
        return await method.handler(Call(self._core, args))

    def _authorize(self, method: Method, token: str) -> None:
        app = self._core.workspace.app
        if not token:
            raise SlackError("not_authed")
        if app.revoked and token in (app.bot_token, app.app_token):
            raise SlackError("token_revoked")
        if token not in (app.bot_token, app.app_token):
            raise SlackError("invalid_auth")
        if (token == app.app_token) is not method.app_token:
            raise SlackError("not_allowed_token_type")
        granted = app.app_scopes if method.app_token else app.scopes
        if method.scope and method.scope not in granted:
            provided = ",".join(sorted(granted))
            raise SlackError("missing_scope", needed=method.scope, provided=provided)

    # -- files --------------------------------------------------------------------------------

    async def upload(self, request: web.Request) -> web.Response:
        """The second step of an upload: the bytes, raw or as a form."""
        if self._core.faults.away:
            return cut(request)
        fault = self._core.faults.take("upload")
        if fault and (early := await _fail(fault, request)) is not None:
            return early
        file = self._core.workspace.files.get(request.match_info["file"])
        if file is None or file.state != "reserved":
            return web.Response(status=404, text="this upload address is not open")
        content = await _upload_bytes(request)
        if len(content) != file.length:
            text = f"{len(content)} bytes came, {file.length} were announced"
            return web.Response(status=400, text=text)
        file.content, file.state = content, "uploaded"
        return web.Response(text=f"OK - {len(content)}")

    async def download(self, request: web.Request) -> web.Response:
        """A private file, for the app's own token."""
        app, file = self._core.workspace.app, None
        if _token(request, {}) == app.bot_token:
            file = self._core.workspace.files.get(request.match_info["file"])
        if file is None or file.state != "complete":
            return web.Response(status=404, text="no such file, or not for this token")
        return web.Response(body=file.content, content_type=file.mimetype)


def cut(request: web.Request) -> web.Response:
    """Break the connection instead of answering."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


async def _fail(fault: Fault, request: web.Request) -> web.Response | None:
    """Act out a failure; None when the call goes on (`…_after`)."""
    if fault.kind == "ratelimited":
        return _limited(RateLimited(fault.retry_after))
    if fault.kind == "http_500":
        return web.Response(status=500, text="upstream connect error")
    if fault.kind == "error":
        return web.json_response(SlackError(fault.code).body())
    if fault.kind == "hang":
        await asyncio.Event().wait()
    if fault.kind == "drop":
        return cut(request)
    return None


def _limited(limit: RateLimited) -> web.Response:
    headers = {"Retry-After": str(limit.retry_after)}
    return web.json_response(limit.body(), status=429, headers=headers)


def _token(request: web.Request, args: JSON) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme == "Bearer" else str(args.get("token", ""))


async def _arguments(request: web.Request) -> JSON:
    """Query, form and JSON arguments in one mapping."""
    args: JSON = dict(request.query)
    if request.method != "POST":
        return args
    if request.content_type == "application/json":
        try:
            body: Any = json.loads(await request.text() or "{}")
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(body, dict):
            raise SlackError("json_not_object")
        return args | body
    return args | dict(await request.post())


async def _upload_bytes(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    for value in (await request.post()).values():
        if isinstance(value, web.FileField):
            return value.file.read()
    return b""
