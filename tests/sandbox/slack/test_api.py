"""The page's own API: what a person sees, live updates, acting, control, and who may use it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from sandbox.slack import SlackServer

Ask = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]
BUTTON = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
BUTTONS = [{"type": "actions", "elements": [BUTTON]}]


@pytest.fixture
def ask(server: SlackServer, session: aiohttp.ClientSession) -> Ask:
    """GET with parameters, or POST when a body is given; gives status and JSON."""

    async def ask(name: str, body: Any = None, **query: str) -> tuple[int, dict[str, Any]]:
        url = f"{server.url}/sandbox/{name}"
        call = session.get(url, params=query) if body is None else session.post(url, json=body)
        async with call as answer:
            return answer.status, await answer.json()

    return ask


# -- what somebody sees -------------------------------------------------------------------------


async def test_the_state_shows_only_reachable_channels(ask: Ask) -> None:
    async def channels(name: str) -> set[str]:
        _, state = await ask("state", user=name)
        return {channel["name"] for channel in state["channels"]}

    assert await channels("alice") == {"ops", "general", "incidents", "partners"}
    assert await channels("vera") == {"ops", "general", "partners"}
    assert await channels("gus") == {"general"}
    assert await channels("sam") == {"partners"}


async def test_messages_hide_threads_and_the_ephemerals_of_others(
    ask: Ask, server: SlackServer, client: AsyncWebClient, ops: str
) -> None:
    root = await client.chat_postMessage(channel=ops, text="root")
    await client.chat_postMessage(channel=ops, text="reply", thread_ts=root["ts"])
    alice = server.workspace.person("alice").id
    await client.chat_postEphemeral(channel=ops, user=alice, text="psst")

    async def texts(user: str, **query: str) -> list[str]:
        _, answer = await ask("messages", user=user, channel=ops, **query)
        return [m["text"] for m in answer["messages"]]

    assert await texts("alice") == ["root", "psst"]
    assert await texts("bob") == ["root"]
    assert await texts("bob", thread_ts=root["ts"]) == ["root", "reply"]
    _, seen = await ask("messages", user="alice", channel=ops)
    assert (seen["messages"][0]["reply_count"], seen["messages"][1]["ephemeral"]) == (1, True)


async def test_guests_cannot_read_what_they_cannot_see(ask: Ask, ops: str) -> None:
    status, answer = await ask("messages", user="gus", channel=ops)
    assert status == 404
    assert "no such channel" in answer["error"]


async def test_live_updates_are_for_the_right_eyes(
    server: SlackServer, client: AsyncWebClient, session: aiohttp.ClientSession, ops: str
) -> None:
    async with (
        session.ws_connect(f"{server.url}/sandbox/live?user=alice") as hers,
        session.ws_connect(f"{server.url}/sandbox/live?user=bob") as his,
    ):
        assert (await hers.receive_json())["type"] == "ready"
        assert (await his.receive_json())["type"] == "ready"
        alice = server.workspace.person("alice").id
        await client.chat_postEphemeral(channel=ops, user=alice, text="psst")
        root = await client.chat_postMessage(channel=ops, text="root")
        await client.chat_postMessage(channel=ops, text="reply", thread_ts=root["ts"])
        got = [await hers.receive_json() for _ in range(3)]
        assert [event["message"]["text"] for event in got] == ["psst", "root", "reply"]
        assert got[2]["parent"]["reply_count"] == 1
        assert (await his.receive_json())["message"]["text"] == "root"


async def test_files_are_served_safely(
    ask: Ask,
    server: SlackServer,
    client: AsyncWebClient,
    session: aiohttp.ClientSession,
    ops: str,
) -> None:
    await client.files_upload_v2(channel=ops, filename="g.png", content=b"PNG", alt_txt="graph")
    await client.files_upload_v2(channel=ops, filename="x.html", content="<script>")
    await server.wait_for(lambda: len(server.messages("bob", "ops")) == 2)
    _, seen = await ask("messages", user="bob", channel=ops)
    image, page = (m["files"][0]["url"] for m in seen["messages"])
    async with session.get(server.url + image) as answer:
        assert (answer.content_type, await answer.read()) == ("image/png", b"PNG")
    async with session.get(server.url + page) as answer:
        assert answer.content_type == "text/plain"
        assert answer.headers["Content-Disposition"] == "attachment"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


# -- acting -------------------------------------------------------------------------------------


async def test_everything_a_person_does_works_over_http(
    ask: Ask,
    server: SlackServer,
    bolt: AsyncApp,
    connect: Any,
    client: AsyncWebClient,
    ops: str,
) -> None:
    view = {
        "type": "modal",
        "callback_id": "v",
        "title": {"type": "plain_text", "text": "T"},
        "submit": {"type": "plain_text", "text": "S"},
        "blocks": [
            {
                "type": "input",
                "block_id": "name",
                "label": {"type": "plain_text", "text": "Name"},
                "element": {"type": "plain_text_input", "action_id": "typed"},
            }
        ],
    }

    @bolt.command("/onprem")
    async def on_command(ack: Any, body: dict[str, Any]) -> None:
        await ack("hello")

    @bolt.action("go")
    async def on_go(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @bolt.view("v")
    async def on_submit(ack: Any) -> None:
        await ack()

    await connect(bolt)
    status, slash = await ask("slash", {"user": "alice", "channel": ops, "text": "/onprem x"})
    assert (status, slash["ok"], slash["shown"]) == (200, True, "hello")

    posted = await client.chat_postMessage(channel=ops, text="?", blocks=BUTTONS)
    click = {"user": "alice", "channel": ops, "message_ts": posted["ts"], "action": "go"}
    assert (await ask("click", click))[1]["ok"]
    alice = server.workspace.person("alice").id
    await server.wait_for(lambda: server.workspace.open_modal(alice))
    _, state = await ask("state", user="alice")
    view_id = state["view"]["id"]

    status, refused = await ask("submit", {"user": "alice", "view_id": view_id, "values": {}})
    assert (status, refused["fields"]) == (409, {"name": "Please complete this required field."})
    _, state = await ask("state", user="alice")
    assert state["view"]["errors"] == refused["fields"]
    good = {"user": "alice", "view_id": view_id, "values": {"name": {"typed": "parse"}}}
    assert (await ask("submit", good))[1]["ok"]
    assert (await ask("state", user="alice"))[1]["view"] is None

    said = await ask("message", {"user": "bob", "channel": ops, "text": "thanks"})
    react = {"user": "bob", "channel": ops, "message_ts": said[1]["ts"], "name": "tada"}
    assert (await ask("react", react))[1]["reactions"][0]["count"] == 1
    assert "reactions" not in (await ask("react", react))[1]


async def test_refusals_are_sentences(ask: Ask, ops: str) -> None:
    thread = {"user": "alice", "channel": ops, "text": "/onprem x", "thread_ts": "1.0"}
    status, answer = await ask("slash", thread)
    assert (status, answer["error"]) == (409, "/onprem is not supported in threads. Sorry!")
    status, answer = await ask("slash", {"user": "nobody", "channel": ops, "text": "/onprem"})
    assert status == 404
    assert "alice" in answer["error"]
    status, answer = await ask("slash", {"user": "alice"})
    assert (status, answer["error"]) == (400, "the body lacks 'channel'")


async def test_completions_come_from_whoever_provides_them(ask: Ask, server: SlackServer) -> None:
    async def complete(text: str, user: str) -> list[str]:
        return [f"{text}eploy", server.workspace.users[user].name]

    assert (await ask("complete", user="alice", text="/on"))[1]["completions"] == ["/onprem"]
    server.complete = complete
    answer = (await ask("complete", user="alice", text="/onprem d"))[1]
    assert answer["completions"] == ["/onprem deploy", "alice"]
    assert (await ask("complete", user="alice", text="hello"))[1]["completions"] == []


# -- who may ask --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Content-Type": "text/plain"},
    ],
    ids=str,
)
async def test_other_web_pages_cannot_act(
    server: SlackServer, session: aiohttp.ClientSession, ops: str, headers: dict[str, str]
) -> None:
    body = json.dumps({"user": "alice", "channel": ops, "text": "hello"})
    sent = {"Content-Type": "application/json", **headers}
    url = f"{server.url}/sandbox/message"
    async with session.post(url, data=body, headers=sent) as answer:
        assert answer.status == 403
    assert server.messages("alice", "ops") == []


async def test_other_web_pages_cannot_listen(
    server: SlackServer, session: aiohttp.ClientSession
) -> None:
    url = f"{server.url}/sandbox/live?user=alice"
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await session.ws_connect(url, origin="https://evil.example")


async def test_nothing_outside_the_page_folder_is_served(
    server: SlackServer, session: aiohttp.ClientSession
) -> None:
    async with session.get(f"{server.url}/page/app.js") as answer:
        assert (answer.status, answer.content_type) == (200, "text/javascript")
    for name in ("..%2Fserver.py", "%2e%2e%2fpage%2fapp.js", "..", "server.py", "nothing.js"):
        async with session.get(URL(f"{server.url}/page/{name}", encoded=True)) as answer:
            assert answer.status == 404


# -- for other processes ------------------------------------------------------------------------


async def test_bursts_and_their_statistics(
    ask: Ask, server: SlackServer, bolt: AsyncApp, connect: Any, ops: str
) -> None:
    @bolt.command("/onprem")
    async def on_command(ack: Any) -> None:
        await ack()

    await connect(bolt)
    await ask("control", {"clear_stats": True})
    commands = [{"user": "alice", "channel": ops, "text": f"/onprem {i}"} for i in range(30)]
    _, answer = await ask("burst", {"commands": commands})
    _, stats = await ask("stats")

    assert [d["ok"] for d in answer["deliveries"]] == [True] * 30
    assert {d["id"] for d in answer["deliveries"]} == {d["id"] for d in stats["deliveries"]}
    assert all(d["sent"] <= d["acked"] for d in stats["deliveries"])
    assert len({d["trigger_id"] for d in stats["deliveries"]}) == 30


async def test_control_changes_limits_faults_and_reachability(
    ask: Ask, server: SlackServer
) -> None:
    fault = {"kind": "ratelimited", "method": "chat.update", "times": 2}
    body = {"limits": {"enabled": True, "tiers": {"3": 7}}, "faults": [fault], "away": True}
    status, now = await ask("control", body)

    assert (status, now["away"], now["limits"]["enabled"]) == (200, True, True)
    assert server.limits.tiers == {3: 7}
    assert server.faults.pending[0].times == 2
    await ask("control", {"away": False, "clear_faults": True})
    assert (server.faults.away, server.faults.pending) == (False, [])


@pytest.mark.parametrize(
    "body",
    [{"awy": True}, {"limits": {"speed": 1}}, {"request_url": "https://example.com/slack"}],
    ids=str,
)
async def test_control_refuses_what_it_does_not_know(ask: Ask, body: dict[str, Any]) -> None:
    status, answer = await ask("control", body)
    assert status == 409
    assert answer["error"]


async def test_it_runs_alone_and_prints_one_line_of_json() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sandbox.slack",
        "--no-limits",
        "--command",
        "/kube",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    try:
        assert process.stdout is not None
        printed = json.loads(await process.stdout.readline())
        client = AsyncWebClient(token=printed["bot_token"], base_url=printed["api"])
        assert (await client.auth_test())["team_id"] == printed["team_id"]
        async with (
            aiohttp.ClientSession() as session,
            session.get(printed["sandbox"] + "state?user=alice") as answer,
        ):
            assert (await answer.json())["commands"] == ["/kube"]
    finally:
        process.terminate()
        rest = await process.communicate()
    assert process.returncode == 0
    assert rest[0] == b""
