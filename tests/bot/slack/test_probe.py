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


async def test_both_tokens_work(server: SlackServer) -> None:
    ok, told = await probe_slack(settings(server), SCOPES, open_socket=True)
    assert (ok, told) == (True, "onprem in Acme.")


async def test_one_connection_a_minute_is_no_failure(server: SlackServer) -> None:
    for _ in range(30):
        ok, told = await probe_slack(settings(server), SCOPES, open_socket=True)
        assert ok, told


@pytest.mark.parametrize("name", ["bot_token", "app_token"])
async def test_a_wrong_token_is_named_and_not_shown(server: SlackServer, name: str) -> None:
    wrong = settings(server, **{name: "xoxb-not-this"})
    ok, told = await probe_slack(wrong, SCOPES, open_socket=True)
    assert (ok, told) == (False, f"Slack refuses {name}: the token is not valid.")


async def test_slack_that_is_away(server: SlackServer) -> None:
    given = settings(server)
    await server.away()
    ok, told = await probe_slack(given, SCOPES, open_socket=False)
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
        ok, told = await probe_slack(given, SCOPES, open_socket=False)
    assert not ok
    assert "lacks chat:write, files:write" in told
