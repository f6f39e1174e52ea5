"""Slack as one surface: puts the parts of this package together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import structlog
from pydantic import SecretStr
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.config import Config, SlackConfig
from bot.engine import Engine
from bot.slack.answers import Answers
from bot.slack.edge import Edge
from bot.slack.people import People
from bot.slack.replier import SlackReplier
from bot.slack.sender import Sender
from bot.slack.sockets import Sockets
from bot.slack.web import Receiver
from bot.store.db import Store
from bot.tasks import Tasks

log = structlog.get_logger(__name__)

CALL_SECONDS = 15.0
FIRST_SOCKET_SECONDS = 20.0


class SlackSurface:
    """Listens to Slack and talks to it.

    Args:
        config: The configuration in force; its `slack` section is there from the start.
        settings: That section, as it was at the start.
        store: Holds the outbox.
        engine: Takes requests.
        clock: Microseconds UTC.

    Attributes:
        replier: The engine's way to Slack; there after `open`.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        settings: SlackConfig,
        store: Store,
        engine: Engine,
        clock: Callable[[], int],
    ) -> None:
        self._config, self._settings = config, settings
        self._store, self._engine, self._clock = store, engine, clock
        self._tasks = Tasks()
        self._incoming: Sockets | Receiver | None = None
        self._session: aiohttp.ClientSession | None = None
        self._sender: Sender | None = None
        self.replier = SlackReplier(clock, lambda: settings.ops_channel or "", self._wake)

    async def open(self) -> None:
        """Prepares everything; takes no payload yet."""
        settings, clock = self._settings, self._clock
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS))
        quiet, patient = self._client(settings), self._client(settings)
        patient.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=3))
        self._sender = Sender(self._store, quiet, self._session, clock)
        people = People(patient, lambda actor: self._config().person_of(actor), clock)
        answers = Answers(patient, self._session)
        edge = Edge(
            self._engine, people, answers, lambda: self._config().command, clock, self._tasks
        )
        app = AsyncApp(
            client=patient,
            signing_secret=_secret(settings.signing_secret) or "unused-in-socket-mode",
            request_verification_enabled=settings.mode == "http",
        )
        app.middleware(edge.middleware)
        if settings.mode == "http":
            self._incoming = Receiver(app, edge, settings.listen, settings.path)
        else:
            self._incoming = Sockets(app, edge, patient, _secret(settings.app_token))
        self._tasks.spawn(self._learn_team(patient, people), "learn team")

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
            try:
                async with asyncio.timeout(FIRST_SOCKET_SECONDS):
                    await self._incoming.ready.wait()
            except TimeoutError:
                log.warning("Slack not reached yet; trying on")

    async def close(self) -> None:
        """Takes nothing more; what is unsent stays in the outbox."""
        if self._incoming is not None:
            await self._incoming.close()
        await self._tasks.close()
        if self._session is not None:
            await self._session.close()

    def _wake(self) -> None:
        if self._sender is not None:
            self._sender.wake()

    def _client(self, settings: SlackConfig) -> AsyncWebClient:
        # The session's own timeout counts, and without a session each call would open its own.
        return AsyncWebClient(
            token=_secret(settings.bot_token), base_url=settings.api_url, session=self._session
        )

    async def _learn_team(self, client: AsyncWebClient, people: People) -> None:
        try:
            people.team = str((await client.auth_test())["team_id"])
        except (SlackApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("Slack did not say who we are", why=type(error).__name__)


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""
