"""Buttons and the field for a typed name: who may press, what happens twice or too late."""

from __future__ import annotations

import asyncio

import pytest

from bot.store import approvals, requests
from sandbox.slack import Fault
from sandbox.slack.entities import Message
from tests.bot.slack.conftest import Office, buttons, everything


@pytest.fixture
async def question(bot: Office) -> Message:
    """A scale-down that waits for a click."""
    bot.world.size = 5
    await bot.ask("alice", "ops", "size web 3")
    return await bot.told("bob", "ops", "Go on?", private=False)


@pytest.fixture
async def grave(bot: Office) -> Message:
    """A change that wants the name typed."""
    await bot.ask("alice", "ops", "size web 0")
    return await bot.told("bob", "ops", "typing", private=False)


async def ended(bot: Office) -> list[str]:
    rows = await bot.store.read(lambda db: requests.find(db, limit=10))
    return [str(row.state) for row in rows]


async def test_going_on_runs_it_and_takes_the_buttons_away(bot: Office, question: Message) -> None:
    await bot.server.click("bob", question, "Go on")
    after = await bot.told("alice", "ops", "size is 3", private=False)
    assert after.ts == question.ts
    assert "Go on" not in buttons(after)
    assert bot.world.size == 3


async def test_leaving_it_says_who_and_takes_the_buttons_away(
    bot: Office, question: Message
) -> None:
    await bot.server.click("bob", question, "Leave it")
    after = await bot.told("alice", "ops", "Left alone", private=False)
    assert after.ts == question.ts
    assert not buttons(after)
    assert f"<@{bot.user('bob')}>" in everything(after)
    assert bot.world.size == 5


async def test_values_say_nothing(bot: Office, question: Message) -> None:
    for value in buttons(question).values():
        assert len(value) >= 20
        assert "web" not in value
        assert "size" not in value


async def test_a_viewer_is_told_why_not_and_the_button_stays_for_others(
    bot: Office, question: Message
) -> None:
    await bot.server.click("vera", question, "Go on")
    await bot.told("vera", "ops", "You may not size", private=True)
    assert buttons(await bot.told("bob", "ops", "Go on?"))
    assert bot.world.size == 5
    await bot.server.click("bob", question, "Go on")
    await bot.told("alice", "ops", "size is 3", private=False)


async def test_a_double_click_runs_once_and_says_nothing(bot: Office, question: Message) -> None:
    await asyncio.gather(*(bot.server.click("bob", question, "Go on") for _ in range(2)))
    await bot.told("alice", "ops", "size is 3", private=False)
    await bot.quiet()
    assert bot.world.log.count("second") == 1
    assert not [m for m in bot.seen("bob", "ops") if m.ephemeral_to]


async def test_two_people_clicking_run_it_once_and_the_second_is_told(
    bot: Office, question: Message
) -> None:
    await bot.ask("bob", "ops", "look")
    await bot.told("bob", "ops", "size 5")
    await asyncio.gather(
        bot.server.click("alice", question, "Go on"), bot.server.click("bob", question, "Go on")
    )
    await bot.told("vera", "ops", "size is 3", private=False)
    await bot.until(
        lambda: any(
            "already decided" in everything(m)
            for who in ("alice", "bob")
            for m in bot.seen(who, "ops")
        )
    )
    assert bot.world.log.count("second") == 1


async def test_an_expired_question_says_so(bot: Office, question: Message) -> None:
    (request,) = await bot.store.read(lambda db: requests.find(db, limit=10))
    await bot.store.write(lambda db: approvals.expire(db, request.id, 1_000_000))
    await bot.server.click("bob", question, "Go on")
    await bot.told("bob", "ops", "expired", private=True)
    assert bot.world.size == 5


async def test_a_question_that_nobody_answered_loses_its_buttons(
    bot: Office, question: Message
) -> None:
    bot.later[0] = 16 * 60_000_000
    await bot.engine.sweep()
    after = await bot.told("bob", "ops", "Expired without an answer", private=False)
    assert after.ts == question.ts
    assert not buttons(after)


async def test_the_right_name_runs_it(bot: Office, grave: Message) -> None:
    await bot.server.click("bob", grave, "Go on …")
    await bot.server.wait_for(lambda: bot.server.workspace.open_modal(bot.user("bob")))
    await bot.server.submit_view("bob", values={"name": "web"})
    await bot.told("alice", "ops", "size is 0", private=False)
    assert bot.server.workspace.open_modal(bot.user("bob")) is None
    assert bot.world.size == 0


