"""The server: one port on loopback for the Web API, sockets, uploads, the page and its API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.slack.acting import Acting
from sandbox.slack.api import Api
from sandbox.slack.core import Core
from sandbox.slack.faults import Faults
from sandbox.slack.limits import Limits
from sandbox.slack.model import Workspace
from sandbox.slack.responses import Responses
from sandbox.slack.seed import practice_workspace
from sandbox.slack.webapi import WebApi, cut

MAX_BODY = 100 * 1024 * 1024
Completer = Callable[[str, str], Awaitable[list[str]]]
"""(text typed so far, user id) → completions of the whole line."""


class SlackServer(Acting):
    """A practice Slack that listens on 127.0.0.1.

    `{url}/api/` is the base address for `AsyncWebClient`; `{url}/` is the page.
    """

    def __init__(
        self,
        workspace: Workspace | None = None,
        *,
        limits: Limits | None = None,
        complete: Completer | None = None,
    ) -> None:
        self.core = Core(workspace or practice_workspace(), limits or Limits())
        self.responses = Responses(self.core)
        self.complete = complete
        self._runner: web.AppRunner | None = None
        self._api: Api | None = None

    @property
    def url(self) -> str:
        """The address of the server, without a slash at the end."""
        return self.core.base_url

    @property
    def api_url(self) -> str:
        """What `AsyncWebClient(base_url=…)` wants."""
        return f"{self.core.base_url}/api/"

    @property
    def bot_token(self) -> str:
        """The `xoxb-` token."""
        return self.workspace.app.bot_token

    @property
    def app_token(self) -> str:
        """The `xapp-` token for Socket Mode."""
        return self.workspace.app.app_token

    @property
    def signing_secret(self) -> str:
        """The secret that signs HTTP deliveries."""
        return self.workspace.app.signing_secret

    @property
    def limits(self) -> Limits:
        """The limits in force; may be changed at any time."""
        return self.core.limits

    @property
    def faults(self) -> Faults:
        """Failures to inject."""
        return self.core.faults

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one.

        Raises:
            OSError: the port is taken.
        """
        application = web.Application(client_max_size=MAX_BODY)
        application.add_routes(WebApi(self.core).routes())
        application.add_routes(self.responses.routes())
        application.router.add_get("/link/", self._link)
        self._api = Api(self)
        self._api.install(application)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        chosen = self._runner.addresses[0][1]
        self.core.base_url = f"http://127.0.0.1:{chosen}"

    async def _link(self, request: web.Request) -> web.StreamResponse:
        if self.faults.away:
            return cut(request)
        return await self.core.hub.handle(request)

    def describe(self) -> dict[str, str]:
        """Addresses and tokens, so that any program can use this Slack."""
        return {
            "page": f"{self.url}/",
            "api": self.api_url,
            "sandbox": f"{self.url}/sandbox/",
            "bot_token": self.bot_token,
            "app_token": self.app_token,
            "signing_secret": self.signing_secret,
            "team_id": self.workspace.team_id,
        }

    async def wait_for_sockets(self, count: int = 1, timeout: float = 10.0) -> None:
        """Wait until the app has at least this many sockets open."""
        await self.wait_for(lambda: len(self.core.hub.sockets) >= count, timeout)

    async def away(self) -> None:
        """Make Slack unreachable: sockets close, calls are cut, nothing is delivered."""
        await self.core.set_away(True)

    async def back(self) -> None:
        """Make Slack reachable again."""
        await self.core.set_away(False)

    async def close(self) -> None:
        """Stop listening, close sockets, end background work."""
        await self.core.close()
        if self._api:
            await self._api.close()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None
