"""The HTTP way in, for those who prefer it to Socket Mode: signed requests on one path."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.app.async_app import AsyncApp

from bot.slack.edge import Edge

log = structlog.get_logger(__name__)

BODY_LIMIT = 1_000_000
CLOCK_SKEW = 300
LAST_ACKS = 3.0


class Receiver:
    """Listens for Slack's requests.

    Bolt verifies the signature; before that, a timestamp that is no number is refused here,
    because slack_sdk would raise on it.

    Args:
        app: Bolt's app.
        edge: Goes on after the acknowledgement.
        listen: `HOST:PORT`; port 0 takes a free one.
        path: Where Slack posts.
        monotonic: Seconds.
    """

    def __init__(
        self,
        app: AsyncApp,
        edge: Edge,
        listen: str,
        path: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._app, self._edge, self._path = app, edge, path
        host, _, port = listen.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Begins to listen."""
        application = web.Application(client_max_size=BODY_LIMIT)
        application.router.add_post(self._path, self._take)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=LAST_ACKS)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    @property
    def port(self) -> int:
        """The port in use."""
        if self._runner is None:
            raise RuntimeError("start() comes first")
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stops listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        arrived = self._monotonic()
        stamp = request.headers.get("X-Slack-Request-Timestamp", "")
        if not re.fullmatch(r"[0-9]{1,12}", stamp) or abs(time.time() - int(stamp)) > CLOCK_SKEW:
            return web.Response(status=401, text="stale or missing timestamp")
        try:
            bolt = await to_bolt_request(request)
        except (ValueError, LookupError):
            return web.Response(status=400, text="the body cannot be read")
        response = await to_aiohttp_response(await self._app.async_dispatch(bolt))
        try:
            await response.prepare(request)
            await response.write_eof()
        except (ConnectionError, RuntimeError) as error:
            log.warning("acknowledgement not sent", why=type(error).__name__)
            self._edge.unwritten(bolt)
        else:
            self._edge.written(bolt, self._monotonic() - arrived)
        return response
