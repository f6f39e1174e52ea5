"""A picture that others may see goes where it was asked for, with its numbers in words."""

from __future__ import annotations

from sandbox.slack.entities import File, Message
from tests.bot.slack.conftest import Office, everything


async def carrier(bot: Office, where: str, number: int = 1) -> tuple[Message, File]:
    """The last message that brings a picture into a channel, and the picture."""

    def arrived() -> list[Message]:
        return [message for message in bot.seen("bob", where) if message.files]

    await bot.server.wait_for(lambda: len(arrived()) >= number or None)
    *_, message = arrived()
    return message, bot.server.workspace.files[message.files[0]]


async def test_it_goes_into_the_channel(bot: Office) -> None:
    await bot.ask("alice", "ops", "draw")
    shown = await bot.told("alice", "ops", "Drawn", private=True)
    assert "now 7" in everything(shown)
    assert "direct messages" not in everything(shown)
    message, file = await carrier(bot, "ops")
    assert message.thread_ts is None
    assert (file.name, file.content, file.alt_txt) == ("drawn.png", b"PNG", "now 7")


async def test_it_goes_into_the_thread(bot: Office) -> None:
    root, _ = bot.server.say("alice", "ops", "how is it?")
    bot.server.mention("alice", "ops", "draw", thread_ts=root.ts)
    message, _ = await carrier(bot, "ops")
    assert message.thread_ts == root.ts


async def test_its_buttons_bring_the_next_one_into_the_same_thread(bot: Office) -> None:
    root, _ = bot.server.say("alice", "ops", "how is it?")
    bot.server.mention("alice", "ops", "draw", thread_ts=root.ts)
    await carrier(bot, "ops")
    await bot.server.click("alice", await bot.told("alice", "ops", "Drawn", private=True), "Again")
    message, _ = await carrier(bot, "ops", 2)
    assert message.thread_ts == root.ts


async def test_it_goes_below_the_mention_that_asked(bot: Office) -> None:
    delivery = bot.server.mention("alice", "ops", "draw")
    message, _ = await carrier(bot, "ops")
    assert message.thread_ts == delivery.payload["event"]["ts"]


async def test_where_the_bot_is_not_it_goes_to_the_asker(bot: Office) -> None:
    await bot.ask("alice", "general", "draw")
    ws = bot.server.workspace
    room = ws.direct_message(ws.person("alice"))
    await bot.server.wait_for(lambda: [m for m in room.messages.values() if m.files] or None)
    assert not [message for message in bot.seen("bob", "general") if message.files]
