"""The bot's own metrics: a real process, asked over HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from sandbox.slack import Fault, Limits
from sandbox.tour.bot import BotFailed, running
from sandbox.world import World

Sample = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.start(directory=tmp_path / "world", limits=Limits.off()) as world:
        settings = yaml.safe_load(world.config.read_text())
        settings["metrics"] = {"listen": "127.0.0.1:0"}
        world.config.write_text(yaml.safe_dump(settings))
        yield world


async def port(log: Path) -> int:
    async with asyncio.timeout(20):
        while True:
            for line in log.read_text().splitlines():
                if "metrics are shown" in line and (found := re.search(r"\bport\W+(\d+)", line)):
                    return int(found[1])
            await asyncio.sleep(0.02)


async def scraped(log: Path) -> dict[str, float]:
    """Each sample as `name{label="value"}` → value."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{await port(log)}/metrics") as answer,
    ):
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = await answer.text()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{k}="{v}"' for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


async def test_what_the_bot_does_is_counted(world: World, tmp_path: Path) -> None:
    slack, log = world.slack, tmp_path / "bot.log"
    async with running(world.config, log):
        first = await scraped(log)
        assert first["onprem_slack_ack_seconds_count"] == 0
        assert first["onprem_slack_sockets"] >= 1
        assert first["onprem_audit_broken"] == 0
        slack.faults.add(Fault("ratelimited", "chat.postMessage", times=1))
        delivery = await slack.slash("adam", "parse", "/onprem role create counted --allow status")
        assert delivery.ok, delivery.error
        jobs = 'onprem_jobs_total{command="role create",result="done"}'
        limited = 'onprem_slack_rate_limited_total{kind="post"}'
        async with asyncio.timeout(20):
            while True:
                now = await scraped(log)
                if now.get(jobs) and now.get(limited) and not now["onprem_outbox_messages"]:
                    break
                await asyncio.sleep(0.05)
        assert (now[jobs], now[limited]) == (1, 1)
        assert now["onprem_slack_ack_seconds_count"] == 1
        assert now['onprem_slack_ack_seconds_bucket{le="3.0"}'] == 1
        assert now["onprem_outbox_oldest_seconds"] == 0
        assert now['onprem_requests{state="running"}'] == 0
        stale = {k: v for k, v in now.items() if k.startswith("onprem_watch_stale_seconds")}
        assert any('kind="backups"' in name for name in stale)
        assert all(seconds < 20 for seconds in stale.values())
    async with running(world.config, tmp_path / "again.log"):
        again = await scraped(tmp_path / "again.log")
        assert again[jobs] == 1, "what the audit log has outlives the process"


async def test_nothing_secret_and_nobody_is_named(world: World, tmp_path: Path) -> None:
    log = tmp_path / "bot.log"
    async with running(world.config, log):
        delivery = await world.slack.slash(
            "adam", "parse", "/onprem role create hidden --allow status"
        )
        assert delivery.ok
        told = " ".join(await scraped(log))
        assert "adam" not in told
        assert "hidden" not in told


@pytest.mark.slow
async def test_an_address_that_is_taken_is_told(world: World, tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    taken = server.sockets[0].getsockname()[1]
    settings = yaml.safe_load(world.config.read_text())
    settings["metrics"] = {"listen": f"127.0.0.1:{taken}"}
    world.config.write_text(yaml.safe_dump(settings))
    with pytest.raises(BotFailed, match=r"metrics\.listen"):
        async with running(world.config, tmp_path / "bot.log"):
            pass
    server.close()
    await server.wait_closed()
