"""Bringing payloads to the app and timing its acks, over Socket Mode or signed HTTP.

Slash commands, clicks and view submissions are sent once. Events are sent again at once, after a
minute and after five minutes, as docs.slack.dev/apis/events-api says.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp

from sandbox.slack.clock import Clock
from sandbox.slack.entities import JSON, App
from sandbox.slack.limits import Limits
from sandbox.slack.sockets import Ack, SocketHub

Kind = Literal["slash_commands", "interactive", "events_api"]
RETRY_AFTER = (0.0, 60.0, 300.0)
KEPT = 20_000


@dataclass
class Delivery:
    """One payload on its way: when it was sent, when and how the app answered.

    `sent` and `acked` are seconds of the monotonic clock. `error` is Slack's word for what went
    wrong (`operation_timeout`, `dispatch_failed`, …), None if the app answered in time.
    `response` is the body of the ack. A late ack sets `acked` although `error` stays.
    """

    kind: Kind
    payload: JSON
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    sent: float | None = None
    acked: float | None = None
    error: str | None = None
    response: Any = None
    attempts: int = 0
    shown: str = ""
    """What the person sees because of the answer or the failure."""

    @property
    def ok(self) -> bool:
        """Whether the app answered in time."""
        return self.error is None and self.acked is not None

    @property
    def milliseconds(self) -> float | None:
        """From sent to acked; None without an ack."""
        if self.sent is None or self.acked is None:
            return None
        return (self.acked - self.sent) * 1000

    def to_json(self) -> JSON:
        """For the page, the benchmark and other processes."""
        payload = self.payload
        return {
            "id": self.id,
            "kind": self.kind,
            "trigger_id": payload.get("trigger_id"),
            "event_id": payload.get("event_id"),
            "ok": self.ok,
            "error": self.error,
            "sent": self.sent,
            "acked": self.acked,
            "milliseconds": self.milliseconds,
            "attempts": self.attempts,
            "shown": self.shown,
            "response": self.response,
        }


class Courier:
    """Delivers payloads and remembers how that went."""

    def __init__(self, app: App, hub: SocketHub, limits: Limits, clock: Clock) -> None:
        self._app, self._hub, self._limits, self._clock = app, hub, limits, clock
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._by_id: dict[str, Delivery] = {}
        self.log: list[Delivery] = []
        self.away = False
        self.on_event_outcome: Callable[[bool], None] = lambda _ok: None
        hub.on_late = self._late

    def _late(self, envelope_id: str, ack: Ack) -> None:
        delivery = self._by_id.get(envelope_id)
        if delivery and delivery.acked is None:
            delivery.acked, delivery.response = ack.at, ack.payload

    def clear(self) -> None:
        """Forget the record of past deliveries."""
        self.log.clear()
        self._by_id.clear()

    async def send(self, kind: Kind, payload: JSON) -> Delivery:
        """Deliver a command or interaction once and wait for its ack, at most 3 s."""
        delivery = Delivery(kind, payload)
        self._remember(delivery)
        await self._attempt(delivery, retry=0, reason="")
        return delivery

    def send_event(self, payload: JSON) -> Delivery:
        """Deliver an event in the background, with Slack's three redeliveries."""
        delivery = Delivery("events_api", payload)
        self._remember(delivery)
        task = asyncio.create_task(self._event(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return delivery

    def _remember(self, delivery: Delivery) -> None:
        if len(self.log) >= KEPT:
            for old in self.log[: KEPT // 2]:
                self._by_id.pop(old.id, None)
            del self.log[: KEPT // 2]
        self.log.append(delivery)
        self._by_id[delivery.id] = delivery

    async def _event(self, delivery: Delivery) -> None:
        reason, go_on = await self._attempt(delivery, retry=0, reason="")
        self.on_event_outcome(delivery.ok)
        for number, delay in enumerate(RETRY_AFTER, start=1):
            if delivery.ok or not go_on:
                return
            await self._clock.sleep(delay)
            reason, go_on = await self._attempt(delivery, retry=number, reason=reason)
            self.on_event_outcome(delivery.ok)

    async def _attempt(self, delivery: Delivery, retry: int, reason: str) -> tuple[str, bool]:
        """One try; gives the reason of a failure and whether the app allows another."""
        delivery.attempts += 1
        delivery.error = None
        if self.away:
            delivery.error = "dispatch_failed"
            return "connection_failed", True
        if self._app.request_url:
            return await self._post(delivery, self._app.request_url, retry, reason)
        return await self._push(delivery, retry, reason), True

    # -- Socket Mode --------------------------------------------------------------------------

    async def _push(self, delivery: Delivery, retry: int, reason: str) -> str:
        envelope: JSON = {
            "envelope_id": delivery.id,
            "type": delivery.kind,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.kind != "events_api",
        }
        if delivery.kind == "events_api":
            envelope |= {"retry_attempt": retry, "retry_reason": reason}
        sent = await self._hub.send(envelope)
        if sent is None:
            delivery.error = "dispatch_failed"
            return "connection_failed"
        delivery.sent, waiting = sent
        in_time = await self._clock.wait(waiting, self._limits.ack_seconds)
        self._hub.forget(delivery.id)
        if not in_time:
            delivery.error = "operation_timeout"
            return "timeout"
        ack = waiting.result()
        delivery.acked, delivery.response = ack.at, ack.payload
        return ""

    # -- HTTP ---------------------------------------------------------------------------------

    async def _post(
        self, delivery: Delivery, url: str, retry: int, reason: str
    ) -> tuple[str, bool]:
        body, headers = self._signed(delivery)
        if retry:
            headers |= {"x-slack-retry-num": str(retry), "x-slack-retry-reason": reason}
        delivery.sent = self._clock.monotonic()
        call = asyncio.ensure_future(self._exchange(delivery, url, body, headers))
        if not await self._clock.wait(call, self._limits.ack_seconds):
            call.cancel()
            delivery.error = "operation_timeout"
            return "http_timeout", True
        try:
            status, no_retry = call.result()
        except aiohttp.ClientError:
            delivery.error = "dispatch_failed"
            return "connection_failed", True
        if status != 200:
            delivery.acked, delivery.error = None, "dispatch_unknown_error"
            return "http_error", not no_retry
        return "", True

    async def _exchange(
        self, delivery: Delivery, url: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bool]:
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False)
        async with self._session.post(url, data=body, headers=headers) as answer:
            text = await answer.text()
            delivery.acked = self._clock.monotonic()
            if text and answer.content_type == "application/json":
                delivery.response = json.loads(text)
            elif text:
                delivery.response = {"text": text}
            return answer.status, answer.headers.get("x-slack-no-retry") == "1"

    def _signed(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        """The body as Slack writes it, and the v0 signature over it."""
        if delivery.kind == "events_api":
            body, kind = json.dumps(delivery.payload).encode(), "application/json"
        else:
            form = delivery.payload
            if delivery.kind == "interactive":
                form = {"payload": json.dumps(delivery.payload)}
            body, kind = urlencode(form).encode(), "application/x-www-form-urlencoded"
        stamp = str(int(self._clock.now()))
        base = b"v0:" + stamp.encode() + b":" + body
        digest = hmac.new(self._app.signing_secret.encode(), base, hashlib.sha256).hexdigest()
        return body, {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
            "User-Agent": "Slackbot 1.0 (practice)",
        }

    async def close(self) -> None:
        """Stop redeliveries and close connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()
