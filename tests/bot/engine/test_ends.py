"""Every request comes to an end, and gives its lock back, whatever fails on the way."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.config import FreezeConfig
from bot.engine.operation import Operation
from bot.engine.turns import RUNS
from bot.errors import Cancelled, Failed
from bot.store import audit, locks
from bot.store.requests import State

from .conftest import ADMIN, VIEWER, Rig, World, rig
from .test_changes import buttons, ended, kinds, press, state


async def test_no_freeze_stops_what_takes_no_lock(bench: Rig) -> None:
    start = datetime.now(UTC) - timedelta(hours=1)
    freeze = FreezeConfig(start=start, end=start + timedelta(days=1), reason="audit")
    bench.settings["freezes"] = [freeze]
    admission, answer = await bench.ask("free web 3")
    assert answer is None
    assert await ended(bench, admission.request) is State.DONE


async def test_who_looks_at_what_ran_is_woken_by_its_end(bench: Rig) -> None:
    bench.world.gate.clear()
    admission, _ = await bench.ask("size web 3")
    await bench.until(lambda: "first" in bench.world.log)
    assert not bench.engine.ended.is_set()
    bench.world.gate.set()
    async with asyncio.timeout(20):
        await bench.engine.ended.wait()
    assert await state(bench, admission.request) is State.DONE


async def test_what_waits_for_its_turn_can_be_cancelled(bench: Rig) -> None:
    bench.world.gate.clear()
    for number in range(RUNS):
        await bench.ask(f"size web{number} 3")
    await bench.until(lambda: len(bench.world.log) == RUNS)
    last, _ = await bench.ask("size late 3")
    assert await state(bench, last.request) is State.RUNNING
    await bench.engine.cancel(last.request.id, ADMIN)
    bench.world.gate.set()
    assert await ended(bench, last.request) is State.CANCELLED
    assert bench.world.log.count("first") == RUNS


def _refuse_records(path: Path) -> Callable[[], None]:
    """Lets the file of operations take no new one; returns what mends it."""

    def run(sql: str) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute(sql)

    run(
        """CREATE TRIGGER refuse BEFORE INSERT ON results
        BEGIN SELECT RAISE(FAIL, 'no room'); END"""
    )
    return lambda: run("DROP TRIGGER refuse")


async def test_a_change_that_cannot_be_recorded_is_refused_before_it_acts(
    tmp_path: Path, world: World
) -> None:
    async with rig(tmp_path, world) as bench:
        mend = _refuse_records(tmp_path / "workflows.db")
        admission, answer = await bench.ask("size web 3")
        assert "record of operations cannot be written" in answer.document.headline
        assert await state(bench, admission.request) is State.REFUSED
        assert await bench.store.read(locks.held) == []
        mend()
        again, _ = await bench.ask("size web 3")
        assert await ended(bench, again.request) is State.DONE
    async with rig(tmp_path, world) as later:  # nor does the next start run what was refused
        assert await state(later, admission.request) is State.REFUSED
    assert world.log == ["first", "second"]


async def test_an_outcome_that_cannot_be_shown_still_ends_the_operation(bench: Rig) -> None:
    bench.surface.refuse = lambda notice: notice.final
    admission, _ = await bench.ask("size web 3")
    assert await ended(bench, admission.request) is State.DONE
    assert await bench.store.read(locks.held) == []
    assert await kinds(bench) == ["intent", "plan", "outcome"]


async def test_an_outcome_that_cannot_be_shown_as_it_is_is_told_in_short(bench: Rig) -> None:
    bench.surface.refuse = lambda notice: notice.document.headline == "size is 3"
    admission, _ = await bench.ask("size web 3")
    assert await ended(bench, admission.request) is State.DONE
    assert bench.surface.stored[-1].document.headline == "size: done"


async def test_a_plan_older_than_the_end_of_another_operation_is_not_run(bench: Rig) -> None:
    slow = bench.world.thinking = asyncio.Event()
    asking = asyncio.create_task(bench.ask("size web 3"))
    await bench.until(lambda: bench.world.planned == 1)
    bench.world.thinking = None
    other, _ = await bench.ask("size web 9")
    assert await ended(bench, other.request) is State.DONE
    slow.set()
    admission, answer = await asking
    assert "ended while this one was planned" in str(answer.document)
    assert await state(bench, admission.request) is State.REFUSED
    assert await bench.store.read(locks.held) == []
    assert bench.world.size == 9


async def test_every_row_about_a_request_names_it_and_its_place(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    token = buttons(bench)["confirm"].token
    await press(bench, token, VIEWER)
    await press(bench, token)
    await ended(bench, admission.request)
    rows = await bench.store.read(audit.search)
    told = [(str(row.kind), row.request_id, row.target) for row in reversed(rows)]
    kinds = ("intent", "denied", "confirm", "plan", "outcome")
    assert told == [(kind, admission.request.id, "shop/web") for kind in kinds]


async def test_what_clears_up_runs_after_a_cancellation_too(tmp_path: Path) -> None:
    class Records:
        def step(self, name: str, state: str, detail: str) -> None:
            pass

        async def process(self, step: str, pid: int, start_time: int) -> None:
            pass

    class Journal:
        async def once(self, name: str, act: Callable[[], Awaitable[Any]]) -> Any:
            return await act()

    class Quiet:
        def boundary(self, request_id: str, step: str, edge: str) -> None:
            pass

    operation = Operation(
        "r1", {}, Journal(), resumed=False, changed=lambda: None, record=Records(),
        observer=Quiet(), translate=lambda error: Failed(str(error)),
    )  # fmt: skip

    async def act() -> str:
        return "done"

    async def not_yet() -> None:
        return None

    operation.cancel("ann")
    with pytest.raises(Cancelled):
        await operation.step("change", act, done=not_yet)
    assert await operation.step("clear up", act, done=not_yet, always=True) == "done"
