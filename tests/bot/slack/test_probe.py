"""What `check` says about Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from bot.config import SlackConfig
from bot.manifest import SCOPES
from bot.slack.probe import probe_slack
from sandbox.slack import SlackServer


@pytest.fixture
async def server() -> AsyncIterator[SlackServer]:
    server = SlackServer()
    await server.start()
    yield server
    await server.close()


def settings(server: SlackServer, **changes: str) -> SlackConfig:
    tokens = {"bot_token": server.bot_token, "app_token": server.app_token, **changes}
    secrets = {key: SecretStr(value) for key, value in tokens.items()}
    return SlackConfig(api_url=server.api_url, **secrets)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sockets", "ok", "words"),
    [
        (2, True, "onprem in Acme, 2 sockets open."),
        (None, True, "tried when the bot starts"),
        (0, False, "no socket is open"),
    ],
)
async def test_sockets_prove_the_app_token(
    server: SlackServer, sockets: int | None, ok: bool, words: str
) -> None:
    works, told = await probe_slack(settings(server), SCOPES, sockets=sockets)
    assert works is ok
    assert words in told


async def test_a_wrong_token_is_named_and_not_shown(server: SlackServer) -> None:
    wrong = settings(server, bot_token="xoxb-not-this")
    ok, told = await probe_slack(wrong, SCOPES, sockets=2)
    assert (ok, told) == (False, "Slack refuses bot_token: the token is not valid.")


async def test_slack_that_is_away(server: SlackServer) -> None:
    given = settings(server)
    await server.away()
    ok, told = await probe_slack(given, SCOPES, sockets=None)
    assert not ok
    assert told.startswith(f"Slack cannot be reached at {server.api_url}")


async def test_missing_scopes_are_named() -> None:
    async def auth_test(_request: web.Request) -> web.Response:
        granted = ",".join(set(SCOPES) - {"files:write", "chat:write"})
        body = {"ok": True, "user": "onprem", "team": "Acme"}
        return web.json_response(body, headers={"X-OAuth-Scopes": granted})

    app = web.Application()
    app.router.add_post("/api/auth.test", auth_test)
    async with TestServer(app) as slack:
        given = SlackConfig(bot_token=SecretStr("xoxb-1"), api_url=str(slack.make_url("/api/")))
        ok, told = await probe_slack(given, SCOPES, sockets=None)
    assert not ok
    assert "lacks chat:write, files:write" in told
