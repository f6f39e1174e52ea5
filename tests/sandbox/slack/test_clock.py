"""The clock that tests move."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandbox.slack import ManualClock


async def test_sleepers_wake_in_time_and_not_before(until: Any) -> None:
    clock = ManualClock(start=100.0)
    woken: list[str] = []

    async def nap(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    naps = [asyncio.ensure_future(nap("long", 10)), asyncio.ensure_future(nap("short", 5))]
    await until(lambda: clock.sleepers == 2)
    clock.advance(5)
    await until(lambda: woken)
    assert woken == ["short"]
    clock.advance(5)
    await asyncio.gather(*naps)
    assert (woken, clock.now()) == (["short", "long"], 110.0)


async def test_waiting_ends_with_the_future_or_the_time(until: Any) -> None:
    clock = ManualClock()
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(clock.wait(future, 3))
    await until(lambda: clock.sleepers)
    clock.advance(3)
    assert await waiting is False
    assert not future.cancelled()
    future.set_result(None)
    assert await clock.wait(future, 3) is True


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="back"):
        ManualClock().advance(-1)
