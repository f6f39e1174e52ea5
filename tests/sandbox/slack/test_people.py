"""What a Slack client does with what people type."""

from __future__ import annotations

from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp

from sandbox.slack import Refused, SlackServer


async def test_typed_text_is_escaped_and_names_become_mentions(server: SlackServer) -> None:
    ws = server.workspace
    message, delivery = server.say("alice", "ops", "@bob <b> & me@bob @nobody. Hi @onprem.")
    bob, bot = ws.person("bob").id, ws.app.bot_user
    assert message.text == f"<@{bob}> &lt;b&gt; &amp; me@bob @nobody. Hi <@{bot}>."
    assert delivery is not None
    assert delivery.payload["event"]["type"] == "app_mention"


async def test_commands_carry_ids_when_the_app_asks_for_them(server: SlackServer) -> None:
    ws = server.workspace
    line = "/onprem grant @bob @platform #ops @nobody x@bob 'n <= 1'"
    raw = await server.slash("alice", "ops", line)
    assert raw.payload["text"] == line.removeprefix("/onprem ")
    ws.app.escape_commands = True
    bob, group, ops = ws.person("bob").id, next(iter(ws.groups)), ws.channel("ops").id
    escaped = await server.slash("alice", "ops", line)
    assert escaped.payload["text"] == (
        f"grant <@{bob}|bob> <!subteam^{group}|@platform> <#{ops}|ops> @nobody x@bob 'n &lt;= 1'"
    )


async def test_mentions_without_the_bot_in_the_channel_reach_nobody(server: SlackServer) -> None:
    assert server.mention("alice", "general", "hello") is None


async def test_invite_brings_the_bot_into_a_channel(server: SlackServer) -> None:
    general = server.workspace.channel("general")
    await server.slash("alice", "general", "/invite @onprem")
    assert server.workspace.app.bot_user in general.members
    again = await server.slash("alice", "general", "/invite @onprem")
    assert again.shown == "onprem is already in the channel."
    with pytest.raises(Refused, match="nobody here is called"):
        await server.slash("alice", "general", "/invite @ghost")


async def test_people_write_only_where_they_are(server: SlackServer) -> None:
    with pytest.raises(Refused, match="cannot see"):
        server.say("gus", "ops", "hello")
    with pytest.raises(Refused, match="join #partners first"):
        server.say("bob", "partners", "hello")


async def test_direct_messages_arrive_as_events(
    server: SlackServer, bolt: AsyncApp, connect: Any, until: Any
) -> None:
    seen: list[str] = []

    @bolt.event("message")
    async def on_message(event: dict[str, Any]) -> None:
        seen.append(event["text"])

    await connect(bolt)
    _, delivery = server.say("alice", "@onprem", "hello")
    assert delivery is not None
    await until(lambda: seen and delivery.ok)
    assert seen == ["hello"]