async def test_a_wrong_name_is_an_error_in_the_field(bot: Office, grave: Message) -> None:
    await bot.server.click("bob", grave, "Go on …")
    await bot.server.wait_for(lambda: bot.server.workspace.open_modal(bot.user("bob")))
    await bot.server.submit_view("bob", values={"name": "wep"})
    view = bot.server.workspace.open_modal(bot.user("bob"))
    assert view is not None, "the field stays open"
    assert "web" in view.errors["name"]
    assert bot.world.size == 1
    await bot.server.submit_view("bob", values={"name": " web "})
    await bot.told("alice", "ops", "size is 0", private=False)


async def test_a_viewer_gets_no_field(bot: Office, grave: Message) -> None:
    await bot.ask("vera", "ops", "look")
    await bot.told("vera", "ops", "size 1")
    await bot.server.click("vera", grave, "Go on …")
    await bot.told("vera", "ops", "You may not size", private=True)
    assert bot.server.workspace.open_modal(bot.user("vera")) is None


async def test_a_stranger_to_the_cache_is_denied_after_the_field(
    bot: Office, grave: Message
) -> None:
    await bot.server.click("vera", grave, "Go on …")
    await bot.server.wait_for(lambda: bot.server.workspace.open_modal(bot.user("vera")))
    await bot.server.submit_view("vera", values={"name": "web"})
    await bot.told("vera", "ops", "You may not size", private=True)
    assert bot.world.size == 1


async def test_a_field_that_slack_does_not_open_is_told(bot: Office, grave: Message) -> None:
    bot.server.faults.add(Fault("error", "views.open", code="expired_trigger_id"))
    await bot.server.click("bob", grave, "Go on …")
    await bot.told("bob", "ops", "did not open", private=True)


async def test_a_result_button_runs_as_whoever_presses_it(bot: Office) -> None:
    await bot.ask("alice", "ops", "print 3")
    result = await bot.told("bob", "ops", "Printed")
    await bot.quiet()
    await bot.server.click("vera", result, "Size it")
    await bot.told("vera", "ops", "You may not size", private=True)
    await bot.server.click("bob", result, "Size it")
    after = await bot.told("alice", "ops", "size is 7", private=False)
    assert f"<@{bot.user('bob')}>" in everything(after)
    assert bot.world.size == 7
    assert buttons(await bot.told("bob", "ops", "Printed")), "the offer stays for others"


async def test_a_result_button_pressed_twice_runs_once(bot: Office) -> None:
    await bot.ask("alice", "ops", "print 3")
    result = await bot.told("bob", "ops", "Printed")
    await bot.quiet()
    await asyncio.gather(*(bot.server.click("bob", result, "Size it") for _ in range(2)))
    await bot.told("alice", "ops", "size is 7")
    await bot.quiet()
    assert len(await ended(bot)) == 2


async def test_cancel_stops_a_running_change_and_only_for_those_who_may(bot: Office) -> None:
    bot.world.gate.clear()
    await bot.ask("alice", "ops", "size web 5")
    await bot.told("bob", "ops", "first", private=False)
    live = await bot.told("bob", "ops", "first", private=False)
    assert "Cancel" in buttons(live)
    await bot.server.click("vera", live, "Cancel")
    await bot.told("vera", "ops", "You may not", private=True)
    await bot.server.click("bob", live, "Cancel")
    await bot.told("alice", "ops", "Cancelled", private=False)
    assert bot.world.size == 1


async def test_a_press_that_came_too_late_can_be_repeated(bot: Office, question: Message) -> None:
    await bot.ask("bob", "ops", "look")
    await bot.told("bob", "ops", "size 5")
    surface = bot.surface
    edge = surface.edge
    decided = await pressed(bot, question, "bob")
    edge.written(decided, 2.6)
    await bot.told("bob", "ops", "too slow", private=True)
    assert bot.world.size == 5
    await bot.server.click("alice", question, "Go on")
    await bot.told("vera", "ops", "size is 3", private=False)


async def pressed(bot: Office, question: Message, who: str):
    """A click as it reaches the edge, not yet acknowledged."""
    from slack_bolt.request.async_request import AsyncBoltRequest
    from slack_bolt.response import BoltResponse

    body = {
        "type": "block_actions",
        "team": {"id": bot.team},
        "user": {"id": bot.user(who), "name": who},
        "trigger_id": "t1",
        "container": {"channel_id": question.channel, "message_ts": question.ts},
        "actions": [{"type": "button", "value": buttons(question)["Go on"]}],
    }
    req = AsyncBoltRequest(mode="socket_mode", body=body)

    async def never():
        raise AssertionError("nobody else is asked")

    await bot.surface.edge.async_process(req=req, resp=BoltResponse(status=200), next=never)
    return req
