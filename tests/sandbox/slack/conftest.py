"""A practice Slack on a clock that stands still, and real Slack SDK clients for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack import Limits, ManualClock, SlackServer, practice_workspace

Until = Callable[[Callable[[], Any]], Awaitable[None]]
Connect = Callable[[AsyncApp], Awaitable[AsyncSocketModeHandler]]


@pytest.fixture
def clock() -> ManualClock:
    """Starts at the real time, because Bolt compares signatures with it."""
    return ManualClock(start=float(int(time.time())))


@pytest.fixture
def limits() -> Limits:
    """No rate limits unless a test wants them; uploads are shared at once."""
    limits = Limits.off()
    limits.share_delay = 0.0
    return limits


@pytest.fixture
async def server(clock: ManualClock, limits: Limits) -> AsyncIterator[SlackServer]:
    server = SlackServer(practice_workspace(clock), limits=limits)
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def client(server: SlackServer, session: aiohttp.ClientSession) -> AsyncWebClient:
    """The real Web API client with the bot's token."""
    return AsyncWebClient(token=server.bot_token, base_url=server.api_url, session=session)


@pytest.fixture
def bolt(server: SlackServer, client: AsyncWebClient) -> AsyncApp:
    """A real Bolt app without listeners; verifies signatures when it is reached over HTTP."""
    return AsyncApp(name="test", client=client, signing_secret=server.signing_secret)


@pytest.fixture
async def connect(server: SlackServer) -> AsyncIterator[Connect]:
    """Connects a Bolt app through Socket Mode and waits until the socket is open."""
    handlers: list[AsyncSocketModeHandler] = []

    async def connect(app: AsyncApp) -> AsyncSocketModeHandler:
        handler = AsyncSocketModeHandler(app, server.app_token, web_client=app.client)
        handlers.append(handler)
        await handler.connect_async()  # type: ignore[no-untyped-call]
        await server.wait_for_sockets(len(handlers))
        return handler

    yield connect
    for handler in handlers:
        await handler.close_async()  # type: ignore[no-untyped-call]


@pytest.fixture
def ops(server: SlackServer) -> str:
    """The id of #ops."""
    return server.workspace.channel("ops").id


@pytest.fixture
def until() -> Until:
    """Lets the event loop run until something is true (real time, at most 5 s)."""

    async def until(look: Callable[[], Any]) -> None:
        async with asyncio.timeout(5):
            while not look():
                await asyncio.sleep(0)

    return until
