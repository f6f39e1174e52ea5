"""A real bot over the practice world: a failed backup opens a thread that outlives the bot."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.slack import Limits
from sandbox.slack.entities import Message
from sandbox.tour.bot import BotProcess, running
from sandbox.velero.definitions import BACKUPS
from sandbox.world import World

pytestmark = [pytest.mark.kill, pytest.mark.timeout(120)]
FAILED = "The last backup of parse failed"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.start(directory=tmp_path / "world", limits=Limits.off()) as world:
        velero = world.clusters[0].velero
        assert velero is not None
        await world.clusters[0].wait_for(lambda: velero.ready, 20)
        yield world


def said(world: World, words: str) -> list[Message]:
    """Messages in the ops channel with these words, newest state."""
    messages = world.slack.workspace.channel("ops").messages.values()
    return [m for m in messages if words in f"{m.text} {m.blocks}"]


async def told(world: World, words: str) -> Message:
    await world.slack.wait_for(lambda: said(world, words) or None, timeout=30)
    return said(world, words)[0]


def fail(world: World, value: bool) -> None:
    velero = world.clusters[0].velero
    assert velero is not None
    velero.fault("backup_fails", value)


def back_up(world: World, stamp: int) -> None:
    meta = {"name": f"parseserver-backup-{stamp}", "namespace": "velero"}
    spec = {"includedNamespaces": ["default"]}
    world.clusters[0].store.create(BACKUPS, {"metadata": meta, "spec": spec})


async def kill(bot: BotProcess) -> None:
    os.kill(bot.pid, signal.SIGKILL)
    await bot.ended.wait()


async def test_a_thread_of_a_failed_backup_outlives_the_bot(world: World, tmp_path: Path) -> None:
    fail(world, True)
    back_up(world, 20261119010000)
    async with running(world.config, tmp_path / "first.log") as bot:
        root = await told(world, FAILED)
        back_up(world, 20261120010000)
        # posts go one at a time: with another one there, the root's place is on record
        await told(world, "Backup parseserver-backup-20261120010000 failed")
        await kill(bot)
    fail(world, False)
    back_up(world, 20261121010000)
    async with running(world.config, tmp_path / "second.log"):
        over = await told(world, f"Over: {FAILED}")
        assert over.ts == root.ts
        closing = await told(world, "Over after")
        assert closing.thread_ts == root.ts
        await told(world, "Backup parseserver-backup-20261121010000 is complete")
    assert len([m for m in said(world, FAILED) if m.thread_ts in (None, m.ts)]) == 1
