"""Slack goes away during a deploy: the work goes on, and the messages come later."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sandbox.kube.resources import SECRETS
from sandbox.slack import Limits
from sandbox.tour.bot import running
from sandbox.world import World


def said(world: World, channel: str) -> str:
    """All that the bot has said in a channel."""
    bot = world.slack.workspace.app.bot_user
    messages = world.slack.workspace.channel(channel).messages.values()
    return " ".join(f"{m.text} {m.blocks}" for m in messages if m.user == bot)


def states(world: World) -> list[str]:
    """Of the release's revisions."""
    found = world.clusters[0].server.store.list(SECRETS, "parse")
    return [s["metadata"]["labels"]["status"] for s in found if s["type"] == "helm.sh/release.v1"]


async def test_the_work_goes_on_and_the_messages_come_later(tmp_path: Path) -> None:
    async with World.start(directory=tmp_path / "world", limits=Limits.off()) as world:
        slack = world.slack
        async with running(world.config, tmp_path / "bot.log"):
            delivery = await slack.slash("adam", "parse", "/onprem deploy parse")
            assert delivery.ok, delivery.error
            await slack.wait_for(lambda: "Install parse" in said(world, "parse") or None, 20)
            await slack.away()
            async with asyncio.timeout(40):
                while states(world) != ["deployed"]:
                    await asyncio.sleep(0.02)
            assert "is running" not in said(world, "parse")
            await slack.back()
            await slack.wait_for(lambda: "is running" in said(world, "parse") or None, 40)
            assert said(world, "ops").count("is running") >= 1
        assert "Traceback" not in (tmp_path / "bot.log").read_text()
