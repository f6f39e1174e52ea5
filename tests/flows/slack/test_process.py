"""A real bot process that is ended while it sends: nothing lost, hardly anything twice."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.slack import Fault, Limits
from sandbox.slack.entities import Message
from sandbox.tour.bot import BotProcess, running
from sandbox.world import World

pytestmark = [pytest.mark.kill, pytest.mark.timeout(120)]
CHANNELS = ("ops", "parse")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.start(directory=tmp_path / "world", limits=Limits.off()) as world:
        yield world


def said(world: World, channel: str) -> list[Message]:
    """What the bot has posted for all to see, newest state."""
    bot = world.slack.workspace.app.bot_user
    messages = world.slack.workspace.channel(channel).messages.values()
    return [m for m in messages if m.user == bot]


def names(message: Message) -> set[str]:
    return set(re.findall(r"role-[a-z]+-\d", f"{message.text} {message.blocks}"))


async def ask(world: World) -> dict[str, list[str]]:
    """Two changes in each of two channels."""
    roles = {where: [f"role-{where}-{n}" for n in range(2)] for where in CHANNELS}
    lines = [
        world.slack.slash("adam", where, f"/onprem role create {name} --allow status")
        for where, made in roles.items()
        for name in made
    ]
    for delivery in await asyncio.gather(*lines):
        assert delivery.ok, delivery.error
    return roles


async def told_all(world: World, roles: dict[str, list[str]]) -> set[str]:
    """Waits until every change has its final state in its channel, and its line in ops.

    Returns those of which the asker was told instead that they were not run: a kill can fall
    between an acknowledgement and the note of it, and what may not have been heard never runs.
    """

    def not_run() -> set[str]:
        private = [
            m for w in CHANNELS for m in world.slack.workspace.channel(w).ephemerals.values()
        ]
        return {name for m in private if "Not run" in f"{m.text}{m.blocks}" for name in names(m)}

    def done() -> bool:
        refused = not_run()
        for where, made in roles.items():
            ended = {
                name for m in said(world, where) if "Took" in str(m.blocks) for name in names(m)
            }
            if not set(made) <= ended | refused:
                return False
        lines = {name for m in said(world, "ops") for name in names(m)}
        return all(set(made) <= lines | refused for made in roles.values())

    await world.slack.wait_for(lambda: done() or None, timeout=60)
    return not_run()


def doubled(world: World, channel: str) -> int:
    """How many messages of a channel are there more than once.

    What the bot says unasked, such as the head of its audit log, names no role and counts as well.
    """
    counted = Counter(name for m in said(world, channel) for name in names(m) or {m.text})
    return sum(count - 1 for count in counted.values())


def kill(bot: BotProcess) -> None:
    os.kill(bot.pid, signal.SIGKILL)


@pytest.mark.slow
async def test_killed_with_a_post_on_its_way_in_every_channel(world: World, tmp_path: Path) -> None:
    slack = world.slack
    async with running(world.config, tmp_path / "first.log") as bot:
        fault = slack.faults.add(Fault("hang_after", "chat.postMessage", times=None))
        roles = await ask(world)
        await slack.wait_for(lambda: all(said(world, where) for where in CHANNELS) or None, 20)
        kill(bot)
        await bot.ended.wait()
        slack.faults.remove(fault)
    assert all(len(said(world, where)) == 1 for where in CHANNELS), "one at a time in a channel"
    async with running(world.config, tmp_path / "second.log"):
        await told_all(world, roles)
        assert [doubled(world, where) for where in CHANNELS] == [1, 1]


@pytest.mark.parametrize("posts", [1, 3])
@pytest.mark.slow
async def test_killed_at_any_moment(world: World, tmp_path: Path, posts: int) -> None:
    slack = world.slack
    async with running(world.config, tmp_path / "first.log") as bot:
        roles = await ask(world)
        await slack.wait_for(
            lambda: sum(len(said(world, w)) for w in CHANNELS) >= posts or None, 20
        )
        kill(bot)
        await bot.ended.wait()
        begun = {name for where in CHANNELS for m in said(world, where) for name in names(m)}
    async with running(world.config, tmp_path / "second.log"):
        assert not await told_all(world, roles) & begun
        assert all(doubled(world, where) <= 1 for where in CHANNELS)


async def test_sigterm_ends_it_quickly_and_nothing_is_lost_or_doubled(
    world: World, tmp_path: Path
) -> None:
    slack = world.slack
    async with running(world.config, tmp_path / "first.log") as bot:
        roles = await ask(world)
        await slack.wait_for(lambda: said(world, "parse") or None, 20)
        os.kill(bot.pid, signal.SIGTERM)
        async with asyncio.timeout(15):
            await bot.ended.wait()
        assert not slack.core.hub.sockets
    log = (tmp_path / "first.log").read_text()
    assert "Traceback" not in log
    assert "task failed" not in log
    for secret in (slack.bot_token, slack.app_token, "/response/", "ticket="):
        assert secret not in log
    async with running(world.config, tmp_path / "second.log"):
        assert not await told_all(world, roles)
        assert [doubled(world, where) for where in CHANNELS] == [0, 0]
