from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from sandbox.kube.controllers.work import Key, Lane, Work


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    made = Work()
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until_idle(work: Work, processed: int) -> None:
    async with asyncio.timeout(5):
        while work.processed < processed or not work.idle:
            await asyncio.sleep(0)


async def test_keys_that_wait_together_run_once_and_lower_levels_first(work: Work) -> None:
    ran: list[str] = []
    for name, level in (("parents", 2), ("children", 0)):
        work.register(Lane(name, level, lambda key, name=name: ran.append(f"{name}/{key[1]}")))  # type: ignore[misc]
    work.add("parents", ("", "a"))
    for _ in range(3):
        work.add("children", ("", "b"))
    work.add("children", ("", "c"))
    await until_idle(work, 3)
    assert ran == ["children/b", "children/c", "parents/a"]


async def test_later_keys_come_in_the_order_of_their_time(work: Work) -> None:
    ran: list[str] = []
    work.register(Lane("one", 0, lambda key: ran.append(key[1])))
    work.later("one", ("", "late"), 0.03)
    work.later("one", ("", "soon"), 0.01)
    work.later("one", ("", "now"), 0)
    await until_idle(work, 3)
    assert ran == ["now", "soon", "late"]


async def test_what_fails_is_told_and_tried_again(
    work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[Key] = []

    def flaky(key: Key) -> None:
        tries.append(key)
        if len(tries) < 2:
            raise ValueError("not today")

    work.register(Lane("flaky", 0, flaky))
    with caplog.at_level(logging.ERROR):
        work.add("flaky", ("ns", "x"))
        await until_idle(work, 2)
    assert tries == [("ns", "x")] * 2
    assert work.failed == 1
    assert "flaky: reconciling ('ns', 'x') failed" in caplog.text
