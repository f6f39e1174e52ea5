"""Where Alertmanager posts: committed first, answered then.

Alertmanager tries again after a 5xx and drops what got a 4xx, so that only what can never be read
is refused with a 4xx; and that is told to people, since nobody reads Alertmanager's log. So is what
comes without the token or for no cluster: Alertmanager drops that as well.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Protocol

import structlog
from aiohttp import web

from bot.alerts.refusals import CLUSTER, TOKEN
from bot.alerts.webhook import BadPayload, Delivery, read
from bot.errors import StoreUnavailable

log = structlog.get_logger(__name__)

BODY = 1024 * 1024
"""Bytes; a few hundred alerts. `max_alerts` of the receiver keeps Alertmanager below it."""
AT_ONCE = 64
"""Notifications in work; more are asked to come again."""
READ_SECONDS = 10.0
NAME = 63
"""Characters of an unknown cluster's name that are told."""
AGAIN = {"Retry-After": "5"}

Take = Callable[[Delivery], Awaitable[None]]


class Told(Protocol):
    """Who is told of what was not taken, as `Refusals`."""

    async def refused(self, cluster: str, why: str, *, again: bool = False) -> None:
        """A notification of that cluster was not taken; `again` if it is sent once more."""

    async def turned_away(self, kind: str, why: str) -> None:
        """One was not read at all."""


class Receiver:
    """Takes notifications over HTTP.

    Args:
        listen: `host:port`; port 0 for a free one.
        token: What Alertmanager must show; asked for each time, so that a reload changes it.
        clusters: Names of the configured clusters, the default one first.
        take: Commits a notification; raises `StoreUnavailable` when it cannot.
        told: Is told what was refused, and why.
    """

    def __init__(
        self,
        listen: str,
        token: Callable[[], str],
        clusters: Callable[[], tuple[str, ...]],
        take: Take,
        told: Told,
    ) -> None:
        host, _, port = listen.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._token, self._clusters = token, clusters
        self._take, self._told = take, told
        self._waiting = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listens from now on.

        Raises:
            OSError: The address is taken, or not this host's.
        """
        app = web.Application(client_max_size=BODY)
        app.router.add_post("/alerts", self._post)
        app.router.add_post("/alerts/{cluster}", self._post)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def close(self) -> None:
        """Ends what is in work, then listens no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def port(self) -> int:
        """Where it listens.

        Raises:
            RuntimeError: It does not.
        """
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("the receiver does not listen")
        return int(self._runner.addresses[0][1])

    async def _post(self, request: web.Request) -> web.Response:
        if not self._allowed(request.headers.get("Authorization", "")):
            log.warning("notification without the token", peer=request.remote)
            await self._turned_away(TOKEN, f"The first came from {request.remote}.")
            return _said(401, "show the token of this receiver as a bearer token")
        known = self._clusters()
        cluster = request.match_info.get("cluster", known[0])
        if cluster not in known:
            await self._turned_away(CLUSTER, f"The first was for {cluster[:NAME]}.")
            return _said(404, f"no cluster of that name; known: {', '.join(sorted(known))}")
        if self._waiting >= AT_ONCE:
            return _said(503, "too many notifications at once", AGAIN)
        self._waiting += 1
        try:
            return await self._taken(cluster, request)
        finally:
            self._waiting -= 1

    async def _taken(self, cluster: str, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(READ_SECONDS):
                body = await request.read()
            delivery = read(cluster, body)
        except TimeoutError:
            return _said(503, f"it did not arrive within {READ_SECONDS:.0f} s", AGAIN)
        except web.HTTPRequestEntityTooLarge:
            why = f"it is larger than {BODY // 1024} KiB; set max_alerts of the receiver to 200"
            return await self._no(cluster, 413, why)
        except BadPayload as error:
            return await self._no(cluster, 400, str(error))
        try:
            await self._take(delivery)
        except StoreUnavailable as error:
            log.error("notification not kept", cluster=cluster, why=str(error))
            return _said(503, "it cannot be kept now", AGAIN)
        except Exception as error:
            log.error("notification not kept", cluster=cluster, exc_info=error)
            why = "a fault of mine kept me from writing it down, and my log says more"
            return await self._no(cluster, 500, why)
        return _said(200, "kept")

    async def _no(self, cluster: str, status: int, why: str) -> web.Response:
        log.error("notification refused", cluster=cluster, why=why)
        try:
            await self._told.refused(cluster, why, again=status >= 500)
        except StoreUnavailable:
            return _said(503, "it cannot be kept now", AGAIN)
        return _said(status, why)

    async def _turned_away(self, kind: str, why: str) -> None:
        """Tells of it where that is possible; whoever has no token is not asked to come again."""
        try:
            await self._told.turned_away(kind, why)
        except StoreUnavailable as error:
            log.error("not told", what=kind, why=str(error))

    def _allowed(self, header: str) -> bool:
        """Compares hashes, so that neither the time nor the length tells anything of the token."""
        kind, _, shown = header.partition(" ")
        wanted, token = sha256(self._token().encode()), shown.strip().encode("utf-8", "replace")
        same = hmac.compare_digest(sha256(token).digest(), wanted.digest())
        return same and kind.lower() == "bearer" and bool(self._token())


def _said(status: int, words: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=f"{words}\n", headers=headers)
