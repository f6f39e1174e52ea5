"""Clicks, response URLs, trigger ids and modals with a real Bolt app."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack import ManualClock, Refused, SlackServer


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def modal(title: str = "Restore", **more: Any) -> dict[str, Any]:
    name = {"type": "plain_text_input", "action_id": "typed"}
    return {
        "type": "modal",
        "callback_id": "restore",
        "title": plain(title),
        "submit": plain("Restore"),
        "blocks": [{"type": "input", "block_id": "name", "label": plain("Name"), "element": name}],
        **more,
    }


BUTTONS = [
    {
        "type": "actions",
        "block_id": "choice",
        "elements": [
            {"type": "button", "action_id": "approve", "value": "op-1", "text": plain("Approve")},
            {
                "type": "static_select",
                "action_id": "pick",
                "options": [{"text": plain("One"), "value": "1"}],
            },
        ],
    }
]


@pytest.fixture
async def opened(server: SlackServer, bolt: AsyncApp, connect: Any) -> AsyncApp:
    """An app whose command opens a modal; alice has it before her."""

    @bolt.command("/onprem")
    async def on_command(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal())

    await connect(bolt)
    await server.slash("alice", "ops", "/onprem restore")
    alice = server.workspace.person("alice").id
    await server.wait_for(lambda: server.workspace.open_modal(alice))
    return bolt


# -- clicks -------------------------------------------------------------------------------------


async def test_a_click_brings_the_whole_payload(
    server: SlackServer, bolt: AsyncApp, connect: Any, client: AsyncWebClient, ops: str
) -> None:
    seen: list[dict[str, Any]] = []

    @bolt.action("approve")
    async def on_approve(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body)
        await ack()

    await connect(bolt)
    posted = await client.chat_postMessage(channel=ops, text="?", blocks=BUTTONS)
    for name in ("approve", "op-1", "Approve"):
        assert (await server.click("alice", posted["ts"], name)).ok

    body = seen[0]
    assert body["actions"][0]["value"] == "op-1"
    assert body["actions"][0]["block_id"] == "choice"
    assert body["user"]["team_id"] == server.workspace.team_id
    assert body["container"] == {
        "type": "message",
        "message_ts": posted["ts"],
        "channel_id": ops,
        "is_ephemeral": False,
    }
    assert body["message"]["ts"] == posted["ts"]
    assert (body["enterprise"], body["is_enterprise_install"]) == (None, False)
    assert body["state"] == {"values": {}}


async def test_a_choice_carries_the_option(
    server: SlackServer, bolt: AsyncApp, connect: Any, client: AsyncWebClient, ops: str
) -> None:
    seen: list[Any] = []

    @bolt.action("pick")
    async def on_pick(ack: Any, action: dict[str, Any]) -> None:
        seen.append(action["selected_option"]["value"])
        await ack()

    await connect(bolt)
    posted = await client.chat_postMessage(channel=ops, text="?", blocks=BUTTONS)
    await server.select("alice", posted["ts"], "pick", "1")
    assert seen == ["1"]
    with pytest.raises(Refused, match="no option"):
        await server.select("alice", posted["ts"], "pick", "2")


async def test_what_is_not_there_cannot_be_clicked(
    server: SlackServer, client: AsyncWebClient, ops: str
) -> None:
    posted = await client.chat_postMessage(channel=ops, text="?", blocks=BUTTONS)
    with pytest.raises(Refused, match="there is: 'Approve', 'pick'"):
        await server.click("alice", posted["ts"], "Explode")
    hidden = await client.chat_postEphemeral(
        channel=ops, user=server.workspace.person("alice").id, text="?", blocks=BUTTONS
    )
    with pytest.raises(Refused, match="bob sees no message"):
        await server.click("bob", hidden["message_ts"], "approve")
    with pytest.raises(Refused, match="gus sees no message"):
        await server.click("gus", posted["ts"], "approve")


async def test_an_unanswered_click_shows_a_warning(
    server: SlackServer, client: AsyncWebClient, ops: str
) -> None:
    posted = await client.chat_postMessage(channel=ops, text="?", blocks=BUTTONS)
    with server.core.feed.subscribe() as events:
        delivery = await server.click("alice", posted["ts"], "approve")
    assert delivery.error == "dispatch_failed"
    assert events.get_nowait()["type"] == "warning"


async def test_buttons_in_attachments_work_too(
    server: SlackServer, bolt: AsyncApp, connect: Any, client: AsyncWebClient, ops: str
) -> None:
    @bolt.action("approve")
    async def on_approve(ack: Any) -> None:
        await ack()

    await connect(bolt)
    colour = [{"color": "#2eb67d", "blocks": BUTTONS}]
    posted = await client.chat_postMessage(channel=ops, text="?", attachments=colour)
    assert (await server.click("alice", posted["ts"], "approve")).ok


# -- response URLs ------------------------------------------------------------------------------


async def test_ephemerals_can_be_replaced_and_deleted_by_their_click(
    server: SlackServer, bolt: AsyncApp, connect: Any, client: AsyncWebClient, ops: str
) -> None:
    @bolt.action("approve")
    async def on_approve(ack: Any, respond: Any, body: dict[str, Any]) -> None:
        await ack()
        assert "message" not in body
        await respond(text="approved", replace_original=True)

    await connect(bolt)
    alice = server.workspace.person("alice").id
    posted = await client.chat_postEphemeral(channel=ops, user=alice, text="?", blocks=BUTTONS)
    await server.click("alice", posted["message_ts"], "approve")
    message = await server.wait_for_message("alice", "ops", lambda m: m.text == "approved")
    assert (message.ts, message.blocks) == (posted["message_ts"], [])


async def _response_url(server: SlackServer, bolt: AsyncApp, connect: Any) -> str:
    urls = []

    @bolt.command("/onprem")
    async def on_command(ack: Any, body: dict[str, Any]) -> None:
        urls.append(body["response_url"])
        await ack()

    await connect(bolt)
    await server.slash("alice", "general", "/onprem status")
    return str(urls[0])


async def test_a_response_url_works_five_times(
    server: SlackServer, bolt: AsyncApp, connect: Any, session: aiohttp.ClientSession
) -> None:
    url = await _response_url(server, bolt, connect)
    for number in range(5):
        answer = await session.post(url, json={"text": str(number)})
        assert (answer.status, await answer.text()) == (200, "ok")
    sixth = await session.post(url, json={"text": "no"})
    assert (sixth.status, (await sixth.json())["error"]) == (404, "used_url")
    assert len(server.messages("alice", "general")) == 5


async def test_a_response_url_works_for_thirty_minutes(
    server: SlackServer,
    bolt: AsyncApp,
    connect: Any,
    session: aiohttp.ClientSession,
    clock: ManualClock,
) -> None:
    url = await _response_url(server, bolt, connect)
    clock.advance(1800)
    assert (await session.post(url, json={"text": "just"})).status == 200
    clock.advance(1)
    late = await session.post(url, json={"text": "late"})
    assert (await late.json())["error"] == "expired_url"


async def test_response_urls_reach_channels_that_the_bot_is_not_in(
    server: SlackServer, bolt: AsyncApp, connect: Any, session: aiohttp.ClientSession
) -> None:
    url = await _response_url(server, bolt, connect)
    await session.post(url, json={"text": "for me"})
    await session.post(url, json={"text": "for all", "response_type": "in_channel"})
    assert [m.text for m in server.messages("alice", "general")] == ["for me", "for all"]
    assert [m.text for m in server.messages("bob", "general")] == ["for all"]
    await session.post(url, json={"delete_original": True})
    assert [m.text for m in server.messages("alice", "general")] == ["for all"]
    bad = await session.post(url, json={"blocks": [{"type": "header"}]})
    assert (bad.status, (await bad.json())["error"]) == (400, "invalid_blocks")


# -- trigger ids --------------------------------------------------------------------------------


async def test_a_trigger_opens_one_view_within_three_seconds(
    server: SlackServer, client: AsyncWebClient, clock: ManualClock
) -> None:
    alice = server.workspace.person("alice").id

    async def error(trigger: str) -> str:
        with pytest.raises(SlackApiError) as refused:
            await client.views_open(trigger_id=trigger, view=modal())
        return str(refused.value.response["error"])

    trigger = server.core.triggers.issue(alice)
    clock.advance(3.0)
    await client.views_open(trigger_id=trigger, view=modal())
    assert await error(trigger) == "exchanged_trigger_id"
    late = server.core.triggers.issue(alice)
    clock.advance(3.1)
    assert await error(late) == "expired_trigger_id"
    assert await error("1.2.made-up") == "invalid_trigger_id"


async def test_at_most_three_modals_are_stacked(
    server: SlackServer, client: AsyncWebClient
) -> None:
    alice = server.workspace.person("alice").id
    first = await client.views_open(trigger_id=server.core.triggers.issue(alice), view=modal())

    async def push() -> Any:
        top = server.workspace.open_modal(alice)
        assert top is not None
        return await client.views_push(
            trigger_id=server.core.triggers.issue(alice, top.id), view=modal()
        )

    second = await push()
    assert second["view"]["previous_view_id"] == first["view"]["id"]
    assert second["view"]["root_view_id"] == first["view"]["id"]
    await push()
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        await push()


# -- submissions --------------------------------------------------------------------------------


async def test_a_submission_carries_what_was_typed_and_closes_the_modal(
    server: SlackServer, opened: AsyncApp
) -> None:
    seen: list[Any] = []

    @opened.view("restore")
    async def on_submit(ack: Any, view: dict[str, Any]) -> None:
        seen.append(view["state"]["values"]["name"]["typed"]["value"])
        await ack()

    assert (await server.submit_view("alice", values={"typed": "parse"})).ok
    assert seen == ["parse"]
    assert server.workspace.open_modal(server.workspace.person("alice").id) is None


async def test_errors_stay_below_the_input(server: SlackServer, opened: AsyncApp) -> None:
    @opened.view("restore")
    async def on_submit(ack: Any) -> None:
        await ack(response_action="errors", errors={"name": "that is not its name"})

    await server.submit_view("alice", values={"name": "prase"})

    view = server.workspace.open_modal(server.workspace.person("alice").id)
    assert view is not None
    assert view.errors == {"name": "that is not its name"}


async def test_a_submission_can_update_push_and_clear(
    server: SlackServer, opened: AsyncApp
) -> None:
    answers: list[dict[str, Any]] = [
        {"response_action": "update", "view": modal("Second")},
        {"response_action": "push", "view": modal("Third")},
        {"response_action": "clear"},
    ]

    @opened.view("restore")
    async def on_submit(ack: Any) -> None:
        await ack(**answers.pop(0))

    alice = server.workspace.person("alice").id
    titles = []
    for _ in range(3):
        await server.submit_view("alice", values={"name": "x"})
        view = server.workspace.open_modal(alice)
        titles.append(view.payload["title"]["text"] if view else None)
    assert titles == ["Second", "Third", None]


async def test_slacks_client_does_not_submit_an_empty_required_field(
    server: SlackServer, opened: AsyncApp
) -> None:
    before = len(server.core.courier.log)
    with pytest.raises(Refused) as refused:
        await server.submit_view("alice")
    assert refused.value.fields == {"name": "Please complete this required field."}
    assert len(server.core.courier.log) == before


async def test_a_broken_answer_keeps_the_modal_open(server: SlackServer, opened: AsyncApp) -> None:
    @opened.view("restore")
    async def on_submit(ack: Any) -> None:
        await ack(response_action="update", view={"type": "modal"})

    delivery = await server.submit_view("alice", values={"name": "x"})

    assert delivery.error == "invalid_arguments"
    assert server.workspace.open_modal(server.workspace.person("alice").id) is not None


async def test_views_update_keeps_what_was_typed_and_guards_with_a_hash(
    server: SlackServer, opened: AsyncApp, client: AsyncWebClient
) -> None:
    view = server.workspace.open_modal(server.workspace.person("alice").id)
    assert view is not None
    view.state["name"]["typed"]["value"] = "half typed"
    old = view.hash
    await client.views_update(view_id=view.id, hash=old, view=modal("New title"))
    assert view.payload["title"]["text"] == "New title"
    assert view.state["name"]["typed"]["value"] == "half typed"
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_update(view_id=view.id, hash=old, view=modal())
    with pytest.raises(SlackApiError, match="not_found"):
        await client.views_update(view_id="V0NOWHERE", view=modal())


async def test_closing_is_told_only_when_the_view_asked(
    server: SlackServer, opened: AsyncApp, client: AsyncWebClient
) -> None:
    seen: list[Any] = []

    @opened.view_closed("restore")
    async def on_closed(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body["is_cleared"])
        await ack()

    assert await server.close_view("alice") is None
    alice = server.workspace.person("alice").id
    trigger = server.core.triggers.issue(alice)
    await client.views_open(trigger_id=trigger, view=modal(notify_on_close=True))
    delivery = await server.close_view("alice")
    assert delivery is not None
    assert delivery.ok
    assert seen == [False]


async def test_the_home_tab_is_published_and_reached_by_its_buttons(
    server: SlackServer, bolt: AsyncApp, connect: Any, client: AsyncWebClient
) -> None:
    seen: list[str] = []

    @bolt.event("app_home_opened")
    async def on_home(event: dict[str, Any]) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": BUTTONS})

    @bolt.action("approve")
    async def on_approve(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body["view"]["type"])
        await ack()

    await connect(bolt)
    alice = server.workspace.person("alice").id
    server.open_home("alice")
    home = await server.wait_for(lambda: server.workspace.homes.get(alice))
    await server.click("alice", home.id, "approve")
    assert seen == ["home"]
