"""Graphs from end to end: a real bot process, the practice Slack and Prometheus, a terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.slack import Limits
from sandbox.slack.entities import File, Message
from sandbox.tour.bot import running
from sandbox.world import World

pytestmark = [pytest.mark.timeout(120)]


@dataclass
class Site:
    """A world with a bot in it."""

    world: World
    folder: Path

    def pictures(self, channel: str) -> list[tuple[Message, File]]:
        """The pictures of a channel that all may see."""
        ws = self.world.slack.workspace
        messages = ws.channel(channel).messages.values()
        return [(m, ws.files[f]) for m in messages for f in m.files]

    async def picture(self, channel: str, number: int = 1) -> tuple[Message, File]:
        """The newest, once there are so many."""
        await self.world.slack.wait_for(
            lambda: len(self.pictures(channel)) >= number or None, timeout=60
        )
        return self.pictures(channel)[-1]

    async def terminal(self, *words: str) -> tuple[int, str, str]:
        """What `onprem` answers: exit code, output, errors."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.cli", "--config", str(self.world.config), *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"TZ": "Europe/Berlin", "PATH": "/nowhere"},
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with (
        World.start(directory=tmp_path / "world", limits=Limits.off()) as world,
        running(world.config, tmp_path / "bot.log"),
    ):
        yield Site(world, tmp_path)


async def test_the_story_of_a_graph(site: Site) -> None:
    slack = site.world.slack
    assert (await slack.slash("adam", "ops", "/onprem graph cpu --last 1h")).ok
    message, file = await site.picture("ops")
    assert file.content.startswith(b"\x89PNG")
    assert len(file.content) <= 100_000
    assert file.name == "cpu.png"
    assert "now" in file.alt_txt
    assert message.thread_ts is None

    root, _ = slack.say("adam", "ops", "is it busy?")
    slack.mention("adam", "ops", "dashboard cluster", thread_ts=root.ts)
    below, board = await site.picture("ops", 2)
    assert below.thread_ts == root.ts
    assert board.name == "cluster.png"

    picture = site.folder / "mine.png"
    code, out, err = await site.terminal("graph", "cpu", "--from", "2h", "--save", str(picture))
    assert code == 0, err
    assert "CET" in out or "CEST" in out
    assert any(block in out for block in "▁▂▃▄▅▆▇█")
    assert picture.read_bytes().startswith(b"\x89PNG")

    code, out, err = await site.terminal("graph", "memroy")
    assert code == 2
    assert "Did you mean memory" in err
