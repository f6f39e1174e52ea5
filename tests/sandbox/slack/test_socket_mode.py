"""A real Bolt app over Socket Mode: commands, acks in time and late, several sockets, recycling."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack import Limits, ManualClock, Refused, SlackServer


@pytest.fixture
def answering(bolt: AsyncApp) -> AsyncApp:
    @bolt.command("/onprem")
    async def on_command(ack: Any, body: dict[str, Any]) -> None:
        await ack(f"queued: {body['text']}")

    return bolt


async def test_a_command_is_acked_and_its_answer_is_seen_by_one_person_only(
    server: SlackServer, answering: AsyncApp, connect: Any
) -> None:
    await connect(answering)

    delivery = await server.slash("alice", "#ops", "/onprem deploy parse")

    assert delivery.ok
    assert delivery.shown == "queued: deploy parse"
    assert [m.text for m in server.messages("alice", "ops")] == ["queued: deploy parse"]
    assert server.messages("bob", "ops") == []


async def test_the_command_payload_has_slacks_fields(
    server: SlackServer, bolt: AsyncApp, connect: Any
) -> None:
    seen: dict[str, Any] = {}

    @bolt.command("/onprem")
    async def on_command(ack: Any, body: dict[str, Any], context: Any) -> None:
        seen.update(body, context_team=context.team_id, context_user=context.user_id)
        await ack()

    await connect(bolt)
    await server.slash("alice", "ops", "/onprem  scale mongodb 2 ")

    alice = server.workspace.person("alice")
    assert seen["text"] == "scale mongodb 2"
    assert seen["command"] == "/onprem"
    assert (seen["user_id"], seen["user_name"]) == (alice.id, "alice")
    assert seen["channel_name"] == "ops"
    assert seen["api_app_id"] == server.workspace.app.id
    assert seen["is_enterprise_install"] == "false"
    assert seen["response_url"].startswith(server.url)
    assert (seen["context_team"], seen["context_user"]) == (server.workspace.team_id, alice.id)
    assert server.messages("alice", "ops") == []


async def test_private_channels_hide_their_name(
    server: SlackServer, bolt: AsyncApp, connect: Any
) -> None:
    names = []

    @bolt.command("/onprem")
    async def on_command(ack: Any, body: dict[str, Any]) -> None:
        names.append(body["channel_name"])
        await ack()

    await connect(bolt)
    await server.slash("alice", "incidents", "/onprem status")
    await server.slash("alice", "@onprem", "/onprem status")

    assert names == ["privategroup", "directmessage"]


async def test_an_ack_after_three_seconds_is_too_late(
    server: SlackServer, bolt: AsyncApp, connect: Any, clock: ManualClock, until: Any
) -> None:
    release = asyncio.Event()

    @bolt.command("/onprem")
    async def on_command(ack: Any) -> None:
        await release.wait()
        await ack("too late")

    await connect(bolt)
    typing = asyncio.ensure_future(server.slash("alice", "ops", "/onprem status"))
    await until(lambda: clock.sleepers)
    clock.advance(3.0)
    delivery = await typing

    assert delivery.error == "operation_timeout"
    assert not delivery.ok
    told = [m.text for m in server.messages("alice", "ops")]
    assert told == ['/onprem failed with the error "operation_timeout"']

    release.set()
    await until(lambda: delivery.acked is not None)
    assert not delivery.ok
    assert [m.text for m in server.messages("alice", "ops")] == told


async def test_without_a_socket_the_command_fails_at_once(server: SlackServer) -> None:
    delivery = await server.slash("alice", "ops", "/onprem status")

    assert delivery.error == "dispatch_failed"
    assert "dispatch_failed" in server.messages("alice", "ops")[0].text


async def test_slash_commands_do_not_work_in_threads(server: SlackServer) -> None:
    parent, _ = server.say("alice", "ops", "look at this")

    with pytest.raises(Refused, match="/onprem is not supported in threads"):
        await server.slash("alice", "ops", "/onprem status", thread_ts=parent.ts)
    assert server.core.courier.log == []


async def test_unknown_commands_never_reach_the_app(server: SlackServer) -> None:
    with pytest.raises(Refused, match="/other is not a valid command"):
        await server.slash("alice", "ops", "/other status")
    assert server.core.courier.log == []


async def test_each_payload_goes_to_exactly_one_of_two_sockets(
    server: SlackServer, client: AsyncWebClient, connect: Any
) -> None:
    counts = [0, 0]

    def counting(index: int) -> AsyncApp:
        app = AsyncApp(name="test", client=client, signing_secret="unused")

        @app.command("/onprem")
        async def on_command(ack: Any) -> None:
            counts[index] += 1
            await ack()

        return app

    await connect(counting(0))
    await connect(counting(1))
    turns = iter([0, 1] * 5)
    server.core.hub.choose = lambda sockets: sockets[next(turns)]
    deliveries = [await server.slash("alice", "ops", "/onprem x") for _ in range(10)]

    assert all(d.ok for d in deliveries)
    assert counts == [5, 5]


async def test_socket_addresses_work_once(
    server: SlackServer, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    link = (await client.apps_connections_open(app_token=server.app_token))["url"]
    async with session.ws_connect(link) as ws:
        hello = await ws.receive_json()
        assert hello["type"] == "hello"
        assert hello["num_connections"] == 1
        assert hello["connection_info"]["app_id"] == server.workspace.app.id
        assert hello["debug_info"]["approximate_connection_time"] > 0
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await session.ws_connect(link)


async def test_the_eleventh_socket_is_sent_away(
    server: SlackServer, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    sockets = []
    for _ in range(10):
        link = (await client.apps_connections_open(app_token=server.app_token))["url"]
        sockets.append(await session.ws_connect(link))
        assert (await sockets[-1].receive_json())["type"] == "hello"
    link = (await client.apps_connections_open(app_token=server.app_token))["url"]
    async with session.ws_connect(link) as extra:
        assert (await extra.receive_json())["reason"] == "too_many_websockets"
        assert (await extra.receive()).type is aiohttp.WSMsgType.CLOSE
    for ws in sockets:
        await ws.close()


async def test_a_warned_socket_stays_open_for_ten_seconds(
    server: SlackServer,
    client: AsyncWebClient,
    session: aiohttp.ClientSession,
    clock: ManualClock,
    until: Any,
) -> None:
    link = (await client.apps_connections_open(app_token=server.app_token))["url"]
    async with session.ws_connect(link) as ws:
        await ws.receive_json()
        await server.core.hub.refresh("warning")
        warning = await ws.receive_json()
        assert (warning["type"], warning["reason"]) == ("disconnect", "warning")
        await until(lambda: clock.sleepers)
        assert not server.core.hub.sockets[0].ws.closed
        clock.advance(10.0)
        assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_bolt_reconnects_when_asked_to(
    server: SlackServer, answering: AsyncApp, connect: Any
) -> None:
    await connect(answering)
    first = server.core.hub.sockets[0]

    await server.core.hub.refresh()
    await server.wait_for(
        lambda: server.core.hub.sockets and server.core.hub.sockets[0] is not first
    )

    assert (await server.slash("alice", "ops", "/onprem status")).ok


async def test_sockets_answer_pings(
    server: SlackServer, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    link = (await client.apps_connections_open(app_token=server.app_token))["url"]
    async with session.ws_connect(link, autoping=False) as ws:
        await ws.receive_json()
        await ws.ping(b"sdk-ping-pong:1")
        pong = await ws.receive()
        assert (pong.type, pong.data) == (aiohttp.WSMsgType.PONG, b"sdk-ping-pong:1")


async def test_opening_connections_is_limited_to_one_a_minute_by_default(
    server: SlackServer, client: AsyncWebClient, clock: ManualClock, limits: Limits
) -> None:
    limits.enabled = True
    await client.apps_connections_open(app_token=server.app_token)
    with pytest.raises(SlackApiError) as refused:
        await client.apps_connections_open(app_token=server.app_token)
    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["Retry-After"] == "60"
    clock.advance(60)
    await client.apps_connections_open(app_token=server.app_token)


async def test_mentions_arrive_as_events_and_are_acked_by_bolt(
    server: SlackServer, bolt: AsyncApp, connect: Any
) -> None:
    events: list[dict[str, Any]] = []

    @bolt.event("app_mention")
    async def on_mention(event: dict[str, Any], say: Any) -> None:
        events.append(event)
        await say("hello", thread_ts=event["ts"])

    await connect(bolt)
    server.mention("alice", "ops", "status please")
    reply = await server.wait_for_message("bob", "ops", lambda m: m.text == "hello")

    assert events[0]["text"].endswith("status please")
    assert events[0]["user"] == server.workspace.person("alice").id
    assert reply.is_reply


async def test_unacked_events_come_again_at_once_after_a_minute_and_after_five(
    server: SlackServer,
    client: AsyncWebClient,
    session: aiohttp.ClientSession,
    clock: ManualClock,
    until: Any,
) -> None:
    link = (await client.apps_connections_open(app_token=server.app_token))["url"]
    async with session.ws_connect(link) as ws:
        await ws.receive_json()
        delivery = server.mention("alice", "ops", "anybody there?")
        assert delivery is not None
        seen = []
        for wait in (3.0, 3.0, 60.0, 3.0, 300.0):
            if wait == 3.0:
                envelope = await ws.receive_json()
                seen.append((envelope["retry_attempt"], envelope["retry_reason"]))
            await until(lambda: clock.sleepers)
            clock.advance(wait)
        last = await ws.receive_json()
        await ws.send_json({"envelope_id": last["envelope_id"]})
        await until(lambda: delivery.ok)

    seen.append((last["retry_attempt"], last["retry_reason"]))
    assert seen == [(0, ""), (1, "timeout"), (2, "timeout"), (3, "timeout")]
    assert last["payload"]["event"]["text"].endswith("anybody there?")


async def test_commands_are_never_sent_again(
    server: SlackServer, client: AsyncWebClient, session: aiohttp.ClientSession, clock: ManualClock
) -> None:
    link = (await client.apps_connections_open(app_token=server.app_token))["url"]
    async with session.ws_connect(link) as ws:
        await ws.receive_json()
        typing = asyncio.ensure_future(server.slash("alice", "ops", "/onprem status"))
        await ws.receive_json()
        clock.advance(3.0)
        assert (await typing).attempts == 1
        clock.advance(400.0)
        with pytest.raises(TimeoutError):
            await ws.receive_json(timeout=0.05)


async def test_an_ack_with_bad_blocks_is_told_to_the_person(
    server: SlackServer, bolt: AsyncApp, connect: Any
) -> None:
    @bolt.command("/onprem")
    async def on_command(ack: Any) -> None:
        await ack(text="x", blocks=[{"type": "header"}])

    await connect(bolt)
    delivery = await server.slash("alice", "ops", "/onprem status")

    assert delivery.error == "invalid_blocks"
    assert "invalid_blocks" in server.messages("alice", "ops")[0].text


async def test_in_channel_acks_are_seen_by_everybody(
    server: SlackServer, bolt: AsyncApp, connect: Any
) -> None:
    @bolt.command("/onprem")
    async def on_command(ack: Any) -> None:
        await ack(text="for all", response_type="in_channel")

    await connect(bolt)
    await server.slash("alice", "ops", "/onprem status")

    assert [m.text for m in server.messages("bob", "ops")] == ["for all"]


async def test_slack_away_and_back(
    server: SlackServer, answering: AsyncApp, connect: Any, session: aiohttp.ClientSession
) -> None:
    await connect(answering)
    await server.away()

    assert (await server.slash("alice", "ops", "/onprem status")).error == "dispatch_failed"
    with pytest.raises(aiohttp.ClientError):
        await session.post(server.api_url + "auth.test")

    await server.back()
    await answering.client.auth_test()
