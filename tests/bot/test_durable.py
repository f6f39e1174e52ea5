"""Durable operations over a real file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from bot.durable import Body, Durable, Journal
from bot.errors import StoreUnavailable


class Work:
    """Operations of two steps that note what acted, and can be held in one."""

    def __init__(self) -> None:
        self.acted: list[str] = []
        self.ended: list[str] = []
        self.results: list[Any] = []
        self.held = ""
        self.changed = asyncio.Condition()
        self.go = asyncio.Event()
        self.go.set()

    async def body(self, request_id: str, journal: Journal) -> None:
        for step in ("one", "two"):
            self.results.append(await journal.once(step, self._act(f"{request_id} {step}")))
        self.ended.append(request_id)
        await self._tell()

    def _act(self, name: str) -> Callable[[], Awaitable[Any]]:
        async def act() -> dict[str, Any]:
            self.acted.append(name)
            await self._tell()
            if name == self.held:
                await asyncio.Event().wait()
            await self.go.wait()
            return {"value": (name, 1)}

        return act

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(true)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workflows.db"


@asynccontextmanager
async def launched(path: Path, body: Body, *running: str) -> AsyncIterator[Durable]:
    durable = Durable(path, body)
    durable.launch(running)
    try:
        yield durable
    finally:
        durable.close()
        await durable.settle(5)


def rows(path: Path) -> set[tuple[str, str]]:
    with sqlite3.connect(path) as db:
        found = set(db.execute("SELECT request_id, step FROM results"))
    db.close()
    return found


def refuse(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON results BEGIN SELECT RAISE(FAIL, 'full'); END"
        )


def mend(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER refuse")


async def test_steps_run_once_and_a_second_start_does_nothing(path: Path) -> None:
    work = Work()
    async with launched(path, work.body) as durable:
        await durable.start("r1")
        await durable.start("r1")
        assert await durable.settle(10)
    assert work.acted == ["r1 one", "r1 two"]


async def test_an_operation_that_was_cut_goes_on_at_its_step(path: Path) -> None:
    first = Work()
    first.held = "r1 two"
    async with launched(path, first.body) as durable:
        await durable.start("r1")
        await first.until(lambda: first.acted == ["r1 one", "r1 two"])
        assert rows(path) == {("r1", ""), ("r1", "one")}
    again = Work()
    async with launched(path, again.body, "r1") as durable:
        assert await durable.settle(10)
    assert again.acted == ["r1 two"]
    assert again.ended == ["r1"]


async def test_a_result_is_the_same_at_once_and_after_a_kill(path: Path) -> None:
    first = Work()
    first.held = "r1 two"
    async with launched(path, first.body) as durable:
        await durable.start("r1")
        await first.until(lambda: len(first.acted) == 2)
    again = Work()
    async with launched(path, again.body, "r1") as durable:
        assert await durable.settle(10)
    assert first.results == [{"value": ["r1 one", 1]}]
    assert again.results == [{"value": ["r1 one", 1]}, {"value": ["r1 two", 1]}]


async def test_a_step_that_raises_is_not_on_record(path: Path) -> None:
    seen: list[str] = []

    async def body(request_id: str, journal: Journal) -> None:
        async def fail() -> None:
            raise OSError("no")

        try:
            await journal.once("one", fail)
        except OSError as error:
            seen.append(str(error))

    async with launched(path, body) as durable:
        await durable.start("r1")
        assert await durable.settle(10)
    assert seen == ["no"]


async def test_results_go_with_the_end_of_their_operation(path: Path) -> None:
    work = Work()
    work.held = "r2 two"
    async with launched(path, work.body) as durable:
        await durable.start("r1")
        await durable.start("r2")
        await work.until(lambda: "r2 two" in work.acted)
        await work.until(lambda: "r1" in work.ended)
        async with asyncio.timeout(10):
            while rows(path) != {("r2", ""), ("r2", "one")}:
                await asyncio.sleep(0)


async def test_a_launch_forgets_what_no_request_runs(path: Path) -> None:
    work = Work()
    work.held = "r1 two"
    async with launched(path, work.body) as durable:
        await durable.start("r1")
        await work.until(lambda: "r1 two" in work.acted)
    async with launched(path, Work().body):
        assert rows(path) == set()


async def test_the_file_is_private_and_write_ahead(path: Path) -> None:
    async with launched(path, Work().body):
        assert path.stat().st_mode & 0o777 == 0o600
        with sqlite3.connect(path) as db:
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        db.close()


async def test_a_full_disk_is_waited_for_and_nothing_acts_twice(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.durable.RETRY_SECONDS", 0.01)
    work = Work()
    work.go.clear()
    async with launched(path, work.body) as durable:
        await durable.start("r1")
        await work.until(lambda: work.acted == ["r1 one"])
        refuse(path)
        work.go.set()
        await asyncio.sleep(0.1)
        assert work.acted == ["r1 one"]
        mend(path)
        assert await durable.settle(10)
    assert work.acted == ["r1 one", "r1 two"]


async def test_what_cannot_be_recorded_does_not_begin(path: Path) -> None:
    work = Work()
    async with launched(path, work.body) as durable:
        refuse(path)
        with pytest.raises(StoreUnavailable, match="cannot be written"):
            await durable.start("r1")
    assert work.acted == []


async def test_what_is_not_launched_does_not_begin_and_leaves_no_trace(path: Path) -> None:
    work = Work()

    async def refused() -> bool:
        return False

    async def broken() -> bool:
        raise OSError("no")

    async with launched(path, work.body) as durable:
        await durable.start("r1", refused)
        with pytest.raises(OSError, match="no"):
            await durable.start("r2", broken)
    async with launched(path, work.body):
        assert rows(path) == set()
    assert work.acted == []


async def test_a_file_that_is_no_database_is_told_in_a_sentence(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(StoreUnavailable, match="is damaged"):
        Durable(path, Work().body).launch()
