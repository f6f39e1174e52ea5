"""Socket Mode: tickets, up to ten sockets, envelopes out, acks back.

Facts: docs.slack.dev/apis/events-api/using-socket-mode and slack_sdk's client, which is the
reader of every message sent here.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from sandbox.slack.clock import Clock
from sandbox.slack.entities import JSON
from sandbox.slack.limits import Limits

PING_SECONDS = 30.0
WARNING_SECONDS = 10.0
CONNECTION_SECONDS = 3600


@dataclass(eq=False)
class Socket:
    """One open connection of the app."""

    id: int
    ws: web.WebSocketResponse
    acked: int = 0
    sent: int = 0


@dataclass
class Ack:
    """An app's answer to an envelope."""

    at: float
    payload: JSON | None


class SocketHub:
    """All sockets of the app."""

    def __init__(self, limits: Limits, clock: Clock, app_id: str) -> None:
        self._limits, self._clock, self._app_id = limits, clock, app_id
        self._tickets: set[str] = set()
        self._waiting: dict[str, asyncio.Future[Ack]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._opened = 0
        self.sockets: list[Socket] = []
        self.choose: Callable[[list[Socket]], Socket] = secrets.choice
        """Which socket gets the next envelope; tests may decide."""
        self.on_change: Callable[[], None] = lambda: None
        self.on_late: Callable[[str, Ack], None] = lambda _id, _ack: None

    def ticket(self) -> str:
        """A single-use secret for one connection."""
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        return ticket

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket until it closes."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="this ticket is unknown or was used before")
        self._tickets.discard(ticket)
        ws = web.WebSocketResponse(heartbeat=PING_SECONDS, max_msg_size=0)
        await ws.prepare(request)
        if len(self.sockets) >= self._limits.max_sockets:
            await ws.send_str(_disconnect("too_many_websockets"))
            await ws.close()
            return ws
        self._opened += 1
        socket = Socket(self._opened, ws)
        self.sockets.append(socket)
        try:
            await ws.send_str(json.dumps(self._hello()))
            self.on_change()
            await self._listen(socket)
        finally:
            self.sockets.remove(socket)
            self.on_change()
        return ws

    def _hello(self) -> JSON:
        return {
            "type": "hello",
            "num_connections": len(self.sockets),
            "connection_info": {"app_id": self._app_id},
            "debug_info": {
                "host": "applink-practice",
                "build_number": 1,
                "approximate_connection_time": CONNECTION_SECONDS,
            },
        }

    async def _listen(self, socket: Socket) -> None:
        async for message in socket.ws:
            if message.type is not WSMsgType.TEXT:
                continue
            at = self._clock.monotonic()
            try:
                answer = json.loads(message.data)
            except ValueError:
                continue
            envelope = answer.get("envelope_id") if isinstance(answer, dict) else None
            if not isinstance(envelope, str):
                continue
            socket.acked += 1
            ack = Ack(at, answer.get("payload"))
            waiting = self._waiting.get(envelope)
            if waiting is None or waiting.done():
                self.on_late(envelope, ack)
            else:
                waiting.set_result(ack)

    async def send(self, envelope: JSON) -> tuple[float, asyncio.Future[Ack]] | None:
        """Send an envelope down one arbitrary socket; None when no socket takes it.

        Gives the time at which it was sent and the future of its ack.
        """
        text, name = json.dumps(envelope), envelope["envelope_id"]
        candidates = [s for s in self.sockets if not s.ws.closed]
        while candidates:
            socket = self.choose(candidates)
            waiting: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
            self._waiting[name] = waiting
            sent = self._clock.monotonic()
            try:
                await socket.ws.send_str(text)
            except (ConnectionError, RuntimeError):
                self._waiting.pop(name, None)
                candidates.remove(socket)
                continue
            socket.sent += 1
            return sent, waiting
        return None

    def forget(self, envelope_id: str) -> None:
        """Wait no longer for this ack; a later one is reported through `on_late`."""
        self._waiting.pop(envelope_id, None)

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Ask every connected client to reconnect, as Slack does about once an hour.

        With the reason `warning` the sockets stay open for another 10 s of the clock.
        """
        for socket in list(self.sockets):
            await socket.ws.send_str(_disconnect(reason))
            if reason == "warning":
                task = asyncio.create_task(self._close_later(socket))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                await socket.ws.close()

    async def _close_later(self, socket: Socket) -> None:
        await self._clock.sleep(WARNING_SECONDS)
        await socket.ws.close()

    async def cut(self) -> None:
        """Close every socket without a word, as a broken network does."""
        for socket in list(self.sockets):
            await socket.ws.close()

    async def close(self) -> None:
        """Close everything."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.cut()


def _disconnect(reason: str) -> str:
    info = {"host": "applink-practice"}
    return json.dumps({"type": "disconnect", "reason": reason, "debug_info": info})
