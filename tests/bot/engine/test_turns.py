"""Who goes first, and how many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot.engine.turns import Turns


class Crowd:
    """Workers that take turns and stay until they are let go."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.inside: list[int] = []
        self.leave = asyncio.Event()

    async def plan(self, number: int, cluster: str = "lab", *, waits: bool = True) -> None:
        async with self._turns.plan(cluster, waits=waits):
            self.inside.append(number)
            await self.leave.wait()


async def settled(true: Callable[[], bool]) -> bool:
    """Whether it is true once nothing is ready to run any more."""
    for _ in range(50):
        await asyncio.sleep(0)
    return true()


async def test_only_so_many_go_in_and_the_others_keep_their_order() -> None:
    crowd = Crowd(Turns(plans=2))
    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(crowd.plan(number))
        assert await settled(lambda: crowd.inside == [0, 1])
        crowd.leave.set()
    assert crowd.inside == [0, 1, 2, 3, 4]


async def test_nothing_begins_while_somebody_waits_for_an_acknowledgement() -> None:
    turns = Turns()
    crowd = Crowd(turns)
    crowd.leave.set()
    with turns.admitting():
        with turns.admitting():
            task = asyncio.create_task(crowd.plan(1))
            assert await settled(lambda: crowd.inside == [])
        assert await settled(lambda: crowd.inside == [])
    await task
    assert crowd.inside == [1]


async def test_a_flood_of_requests_does_not_stop_all_work() -> None:
    turns = Turns(patience=0.01)
    crowd = Crowd(turns)
    crowd.leave.set()
    with turns.admitting():
        async with asyncio.timeout(5):
            await crowd.plan(1)
    assert crowd.inside == [1]


async def test_what_waits_for_nobody_goes_in_at_once() -> None:
    turns = Turns(plans=1)
    crowd = Crowd(turns)
    with turns.admitting():
        async with asyncio.TaskGroup() as group:
            group.create_task(crowd.plan(1))
            group.create_task(crowd.plan(2, waits=False))
            assert await settled(lambda: crowd.inside == [2])
            crowd.leave.set()


async def test_runs_plans_and_clusters_do_not_wait_for_each_other() -> None:
    turns = Turns(plans=1, runs=1)
    async with asyncio.timeout(5), turns.plan("lab", waits=True), turns.run("lab", waits=True):
        assert turns.crowded("lab")
        assert not turns.crowded("shop")
        async with turns.plan("shop", waits=True), turns.run("shop", waits=True):
            pass
