"""Socket Mode: two sockets that replace each other, and acknowledgements that count."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from structlog.testing import capture_logs

from bot.store import requests
from sandbox.slack import Fault, Limits, SlackServer
from tests.bot.engine.conftest import World
from tests.bot.slack.conftest import Office, everything, office


async def test_two_sockets_are_open(bot: Office) -> None:
    await bot.server.wait_for_sockets(2)


async def test_ready_with_the_first_although_addresses_are_limited(
    tmp_path: Path, server: SlackServer, world: World
) -> None:
    server.limits.enabled = True
    server.limits.methods["apps.connections.open"] = 1
    before = time.monotonic()
    async with office(tmp_path, server, world) as bot:
        assert time.monotonic() - before < 5
        assert len(server.core.hub.sockets) == 1
        await bot.ask("alice", "ops", "size web 5")
        await bot.told("bob", "ops", "size is 5")
        closing = time.monotonic()
    assert time.monotonic() - closing < 5, "waiting for an address does not hold the end"


async def test_slack_away_at_the_start_holds_nothing_and_is_connected_later(
    tmp_path: Path, server: SlackServer, world: World
) -> None:
    await server.away()
    before = time.monotonic()
    with capture_logs() as logs:
        async with office(tmp_path, server, world) as bot:
            assert time.monotonic() - before < 5
            await server.back()
            await server.wait_for_sockets(1)
            await bot.ask("alice", "ops", "look")
            await bot.told("alice", "ops", "size 1")
    assert any(e["event"] == "Slack is not reached yet; trying on" for e in logs)


async def test_a_warning_brings_a_new_socket_before_the_old_one_leaves(bot: Office) -> None:
    await bot.server.wait_for_sockets(2)
    hub = bot.server.core.hub
    old = list(hub.sockets)
    await hub.refresh("warning")
    await bot.server.wait_for(lambda: len(hub.sockets) == 4 or None)
    hub.choose = lambda candidates: next(s for s in candidates if s in old)
    await bot.ask("alice", "ops", "look")
    await bot.told("alice", "ops", "size 1", private=True)
    assert sum(s.acked for s in old) == 1, "acknowledged where it was asked"


async def test_a_refresh_and_cut_sockets_are_survived(bot: Office) -> None:
    hub = bot.server.core.hub
    await bot.server.wait_for_sockets(2)
    for act in (hub.refresh, hub.cut):
        await act()
        await bot.server.wait_for(lambda: len(hub.sockets) == 2 or None, timeout=10)
        await bot.ask("alice", "ops", "echo here")
    await bot.told("alice", "ops", "here")


async def test_a_socket_that_slack_sends_away_at_once_is_tried_again(bot: Office) -> None:
    hub = bot.server.core.hub
    await bot.server.wait_for_sockets(2)
    bot.server.limits.max_sockets = 0
    await hub.cut()
    await bot.until(lambda: bot.surface.sockets_open == 0)
    bot.server.limits.max_sockets = 10
    await bot.server.wait_for_sockets(2)


async def test_what_was_not_acknowledged_in_time_never_runs_and_the_asker_is_told(
    tmp_path: Path, server: SlackServer, world: World
) -> None:
    async with office(tmp_path, server, world, monotonic=Slow(2.6).monotonic) as bot:
        await never_run(bot)


async def never_run(bot: Office) -> None:
    await bot.ask("alice", "ops", "size web 5")
    await bot.told("alice", "ops", "Not run", private=True)
    await bot.ask("alice", "ops", "look")
    await bot.until(lambda: sum("Not run" in everything(m) for m in bot.seen("alice", "ops")) == 2)
    rows = await bot.store.read(lambda db: requests.find(db, limit=5))
    assert [str(row.state) for row in rows] == ["lost"]
    assert bot.world.size == 1


class Slow:
    """A clock by which everything takes so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._now = seconds, 0.0

    def monotonic(self) -> float:
        self._now += self._seconds
        return self._now


async def test_what_could_not_be_acknowledged_never_runs_and_the_asker_is_told(
    tmp_path: Path, server: SlackServer, world: World
) -> None:
    server.limits.ack_seconds = 0.5
    gate = asyncio.Event()
    async with office(tmp_path, server, world, gate=gate) as bot:
        await server.wait_for_sockets(2)
        hub = server.core.hub
        asking = asyncio.create_task(server.slash("alice", "ops", "/onprem size web 5"))
        await bot.until(lambda: any(s.sent for s in hub.sockets))
        old = list(hub.sockets)
        await hub.cut()
        await bot.until(lambda: not any(s in hub.sockets for s in old))
        gate.set()
        await bot.told("alice", "ops", "Not run", private=True)
        assert bot.world.size == 1
        assert not (await asking).ok


async def test_the_intent_is_on_record_before_the_acknowledgement(bot: Office) -> None:
    hub = bot.server.core.hub
    await bot.server.wait_for_sockets(2)
    states: list[str] = []
    bot.world.gate.clear()
    await bot.ask("alice", "ops", "size web 5")
    states += [str(r.state) for r in await bot.store.read(lambda db: requests.find(db, limit=5))]
    assert len(states) == 1
    assert sum(s.acked for s in hub.sockets) == 1
    bot.world.gate.set()


async def test_no_key_of_slack_gets_into_the_log(
    tmp_path: Path, server: SlackServer, world: World
) -> None:
    server.faults.add(Fault("http_500", "apps.connections.open"))
    with capture_logs() as logs:
        async with office(tmp_path, server, world) as bot:
            await server.wait_for_sockets(2)
            await bot.ask("alice", "ops", "size web 5")
            await bot.told("bob", "ops", "size is 5")
            await bot.ask("alice", "general", "size web 6")
            await bot.told("bob", "ops", "size is 6")
            await server.core.hub.cut()
            await server.wait_for_sockets(1)
    text = repr(logs)
    assert logs
    for secret in (server.bot_token, server.app_token, "ticket=", "/response/"):
        assert secret not in text


async def test_a_burst_is_acknowledged_and_run_once_each(
    tmp_path: Path, server: SlackServer, world: World, limits: Limits
) -> None:
    async with office(tmp_path, server, world) as bot:
        await server.wait_for_sockets(2)
        words = [f"print {n}" for n in range(1, 31)]
        sent = await asyncio.gather(
            *(server.slash("alice", "ops", f"/onprem {line}") for line in words)
        )
        assert all(delivery.ok for delivery in sent)
        rows = await bot.store.read(lambda db: requests.find(db, limit=100))
        assert len(rows) == 30
