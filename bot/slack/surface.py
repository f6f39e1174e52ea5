"""Slack as one surface: puts the parts of this package together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp
import structlog
from pydantic import SecretStr
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.config import Config, SlackConfig
from bot.engine import Engine
from bot.meters import Meters
from bot.slack.answers import Answers
from bot.slack.delivery import Delivery
from bot.slack.edge import Edge
from bot.slack.people import People
from bot.slack.replier import OpsChannel, SlackReplier
from bot.slack.sender import Sender
from bot.slack.sockets import Sockets
from bot.slack.web import Receiver
from bot.store import outbox
from bot.store.db import Store
from bot.tasks import Tasks

if TYPE_CHECKING:
    from sqlite_utils import Database

log = structlog.get_logger(__name__)

CALL_SECONDS = 15.0
FIRST_SOCKET_SECONDS = 20.0
LAST_ANSWERS = 3.0


class SlackSurface:
    """Listens to Slack and talks to it.

    Args:
        config: The configuration in force; its `slack` section is there from the start.
        settings: That section, as it was at the start.
        store: Holds the outbox.
        engine: Takes requests.
        clock: Microseconds UTC.
        monotonic: Seconds; measures how long an acknowledgement took.
        meters: Count acknowledgements and what Slack refuses.

    Attributes:
        edge: Takes payloads; there after `open`.
        ops: The channel that hears of every change.
        replier: The engine's way to Slack.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        settings: SlackConfig,
        store: Store,
        engine: Engine,
        clock: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
        meters: Meters | None = None,
    ) -> None:
        self._config, self._settings = config, settings
        self._monotonic, self._meters = monotonic, meters or Meters()
        self._store, self._engine, self._clock = store, engine, clock
        self._tasks, self._requests = Tasks(), Tasks()
        self._incoming: Sockets | Receiver | None = None
        self._session: aiohttp.ClientSession | None = None
        self._sender: Sender | None = None
        self._people: People | None = None
        self.ops = OpsChannel(clock, self._ops_channel, self._team, self._wake)
        self.replier = SlackReplier(clock, self.ops)

    async def open(self) -> None:
        """Prepares everything; takes no payload yet."""
        settings, clock = self._settings, self._clock
        # Behind a company's proxy everything goes through it, as slack_sdk's own calls do.
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=CALL_SECONDS), trust_env=True
        )
        quiet, patient = self._client(), self._client()
        patient.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=3))
        delivery = Delivery(self._store, quiet, self._session)
        self._sender = Sender(self._store, delivery, clock, limited=self._meters.limited)
        self._people = People(patient, lambda actor: self._config().person_of(actor), clock)
        answers = Answers(patient, self._session, self._queue)
        self.edge = edge = Edge(
            self._engine,
            self._people,
            answers,
            lambda: self._config().command,
            clock,
            self._requests,
            self._meters.acked,
        )
        app = AsyncApp(
            name="onprem",  # without one, Bolt reads every module's path to find its caller's
            client=patient,
            signing_secret=_secret(settings.signing_secret) or "unused-in-socket-mode",
            request_verification_enabled=settings.mode == "http",
            before_authorize=edge,  # Bolt's authorization would ask Slack first
        )
        if settings.mode == "http":
            self._incoming = Receiver(app, edge, settings.listen, settings.path, self._monotonic)
        else:
            token = _secret(settings.app_token)
            self._incoming = Sockets(app, edge, quiet, self._session, token, self._monotonic)
        self._tasks.spawn(self._people.learn(), "learn team")

    async def listen(self) -> None:
        """Takes payloads and sends messages from now on.

        Slack being away is no reason not to start: the terminal works, messages come later.
        """
        if self._sender is None:
            raise RuntimeError("open() comes before listen()")
        self._tasks.spawn(self._sender.run(), "sender")
        if isinstance(self._incoming, Receiver):
            await self._incoming.start()
        elif self._incoming is not None:
            self._incoming.start()
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_SOCKET_SECONDS):
                    await self._incoming.tried.wait()
            if not self._incoming.ready.is_set():
                log.warning("Slack is not reached yet; trying on")

    @property
    def sockets_open(self) -> int:
        """How many sockets are up; 0 in mode http."""
        return self._incoming.connected if isinstance(self._incoming, Sockets) else 0

    @property
    def away(self) -> str:
        """Why nobody can be told anything in Slack now; empty when they can."""
        if self._sender is not None and self._sender.outage:
            return self._sender.outage
        if isinstance(self._incoming, Sockets) and not self._incoming.connected:
            return "no socket to Slack is open"
        return ""

    @property
    def port(self) -> int:
        """Where HTTP requests are taken, in mode http."""
        if not isinstance(self._incoming, Receiver):
            raise RuntimeError("Socket Mode has no port")
        return self._incoming.port

    async def close(self) -> None:
        """Takes nothing more and sends the last messages; what is unsent stays in the outbox."""
        if self._incoming is not None:
            await self._incoming.close()
        await self._requests.settle(LAST_ANSWERS)
        await self._requests.close()
        if self._sender is not None:
            await self._sender.drain()
        await self._tasks.close()
        if self._people is not None:
            await self._people.close()
        if self._session is not None:
            await self._session.close()

    async def _queue(self, drafts: list[outbox.Draft]) -> None:
        now = self._clock()

        def work(db: Database) -> None:
            for draft in drafts:
                outbox.enqueue(db, draft, now)

        await self._store.write(work)
        self._wake()

    def _wake(self) -> None:
        if self._sender is not None:
            self._sender.wake()

    def _team(self) -> str:
        return self._people.team if self._people is not None else ""

    def _ops_channel(self) -> str:
        return self._settings.ops_channel or ""

    def _client(self) -> AsyncWebClient:
        # The session's own timeout counts, and without a session each call would open its own.
        # slack_sdk's default handler posts again after a broken connection: not here.
        return AsyncWebClient(
            token=_secret(self._settings.bot_token),
            base_url=self._settings.api_url,
            session=self._session,
            retry_handlers=[],
        )


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""
