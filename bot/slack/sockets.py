"""Socket Mode: two connections, so that Slack can recycle one while the other listens.

No inbound port is needed. Each payload reaches one of the sockets; the acknowledgement goes back
on the same one, and only when its frame has been sent does the request go on.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.edge import Edge
from bot.tasks import Tasks

log = structlog.get_logger(__name__)

SOCKETS = 2
FIRST_RETRY = 1.0
SLOWEST_RETRY = 60.0


class Sockets:
    """Keeps the sockets open.

    Args:
        app: Bolt's app; its middlewares verify and dispatch.
        edge: Goes on after the acknowledgement.
        client: The Web API; hands out the sockets' addresses.
        app_token: `xapp-…`.
    """

    def __init__(self, app: AsyncApp, edge: Edge, client: AsyncWebClient, app_token: str) -> None:
        self._app, self._edge = app, edge
        self._web, self._token = client, app_token
        self._clients: list[SocketModeClient] = []
        self._tasks = Tasks()
        self.ready = asyncio.Event()

    def start(self) -> None:
        """Begins to connect; `ready` is set when the first socket is up.

        The second may come a minute later: Slack limits how often addresses are handed out.
        """
        self._tasks.spawn(self._open_all(), "open sockets")

    @property
    def connected(self) -> int:
        """Sockets that are open now."""
        return sum(
            1
            for c in self._clients
            if c.current_session is not None and not c.current_session.closed
        )

    async def close(self) -> None:
        """Takes no more payloads and closes."""
        await self._tasks.close()
        for client in self._clients:
            client.socket_mode_request_listeners.clear()
            await client.close()  # type: ignore[no-untyped-call]
            await client.aiohttp_client_session.close()

    async def _open_all(self) -> None:
        for number in range(SOCKETS):
            client = SocketModeClient(self._token, web_client=self._web)
            client.socket_mode_request_listeners.append(self._take)  # type: ignore[arg-type]
            self._clients.append(client)
            await self._open(client, number)
            self.ready.set()

    async def _open(self, client: SocketModeClient, number: int) -> None:
        wait = FIRST_RETRY
        while True:
            try:
                answer = await self._web.apps_connections_open(app_token=self._token)
            except SlackApiError as error:
                code = error.response.get("error")
                log.warning("no socket address", socket=number, why=code)
                limited = float(error.response.headers.get("Retry-After", 0) or 0)
                await asyncio.sleep(limited or wait)
            except (OSError, TimeoutError) as error:
                log.warning("Slack not reached", socket=number, why=type(error).__name__)
                await asyncio.sleep(wait)
            else:
                client.wss_uri = answer["url"]
                await client.connect()  # type: ignore[no-untyped-call]
                log.info("socket open", socket=number)
                return
            wait = min(wait * 2, SLOWEST_RETRY)

    async def _take(self, client: SocketModeClient, req: SocketModeRequest) -> None:
        arrived = time.monotonic()
        bolt = AsyncBoltRequest(mode="socket_mode", body=req.payload, headers=_headers(req))
        response = await self._app.async_dispatch(bolt)
        try:
            await client.send_socket_mode_response(_answer(req, response))
        except (OSError, AttributeError) as error:  # the socket went away meanwhile
            log.warning("acknowledgement not sent", why=type(error).__name__)
            self._edge.unwritten(bolt)
        else:
            self._edge.written(bolt, time.monotonic() - arrived)


def _answer(req: SocketModeRequest, response: BoltResponse) -> SocketModeResponse:
    payload: dict[str, Any] | None = json.loads(response.body) if response.body else None
    return SocketModeResponse(envelope_id=req.envelope_id, payload=payload)


def _headers(req: SocketModeRequest) -> dict[str, str | Sequence[str]]:
    headers: dict[str, str | Sequence[str]] = {}
    if req.retry_attempt:
        headers["x-slack-retry-num"] = [str(req.retry_attempt)]
        headers["x-slack-retry-reason"] = [req.retry_reason or ""]
    return headers
