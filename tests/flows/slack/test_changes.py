"""What others change, told by a real bot that was killed meanwhile, in Slack and in a terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.kinds import DEPLOYMENT
from integrations.kubernetes.sdk import Access
from integrations.kubernetes.transport import Request
from sandbox.kube.resources import NAMESPACES
from sandbox.slack import Limits
from sandbox.tour.bot import running
from sandbox.world import World
from tests.commands.world import deployment

pytestmark = [pytest.mark.kill, pytest.mark.timeout(120)]
PATIENCE = 30


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.start(directory=tmp_path / "world", limits=Limits.off()) as world:
        yield world


@pytest.fixture
async def person(world: World) -> AsyncIterator[KubeClient]:
    store = world.clusters[0].store
    if store.peek(NAMESPACES, None, "parse") is None:
        store.create(NAMESPACES, {"metadata": {"name": "parse"}})
    async with KubeClient(Access("main", world.clusters[0].kubeconfig)) as client:
        yield client


async def terminal(world: World, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "--config", str(world.config), *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"TZ": "UTC", "PATH": "/nowhere", "COLUMNS": "200"},
    )
    out, _ = await process.communicate()
    return out.decode()


async def until(world: World, *words: str) -> str:
    """Asks in a terminal until the answer has all these words."""
    said = ""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                said = await terminal(world, "changes", "parse")
                if all(word in said for word in words):
                    return said
    except TimeoutError:
        raise AssertionError(f"it did not come; told was:\n{said}") from None


async def whispered(world: World, *words: str) -> None:
    """Waits for an answer that only the asker sees."""

    def there() -> bool | None:
        found = world.slack.workspace.channel("ops").ephemerals.values()
        texts = [f"{m.text} {m.blocks}" for m in found]
        return any(all(word in text for word in words) for text in texts) or None

    await world.slack.wait_for(there, timeout=PATIENCE)


async def scale(client: KubeClient, replicas: int) -> None:
    path = DEPLOYMENT.path("parse", "web", "scale")
    headers = {"Content-Type": "application/merge-patch+json"}
    body = {"spec": {"replicas": replicas}}
    query = [("fieldManager", "kubectl")]
    await client.transport.send(Request("PATCH", path, "", query, body, headers))


@pytest.mark.slow
async def test_a_person_scales_past_the_bot_while_it_runs_and_while_it_is_dead(
    world: World, person: KubeClient, tmp_path: Path
) -> None:
    await person.create(DEPLOYMENT, "parse", deployment("web", "parse", 1))
    async with running(world.config, tmp_path / "first.log") as bot:
        await until(world, "known since")  # it has looked once
        await scale(person, 2)
        await until(world, "deployment/web: scaled from 1 to 2", "kubectl (outside the bot)")
        os.kill(bot.pid, signal.SIGKILL)
        await bot.ended.wait()
    await scale(person, 3)
    async with running(world.config, tmp_path / "second.log"):
        said = await until(world, "scaled from 2 to 3", "scaled from 1 to 2")
        assert said.count("deployment/web: scaled") == 2
        assert (await world.slack.slash("adam", "ops", "/onprem changes parse")).ok
        await whispered(world, "2 outside the bot", "scaled from 2 to 3")
        assert (await world.slack.slash("adam", "ops", "/onprem health")).ok
        await whispered(world, "main is well", "all ready")
