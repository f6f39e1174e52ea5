"""Commands and mentions: who sees the answer, where, and what becomes of odd ones."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from bot.store import audit, requests
from sandbox.slack import Fault, SlackServer
from tests.bot.engine.conftest import World
from tests.bot.slack.conftest import Office, everything, marked, office


async def count(bot: Office) -> int:
    return len(await bot.store.read(lambda db: requests.find(db, limit=100)))


async def test_a_read_is_shown_to_the_asker_alone(bot: Office) -> None:
    await bot.ask("alice", "ops", "look")
    shown = await bot.told("alice", "ops", "size 1", private=True)
    assert shown.ephemeral_to == bot.user("alice")
    assert shown.text
    assert shown.blocks
    assert not bot.seen("bob", "ops")


async def test_usage_and_help_come_with_the_acknowledgement(bot: Office) -> None:
    assert "did you mean “size”?" in (await bot.ask("alice", "ops", "sise web 3")).lower()
    missing = await bot.ask("alice", "ops", "size web")
    assert "size" in missing
    assert "Usage" in missing or "usage" in missing
    assert await bot.ask("alice", "ops", "size --help")
    assert not bot.seen("bob", "ops")
    assert await count(bot) == 0


async def test_a_denial_is_private_says_what_it_takes_and_is_audited(bot: Office) -> None:
    await bot.ask("vera", "ops", "size web 3")
    shown = await bot.told("vera", "ops", "You may not size", private=True)
    assert "operator" in everything(shown)
    again = await bot.ask("vera", "ops", "size web 3")
    assert "You may not size" in again, "once known, the denial is the acknowledgement itself"
    assert not bot.seen("bob", "ops")
    rows = await bot.store.read(lambda db: audit.search(db, kind="denied"))
    assert len(rows) == 2
    assert bot.world.size == 1


async def test_a_change_is_public_and_ends_in_one_message(bot: Office) -> None:
    await bot.ask("alice", "ops", "size web 5")
    shown = await bot.told("bob", "ops", "size is 5", private=False)
    await bot.quiet()
    assert [m.ts for m in bot.seen("bob", "ops")] == [shown.ts], "one message, edited in place"
    assert shown.text
    assert shown.blocks
    assert f"<@{bot.user('alice')}>" in everything(shown)


async def test_a_change_made_elsewhere_gets_one_line_in_the_ops_channel(bot: Office) -> None:
    await bot.ask("alice", "dev", "size web 5")
    await bot.told("vera", "dev", "size is 5", private=False)
    line = await bot.told("bob", "ops", "size is 5", private=False)
    await bot.quiet()
    assert [m.ts for m in bot.seen("bob", "ops")] == [line.ts]
    assert f"<@{bot.user('alice')}>" in everything(line)
    assert "size web 5" in everything(line)


async def test_a_question_that_nobody_wanted_is_no_news_for_the_ops_channel(bot: Office) -> None:
    bot.world.size = 5
    await bot.ask("alice", "dev", "size web 3")
    question = await bot.told("alice", "dev", "Go on?")
    await bot.server.click("alice", question, "Leave it")
    await bot.told("alice", "dev", "Left alone")
    await bot.quiet()
    assert not bot.seen("bob", "ops")


async def test_where_the_bot_is_not_the_asker_gets_start_and_end_and_the_way_in(
    bot: Office,
) -> None:
    await bot.ask("alice", "general", "size web 5")
    end = await bot.told("alice", "general", "size is 5", private=True)
    assert "/invite" in everything(end)
    assert not bot.seen("bob", "general")
    await bot.told("bob", "ops", "size is 5", private=False)


async def test_where_the_bot_is_not_a_question_can_be_answered(bot: Office) -> None:
    bot.world.size = 5
    await bot.ask("alice", "general", "size web 3")
    question = await bot.told("alice", "general", "Go on?", private=True)
    await bot.server.click("alice", question, "Go on")
    await bot.told("alice", "general", "size is 3", private=True)
    assert bot.world.size == 3


async def test_nothing_from_outside_is_read_as_markup(bot: Office) -> None:
    await bot.ask("alice", "ops", 'echo "<!channel> *b* `c` & <@U1> <http://x|y>"')
    shown = marked(await bot.told("alice", "ops", "for alice"))
    for mark in ("<!channel>", "*b*", "`c`", "<@U1>", "<http", " & "):
        assert mark not in shown, mark
    assert "&lt;!channel&gt;" in shown
    assert "&amp;" in shown


async def test_names_from_outside_are_escaped_in_public_messages_too(bot: Office) -> None:
    await bot.ask("alice", "ops", 'size "<!channel>&*x*" 5')
    await bot.told("bob", "ops", "size is 5")
    assert "<!channel>" not in "".join(marked(m) for m in bot.seen("bob", "ops"))


async def test_an_unforeseen_error_gives_a_reference_that_finds_the_traceback(
    bot: Office,
) -> None:
    with capture_logs() as logs:
        await bot.ask("alice", "ops", "boom")
        shown = everything(await bot.told("alice", "ops", "unexpected", private=True))
    (entry,) = [e for e in logs if e["event"] == "unexpected error"]
    assert entry["reference"] in shown
    assert isinstance(entry["exc_info"], RuntimeError)


async def test_a_payload_that_makes_no_sense_is_answered_with_a_reference(bot: Office) -> None:
    payload = {"type": "block_actions", "user": {"id": bot.user("alice")}, "actions": []}
    with capture_logs() as logs:
        delivery = await bot.server.core.courier.send("interactive", payload)
        await bot.until(lambda: any(e["event"] == "unexpected error" for e in logs))
    assert delivery.ok


async def test_a_command_of_another_name_says_which_is_ours(bot: Office) -> None:
    bot.server.workspace.app.commands.add("/other")
    delivery = await bot.server.slash("alice", "ops", "/other status")
    assert "/onprem" in delivery.shown or "/onprem" in everything(delivery.response)


async def test_the_same_trigger_runs_once(bot: Office) -> None:
    await bot.ask("alice", "ops", "size web 5")
    await bot.told("bob", "ops", "size is 5")
    first = bot.server.core.courier.log[-1]
    again = await bot.server.core.courier.send("slash_commands", first.payload)
    assert again.ok
    await bot.quiet()
    assert await count(bot) == 1
    assert len(bot.seen("bob", "ops")) == 1


async def test_a_trigger_from_before_a_restart_runs_once(
    tmp_path: Path, server: SlackServer, world: World
) -> None:
    async with office(tmp_path, server, world) as first:
        await first.ask("alice", "ops", "size web 5")
        await first.told("bob", "ops", "size is 5")
        payload = server.core.courier.log[-1].payload
    async with office(tmp_path, server, world) as second:
        again = await server.core.courier.send("slash_commands", payload)
        assert again.ok
        await second.ask("alice", "ops", "echo marker")
        await second.told("alice", "ops", "marker")
        assert await count(second) == 1


async def test_a_mention_in_a_thread_is_answered_there(bot: Office) -> None:
    root, _ = bot.server.say("alice", "ops", "how is it?")
    bot.server.mention("alice", "ops", "look", thread_ts=root.ts)
    shown = await bot.told("alice", "ops", "size 1", private=True)
    assert shown.thread_ts == root.ts


async def test_a_mention_outside_of_a_thread_reads_privately_and_changes_in_its_thread(
    bot: Office,
) -> None:
    delivery = bot.server.mention("alice", "ops", "look")
    shown = await bot.told("alice", "ops", "size 1", private=True)
    assert shown.thread_ts is None, "Slack shows no ephemeral message in a thread that is not there"
    assert delivery is not None
    delivery = bot.server.mention("alice", "ops", "size web 5")
    shown = await bot.told("bob", "ops", "size is 5", private=False)
    assert shown.thread_ts == delivery.payload["event"]["ts"]


async def test_a_redelivered_event_is_dropped(bot: Office) -> None:
    delivery = bot.server.mention("alice", "ops", "look")
    await bot.told("alice", "ops", "size 1")
    again = bot.server.core.courier.send_event(delivery.payload)
    await bot.until(lambda: again.ok)
    await bot.ask("alice", "ops", "echo marker")
    await bot.told("alice", "ops", "marker")
    assert sum("size 1" in everything(m) for m in bot.seen("alice", "ops")) == 1


async def test_words_before_the_mention_and_other_people_in_it_do_no_harm(bot: Office) -> None:
    bot.server.say("alice", "ops", "@bob please ask @onprem echo hello")
    shown = await bot.told("alice", "ops", "hello", private=True)
    assert shown


async def test_bots_are_ignored(bot: Office) -> None:
    delivery = bot.server.mention("alice", "ops", "look")
    await bot.told("alice", "ops", "size 1")
    event = {**delivery.payload["event"], "bot_id": "B1"}
    other = bot.server.core.courier.send_event(
        {**delivery.payload, "event": event, "event_id": "Ev1"}
    )
    await bot.until(lambda: other.ok)
    assert len(bot.seen("alice", "ops")) == 1


async def test_long_private_output_comes_as_a_file_in_the_direct_messages(bot: Office) -> None:
    await bot.ask("alice", "ops", "lines 5000")
    shown = everything(await bot.told("alice", "ops", "lines are left out", private=True))
    assert "line 0" in shown
    assert "line 4999" in shown
    assert "In your direct messages with this app: lines.txt." in shown
    ws = bot.server.workspace

    def arrived():
        return [m for m in ws.direct_message(ws.person("alice")).messages.values() if m.files]

    await bot.server.wait_for(lambda: arrived() or None)
    (file,) = arrived()[0].files
    assert ws.files[file].name == "lines.txt"
    assert ws.files[file].content.decode().count("\n") == 5000
    assert not any(m.files for m in ws.channel("ops").messages.values())


async def test_long_public_output_comes_as_a_file_in_its_thread(bot: Office) -> None:
    await bot.ask("alice", "ops", "print 5000")
    shown = await bot.told("bob", "ops", "Printed", private=False)
    await bot.server.wait_for(lambda: [m for m in bot.seen("bob", "ops") if m.files] or None)
    (carrier,) = [m for m in bot.seen("bob", "ops") if m.files]
    assert carrier.thread_ts == shown.ts


async def test_long_output_where_the_bot_is_not_goes_to_the_direct_messages(bot: Office) -> None:
    await bot.ask("alice", "general", "print 5000")
    ws = bot.server.workspace
    room = ws.direct_message(ws.person("alice"))
    await bot.server.wait_for(lambda: [m for m in room.messages.values() if m.files] or None)


async def test_a_busy_answer_is_sent_when_slack_is_back(bot: Office) -> None:
    bot.server.faults.add(Fault("http_500", "chat.postEphemeral"))
    root, _ = bot.server.say("alice", "ops", "how is it?")
    bot.server.mention("alice", "ops", "look", thread_ts=root.ts)
    shown = await bot.told("alice", "ops", "size 1", private=True)
    assert shown.thread_ts == root.ts


async def test_a_bot_that_stops_takes_nothing_more_and_says_so(bot: Office) -> None:
    assert await bot.engine.drain(1)
    assert "stopping" in await bot.ask("alice", "ops", "size web 5")
    assert await count(bot) == 0
