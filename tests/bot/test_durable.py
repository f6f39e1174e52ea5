"""Durable operations over the real DBOS and a real file."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bot.clock import now
from bot.durable import Durable, Journal
from bot.errors import StoreUnavailable


async def finished(path: Path, names: list[str]) -> list[str]:
    """Runs an operation of two steps for each name; returns what acted."""
    acted: list[str] = []
    done = asyncio.Event()
    left = set(names)

    async def body(request_id: str, journal: Journal) -> Any:
        for step in ("one", "two"):

            async def act(step: str = step) -> str:
                acted.append(f"{request_id} {step}")
                return step

            assert await journal.once(step, act) == step
        left.discard(request_id)
        if not left:
            done.set()

    durable = Durable(path, body)
    durable.launch()
    try:
        for name in names:
            await durable.start(name)
        async with asyncio.timeout(10):
            await done.wait()
    finally:
        durable.close()
    return acted


async def test_steps_run_once_and_a_second_start_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "workflows.db"
    assert await finished(path, ["r1", "r1"]) == ["r1 one", "r1 two"]


async def test_the_file_is_private_json_and_write_ahead(tmp_path: Path) -> None:
    path = tmp_path / "workflows.db"
    await finished(path, ["r1"])
    assert path.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        kinds = {row[0] for row in db.execute("SELECT serialization FROM workflow_status")}
    db.close()
    assert kinds == {"onprem_json"}


async def test_prune_forgets_only_what_ended_before(tmp_path: Path) -> None:
    path = tmp_path / "workflows.db"
    await finished(path, ["r1", "r2"])

    async def nothing(request_id: str, journal: Journal) -> None: ...

    durable = Durable(path, nothing)
    durable.launch()
    try:
        assert await durable.prune(now() - 3_600_000_000) == 0
        assert await durable.prune(now() + 3_600_000_000) == 2
        assert await durable.prune(now() + 3_600_000_000) == 0
    finally:
        durable.close()


async def test_the_loop_can_use_threads_after_a_close(tmp_path: Path) -> None:
    await finished(tmp_path / "workflows.db", ["r1"])
    assert await asyncio.to_thread(lambda: 1) == 1


async def test_a_file_that_another_program_holds_is_told_and_not_waited_for(tmp_path: Path) -> None:
    begun: list[str] = []

    async def body(request_id: str, journal: Journal) -> None:
        begun.append(request_id)

    path = tmp_path / "workflows.db"
    durable = Durable(path, body, patience=0.2)
    durable.launch()
    holder = sqlite3.connect(path, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="another program may hold it"):
            await durable.start("r1")
        assert begun == []
    finally:
        holder.close()
        durable.close()
