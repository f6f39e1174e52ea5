"""Socket Mode: two connections, so that Slack can recycle one while the other listens.

No inbound port is needed. Each payload reaches one of the sockets; the acknowledgement goes back
on the same one, and only when its frame has been sent does the request go on.

slack_sdk's own client is not used here: it closes the old socket before it has a new one, sends
acknowledgements on whichever socket is there by then, and tries a used-up address for ever.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp
import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.edge import Edge
from bot.slack.refusals import told
from bot.tasks import Tasks

log = structlog.get_logger(__name__)

SOCKETS = 2
HEARTBEAT = 20.0  # seconds between pings; a socket that does not answer is given up
FIRST_RETRY = 1.0
SLOWEST_RETRY = 60.0
SHORT_LIFE = 5.0  # seconds; a socket that lived no longer is not replaced at once a second time
LAST_ACKS = 3.0


class Sockets:
    """Keeps the sockets open.

    Args:
        app: Bolt's app; its middlewares verify and dispatch.
        edge: Goes on after the acknowledgement.
        client: The Web API, without a handler for 429; hands out the sockets' addresses.
        session: Carries the sockets.
        app_token: `xapp-…`.
        monotonic: Seconds.

    Attributes:
        ready: Is set once a socket has been up.
        tried: Is set once that is known to be the case, or to take longer.
    """

    def __init__(
        self,
        app: AsyncApp,
        edge: Edge,
        client: AsyncWebClient,
        session: aiohttp.ClientSession,
        app_token: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app, self._edge = app, edge
        self._web, self._session, self._token = client, session, app_token
        self._monotonic = monotonic
        self._held: set[aiohttp.ClientWebSocketResponse] = set()
        self._up: set[aiohttp.ClientWebSocketResponse] = set()
        self._turn = asyncio.Lock()
        self._keepers, self._takes = Tasks(), Tasks()
        self.ready, self.tried = asyncio.Event(), asyncio.Event()

    def start(self) -> None:
        """Begins to connect.

        The second socket may come a minute later: Slack limits how often addresses are handed out.
        """
        for number in range(SOCKETS):
            self._keepers.spawn(self._keep(number), f"keep socket {number}")

    @property
    def connected(self) -> int:
        """Sockets that are open now."""
        return len(self._up)

    async def close(self) -> None:
        """Takes no more payloads, lets the last acknowledgements go, and closes."""
        held = set(self._held)
        await self._keepers.close()
        held |= self._held
        await self._takes.settle(LAST_ACKS)
        await self._takes.close()
        await asyncio.gather(*(ws.close() for ws in held), return_exceptions=True)

    async def _keep(self, number: int) -> None:
        """Replaces one socket whenever it leaves; the old one is read until it is closed."""
        quick = 0
        while True:
            ws, leaving = await self._connect(number), asyncio.Event()
            begun = self._monotonic()
            self._keepers.spawn(self._read(number, ws, leaving), f"read socket {number}")
            await leaving.wait()
            quick = quick + 1 if self._monotonic() - begun < SHORT_LIFE else 0
            if quick > 1:
                await asyncio.sleep(min(FIRST_RETRY * 2 ** (quick - 2), SLOWEST_RETRY))

    async def _connect(self, number: int) -> aiohttp.ClientWebSocketResponse:
        wait = FIRST_RETRY
        while True:
            pause, wait = wait, min(wait * 2, SLOWEST_RETRY)
            try:
                async with self._turn:  # an address works once, and soon
                    answer = await self._web.apps_connections_open(app_token=self._token)
                    ws = await self._session.ws_connect(
                        str(answer["url"]), heartbeat=HEARTBEAT, proxy=self._web.proxy
                    )
                    self._held.add(ws)
                    return ws
            except SlackApiError as error:
                why, status, seconds = told(error)
                pause = seconds if status == 429 else pause
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                why = type(error).__name__  # the message could hold the address, which is a key
            log.warning("socket not opened", socket=number, why=why, again_in=pause)
            self.tried.set()
            await asyncio.sleep(pause)

    async def _read(
        self, number: int, ws: aiohttp.ClientWebSocketResponse, leaving: asyncio.Event
    ) -> None:
        try:
            async for message in ws:
                if message.type is aiohttp.WSMsgType.TEXT and message.data.startswith("{"):
                    self._frame(number, ws, leaving, json.loads(message.data))
        finally:
            leaving.set()
            self._held.discard(ws)
            self._up.discard(ws)
            log.info("socket closed", socket=number, open=self.connected)

    def _frame(
        self,
        number: int,
        ws: aiohttp.ClientWebSocketResponse,
        leaving: asyncio.Event,
        frame: Mapping[str, Any],
    ) -> None:
        kind = frame.get("type")
        if kind == "hello":
            self._up.add(ws)
            log.info("socket open", socket=number, open=self.connected)
            self.ready.set()
            self.tried.set()
        elif kind == "disconnect":
            log.info("socket leaves", socket=number, why=frame.get("reason"))
            leaving.set()
        elif "envelope_id" in frame:
            self._takes.spawn(self._take(ws, frame, self._monotonic()), "payload")

    async def _take(
        self, ws: aiohttp.ClientWebSocketResponse, frame: Mapping[str, Any], arrived: float
    ) -> None:
        bolt = AsyncBoltRequest(mode="socket_mode", body=frame["payload"], headers=_headers(frame))
        response = await self._app.async_dispatch(bolt)
        if response.status != 200:  # Bolt has logged why; unacknowledged, Slack says that it failed
            log.error("payload refused", kind=frame.get("type"), status=response.status)
            return
        try:
            await ws.send_str(_answer(frame, response))
        except (ConnectionError, RuntimeError) as error:  # the socket went away meanwhile
            log.warning("acknowledgement not sent", why=type(error).__name__)
            self._edge.unwritten(bolt)
        else:
            self._edge.written(bolt, self._monotonic() - arrived)


def _answer(frame: Mapping[str, Any], response: BoltResponse) -> str:
    answer = {"envelope_id": frame["envelope_id"]}
    if response.body:
        answer["payload"] = json.loads(response.body)
    return json.dumps(answer)


def _headers(frame: Mapping[str, Any]) -> dict[str, str | Sequence[str]]:
    headers: dict[str, str | Sequence[str]] = {}
    if frame.get("retry_attempt"):
        headers["x-slack-retry-num"] = [str(frame["retry_attempt"])]
        headers["x-slack-retry-reason"] = [str(frame.get("retry_reason") or "")]
    return headers
