"""The Web API through the real client: messages, conversations, people, refusals, failures."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack import Fault, ManualClock, SlackServer

HEADER = [{"type": "header", "text": {"type": "plain_text", "text": "Deploy"}}]


async def refusal(call: Any) -> str:
    """The error code of a call that must fail."""
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(refused.value.response["error"])


# -- who calls ----------------------------------------------------------------------------------


async def test_auth_test_tells_who_the_bot_is(client: AsyncWebClient, server: SlackServer) -> None:
    answer = await client.auth_test()
    assert answer["user_id"] == server.workspace.app.bot_user
    assert answer["team_id"] == server.workspace.team_id


async def test_tokens_are_checked(server: SlackServer, client: AsyncWebClient) -> None:
    def with_token(token: str | None) -> AsyncWebClient:
        return AsyncWebClient(token=token, base_url=server.api_url)

    assert await refusal(with_token(None).auth_test()) == "not_authed"
    assert await refusal(with_token("xoxb-wrong").auth_test()) == "invalid_auth"
    assert await refusal(with_token(server.app_token).auth_test()) == "not_allowed_token_type"
    wrong_kind = client.apps_connections_open(app_token=server.bot_token)
    assert await refusal(wrong_kind) == "not_allowed_token_type"
    server.workspace.app.revoked = True
    assert await refusal(client.auth_test()) == "token_revoked"


async def test_unknown_methods_are_named(client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.api_call("chat.shout")
    assert refused.value.response["error"] == "unknown_method"
    assert refused.value.response["req_method"] == "chat.shout"


@pytest.mark.parametrize(
    ("scope", "method", "args"),
    [
        ("chat:write", "chat.postMessage", {"channel": "ops", "text": "x"}),
        ("channels:read", "conversations.info", {"channel": "ops"}),
        ("im:write", "conversations.open", {"users": "alice"}),
        ("users:read", "users.info", {"user": "alice"}),
        ("users:read.email", "users.lookupByEmail", {"email": "alice@example.com"}),
        ("usergroups:read", "usergroups.list", {}),
        ("reactions:write", "reactions.add", {"channel": "ops", "timestamp": "1", "name": "eyes"}),
        ("files:write", "files.getUploadURLExternal", {"filename": "a", "length": 1}),
        ("team:read", "team.info", {}),
    ],
)
async def test_a_missing_scope_is_named(
    client: AsyncWebClient, server: SlackServer, scope: str, method: str, args: dict[str, Any]
) -> None:
    server.workspace.app.scopes.discard(scope)
    ids = {"ops": server.workspace.channel("ops").id, "alice": server.workspace.person("alice").id}
    with pytest.raises(SlackApiError) as refused:
        await client.api_call(method, json={k: ids.get(v, v) for k, v in args.items()})
    answer = refused.value.response
    assert answer["error"] == "missing_scope"
    assert answer["needed"] == scope
    assert "commands" in answer["provided"]


async def test_history_needs_a_scope_that_bots_do_not_have(
    client: AsyncWebClient, ops: str
) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.conversations_history(channel=ops)
    assert refused.value.response["needed"] == "channels:history"


# -- messages -----------------------------------------------------------------------------------


async def test_form_and_json_bodies_mean_the_same(
    client: AsyncWebClient, server: SlackServer, ops: str
) -> None:
    await client.chat_postMessage(channel=ops, text="json", blocks=HEADER)
    form = {"channel": ops, "text": "form", "blocks": '[{"type": "divider"}]'}
    await client.api_call("chat.postMessage", data=form)

    shown = server.messages("bob", "ops")
    assert [m.text for m in shown] == ["json", "form"]
    assert [m.blocks[0]["type"] for m in shown] == ["header", "divider"]


async def test_posting_where_the_bot_may_not(client: AsyncWebClient, server: SlackServer) -> None:
    ws = server.workspace
    general, incidents = ws.channel("general"), ws.channel("incidents")
    archived = ws.add_channel("old", ["alice"], is_archived=True)
    secret = ws.add_channel("secret", ["alice"], bot=False, is_private=True)
    incidents.members.remove(ws.app.bot_user)

    def post(channel: str) -> Any:
        return client.chat_postMessage(channel=channel, text="x")

    assert await refusal(post(general.id)) == "not_in_channel"
    assert await refusal(post("C0NOWHERE")) == "channel_not_found"
    assert await refusal(post(secret.id)) == "channel_not_found"
    assert await refusal(post(incidents.id)) == "channel_not_found"
    assert await refusal(post(archived.id)) == "is_archived"


async def test_posting_to_a_person_opens_a_direct_message(
    client: AsyncWebClient, server: SlackServer
) -> None:
    alice = server.workspace.person("alice")
    answer = await client.chat_postMessage(channel=alice.id, text="psst")
    assert answer["channel"].startswith("D")
    assert (await client.conversations_open(users=alice.id))["channel"]["id"] == answer["channel"]
    assert [m.text for m in server.messages("alice", "@onprem")] == ["psst"]


async def test_a_message_needs_something_to_show(client: AsyncWebClient, ops: str) -> None:
    empty = client.api_call("chat.postMessage", json={"channel": ops, "text": ""})
    assert await refusal(empty) == "no_text"


async def test_very_long_text_is_truncated_with_a_warning(
    client: AsyncWebClient, server: SlackServer, ops: str
) -> None:
    answer = await client.chat_postMessage(channel=ops, text="x" * 40_001)
    assert answer["warning"] == "message_truncated"
    assert len(server.messages("bob", "ops")[0].text) == 40_000


async def test_bad_blocks_come_back_with_the_reason(client: AsyncWebClient, ops: str) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=ops, text="x", blocks=[{"type": "header"}])
    answer = refused.value.response
    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] missing required field: text [json-pointer:/blocks/0]"
    ]


async def test_update_edits_in_place_and_text_alone_drops_the_blocks(
    client: AsyncWebClient, server: SlackServer, ops: str
) -> None:
    posted = await client.chat_postMessage(channel=ops, text="start", blocks=HEADER)
    await client.chat_update(channel=ops, ts=posted["ts"], text="half", blocks=HEADER)
    assert server.messages("bob", "ops")[0].blocks
    await client.chat_update(channel=ops, ts=posted["ts"], text="done")

    (message,) = server.messages("bob", "ops")
    assert (message.text, message.blocks, message.ts) == ("done", [], posted["ts"])
    assert message.edited_ts is not None


async def test_update_touches_only_own_lasting_messages(
    client: AsyncWebClient, server: SlackServer, ops: str
) -> None:
    alices, _ = server.say("alice", "ops", "mine")
    hidden = await client.chat_postEphemeral(
        channel=ops, user=server.workspace.person("alice").id, text="only you"
    )

    def update(ts: str, text: str = "x") -> Any:
        return client.chat_update(channel=ops, ts=ts, text=text)

    assert await refusal(update(alices.ts)) == "cant_update_message"
    assert await refusal(update(hidden["message_ts"])) == "message_not_found"
    assert await refusal(update("1.000000")) == "message_not_found"
    own = await client.chat_postMessage(channel=ops, text="own")
    assert await refusal(update(own["ts"], "x" * 4001)) == "msg_too_long"
    assert await refusal(client.chat_delete(channel=ops, ts=alices.ts)) == "cant_delete_message"


async def test_the_edit_window_closes(
    client: AsyncWebClient, server: SlackServer, ops: str, clock: ManualClock
) -> None:
    server.workspace.edit_window = 60
    posted = await client.chat_postMessage(channel=ops, text="x")
    clock.advance(61)
    late = client.chat_update(channel=ops, ts=posted["ts"], text="y")
    assert await refusal(late) == "edit_window_closed"


async def test_delete_takes_a_message_away(
    client: AsyncWebClient, server: SlackServer, ops: str
) -> None:
    posted = await client.chat_postMessage(channel=ops, text="x")
    await client.chat_delete(channel=ops, ts=posted["ts"])
    assert server.messages("bob", "ops") == []


async def test_ephemerals_are_for_one_member_only(
    client: AsyncWebClient, server: SlackServer, ops: str
) -> None:
    alice, gus = server.workspace.person("alice"), server.workspace.person("gus")
    await client.chat_postEphemeral(channel=ops, user=alice.id, text="for you")
    assert [m.text for m in server.messages("alice", "ops")] == ["for you"]
    assert server.messages("bob", "ops") == []
    outside = client.chat_postEphemeral(channel=ops, user=gus.id, text="x")
    assert await refusal(outside) == "user_not_in_channel"


async def test_threads(client: AsyncWebClient, server: SlackServer, ops: str) -> None:
    server.workspace.app.scopes |= {"channels:history"}
    root = await client.chat_postMessage(channel=ops, text="root")
    reply = await client.chat_postMessage(channel=ops, text="reply", thread_ts=root["ts"])
    await client.chat_postMessage(
        channel=ops, text="loud", thread_ts=reply["ts"], reply_broadcast=True
    )

    thread = (await client.conversations_replies(channel=ops, ts=root["ts"]))["messages"]
    assert [m["text"] for m in thread] == ["root", "reply", "loud"]
    assert thread[0]["reply_count"] == 2
    history = (await client.conversations_history(channel=ops))["messages"]
    assert [m["text"] for m in history] == ["loud", "root"]
    orphan = client.chat_postMessage(channel=ops, text="x", thread_ts="1.000001")
    assert await refusal(orphan) == "thread_not_found"


async def test_distributed_apps_read_fifteen_messages_a_minute(
    client: AsyncWebClient, server: SlackServer, ops: str
) -> None:
    server.workspace.app.scopes |= {"channels:history"}
    server.workspace.app.is_distributed = server.limits.enabled = True
    for number in range(20):
        server.say("alice", "ops", str(number))
    page = await client.conversations_history(channel=ops, limit=100)
    assert len(page["messages"]) == 15
    assert page["has_more"]
    assert await refusal(client.conversations_history(channel=ops)) == "ratelimited"


async def test_permalinks_lead_to_the_message(client: AsyncWebClient, ops: str) -> None:
    posted = await client.chat_postMessage(channel=ops, text="x")
    answer = await client.chat_getPermalink(channel=ops, message_ts=posted["ts"])
    assert answer["permalink"].endswith(f"/archives/{ops}/p{posted['ts'].replace('.', '')}")


async def test_timestamps_are_never_used_twice(
    client: AsyncWebClient, server: SlackServer, ops: str
) -> None:
    stamps = [(await client.chat_postMessage(channel=ops, text="x"))["ts"] for _ in range(20)]
    assert sorted(set(stamps)) == stamps


async def test_reactions(client: AsyncWebClient, server: SlackServer, ops: str) -> None:
    message, _ = server.say("alice", "ops", "deploying")
    await client.reactions_add(channel=ops, timestamp=message.ts, name="eyes")
    again = client.reactions_add(channel=ops, timestamp=message.ts, name="eyes")
    assert await refusal(again) == "already_reacted"
    assert message.reactions == {"eyes": [server.workspace.app.bot_user]}
    await client.reactions_remove(channel=ops, timestamp=message.ts, name="eyes")
    none = client.reactions_remove(channel=ops, timestamp=message.ts, name="eyes")
    assert await refusal(none) == "no_reaction"


# -- conversations and people -------------------------------------------------------------------


async def test_lists_are_paged(client: AsyncWebClient, server: SlackServer) -> None:
    first = await client.users_list(limit=3)
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.users_list(limit=3, cursor=cursor)
    names = [m["name"] for m in first["members"] + second["members"]]
    assert len(set(names)) == 6
    assert await refusal(client.users_list(cursor="nonsense")) == "invalid_cursor"


async def test_channel_lists_hide_private_channels_of_others(
    client: AsyncWebClient, server: SlackServer
) -> None:
    server.workspace.add_channel("secret", ["alice"], bot=False, is_private=True)
    listed = await client.conversations_list(types="public_channel,private_channel")
    names = {channel["name"] for channel in listed["channels"]}
    assert names == {"ops", "general", "incidents", "partners"}


async def test_joining_makes_posting_possible(client: AsyncWebClient, server: SlackServer) -> None:
    general = server.workspace.channel("general").id
    assert await refusal(client.conversations_join(channel=general)) == "missing_scope"
    server.workspace.app.scopes.add("channels:join")
    await client.conversations_join(channel=general)
    assert (await client.chat_postMessage(channel=general, text="hi"))["ok"]
    members = (await client.conversations_members(channel=general))["members"]
    assert server.workspace.app.bot_user in members


async def test_people_carry_what_a_bot_needs_to_know(
    client: AsyncWebClient, server: SlackServer
) -> None:
    async def info(name: str) -> dict[str, Any]:
        answer = await client.users_info(user=server.workspace.person(name).id)
        return dict(answer["user"])

    bob, gus, sam = await info("bob"), await info("gus"), await info("sam")
    assert (bob["tz"], bob["is_restricted"]) == ("Asia/Tokyo", False)
    assert gus["is_restricted"]
    assert sam["is_stranger"]
    assert sam["team_id"] != server.workspace.team_id
    assert (await client.users_lookupByEmail(email="bob@example.com"))["user"]["id"] == bob["id"]
    assert await refusal(client.users_info(user="U0NOBODY")) == "user_not_found"


async def test_user_groups(client: AsyncWebClient, server: SlackServer) -> None:
    (group,) = (await client.usergroups_list())["usergroups"]
    users = (await client.usergroups_users_list(usergroup=group["id"]))["users"]
    assert users == [server.workspace.person(name).id for name in ("alice", "bob")]


# -- failures on request ------------------------------------------------------------------------


async def test_forced_failures_hit_the_method_they_name(
    client: AsyncWebClient, server: SlackServer, ops: str
) -> None:
    client.retry_handlers.clear()
    server.faults.add(Fault("http_500", "chat.postMessage"))
    await client.auth_test()
    with pytest.raises((SlackApiError, aiohttp.ClientError)):
        await client.chat_postMessage(channel=ops, text="x")
    assert (await client.chat_postMessage(channel=ops, text="y"))["ok"]
    server.faults.add(Fault("error", "auth.test", code="internal_error"))
    assert await refusal(client.auth_test()) == "internal_error"
    assert server.faults.pending == []


async def test_a_dropped_connection_may_or_may_not_have_acted(
    client: AsyncWebClient, server: SlackServer, ops: str
) -> None:
    client.retry_handlers.clear()
    for kind, seen in (("drop", 0), ("drop_after", 1)):
        server.faults.add(Fault(kind, "chat.postMessage"))  # type: ignore[arg-type]
        with pytest.raises(aiohttp.ClientError):
            await client.chat_postMessage(channel=ops, text="x")
        assert len(server.messages("bob", "ops")) == seen


async def test_a_hanging_call_never_answers(server: SlackServer, client: AsyncWebClient) -> None:
    server.faults.add(Fault("hang", "auth.test"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.auth_test(), 0.05)
