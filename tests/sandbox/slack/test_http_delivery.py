"""Signed HTTP delivery to a real Bolt app: signatures, acks, retries of events only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp

from sandbox.slack import ManualClock, SlackServer


@pytest.fixture
async def endpoint(server: SlackServer) -> AsyncIterator[Any]:
    """Serves a handler at a request URL and points the app's deliveries at it."""
    runners = []

    async def serve(handler: Any) -> None:
        application = web.Application()
        application.router.add_post("/slack/events", handler)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.workspace.app.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"

    yield serve
    for runner in runners:
        await runner.cleanup()


def over_http(app: AsyncApp) -> Any:
    async def handle(request: web.Request) -> web.Response:
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    return handle


async def test_bolt_accepts_the_signature_and_its_ack_is_shown(
    server: SlackServer, bolt: AsyncApp, endpoint: Any
) -> None:
    @bolt.command("/onprem")
    async def on_command(ack: Any, body: dict[str, Any]) -> None:
        await ack(f"got {body['text']}")

    await endpoint(over_http(bolt))
    delivery = await server.slash("alice", "ops", "/onprem a&b=c ü")

    assert delivery.ok
    assert delivery.shown == "got a&b=c ü"


async def test_a_wrong_secret_is_noticed(server: SlackServer, endpoint: Any, client: Any) -> None:
    await endpoint(over_http(AsyncApp(name="test", client=client, signing_secret="another")))

    delivery = await server.slash("alice", "ops", "/onprem status")

    assert delivery.error == "dispatch_unknown_error"


async def test_clicks_arrive_as_a_payload_form(
    server: SlackServer, bolt: AsyncApp, endpoint: Any, client: Any, ops: str
) -> None:
    seen: list[Any] = []

    @bolt.action("go")
    async def on_go(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body)
        await ack()

    await endpoint(over_http(bolt))
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    blocks = [{"type": "actions", "elements": [button]}]
    posted = await client.chat_postMessage(channel=ops, text="?", blocks=blocks)

    assert (await server.click("alice", posted["ts"], "go")).ok
    assert seen[0]["container"]["message_ts"] == posted["ts"]


async def test_a_slow_answer_is_a_timeout(
    server: SlackServer, endpoint: Any, clock: ManualClock, until: Any
) -> None:
    async def never(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    await endpoint(never)
    typing = asyncio.ensure_future(server.slash("alice", "ops", "/onprem status"))
    await until(lambda: clock.sleepers)
    clock.advance(3.0)

    assert (await typing).error == "operation_timeout"


async def test_nobody_listening_is_a_dispatch_failure(server: SlackServer) -> None:
    server.workspace.app.request_url = "http://127.0.0.1:9/slack/events"

    assert (await server.slash("alice", "ops", "/onprem status")).error == "dispatch_failed"


async def test_events_are_retried_with_number_and_reason(
    server: SlackServer, endpoint: Any, clock: ManualClock, until: Any
) -> None:
    tries: list[tuple[str | None, str | None]] = []

    async def failing(request: web.Request) -> web.Response:
        headers = request.headers
        tries.append((headers.get("x-slack-retry-num"), headers.get("x-slack-retry-reason")))
        return web.Response(status=500 if len(tries) < 4 else 200)

    await endpoint(failing)
    delivery = server.mention("alice", "ops", "hello")
    assert delivery is not None
    await until(lambda: delivery.attempts == 2 and delivery.error and clock.sleepers)
    clock.advance(60)
    await until(lambda: delivery.attempts == 3 and delivery.error and clock.sleepers)
    clock.advance(299)
    assert len(tries) == 3
    clock.advance(1)
    await until(lambda: delivery.ok)

    assert tries == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_error")]


async def test_an_app_can_refuse_retries(
    server: SlackServer, endpoint: Any, clock: ManualClock, until: Any
) -> None:
    async def failing(_request: web.Request) -> web.Response:
        return web.Response(status=500, headers={"x-slack-no-retry": "1"})

    await endpoint(failing)
    delivery = server.mention("alice", "ops", "hello")
    assert delivery is not None
    await until(lambda: delivery.error)
    clock.advance(1000)
    await asyncio.sleep(0)

    assert delivery.attempts == 1


async def test_events_are_switched_off_when_nearly_all_fail(
    server: SlackServer, endpoint: Any, until: Any
) -> None:
    server.limits.enabled = True
    server.limits.disable_after_events = 5

    async def failing(_request: web.Request) -> web.Response:
        return web.Response(status=500, headers={"x-slack-no-retry": "1"})

    await endpoint(failing)
    for _ in range(5):
        server.mention("alice", "ops", "hello")
    await until(lambda: server.workspace.app.events_disabled)

    assert server.mention("alice", "ops", "hello") is None
