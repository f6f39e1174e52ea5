"""Copies of the state: made when due, however often the bot is restarted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.chores import DAY, copy_when_due, regularly
from bot.clock import now
from bot.config import Config
from bot.store import backup
from bot.store.db import Store
from bot.store.keys import AuditKey


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Any]:
    config = Config.model_validate(
        {"state": {"directory": str(tmp_path / "state")}, "clusters": {"lab": {}}}
    )
    config.state.directory.mkdir()
    key = AuditKey.load_or_create(config.state.key_file)
    store = await Store.open(config.state.directory / "onprem.db", clock=now, audit_key=key)
    made = SimpleNamespace(config=config, store=store, clock=now)
    yield made
    await store.close()


async def test_a_copy_is_made_once_a_day_and_fourteen_are_kept(product: Any) -> None:
    copies = product.config.state.backup_directory
    start = now()
    for hours in range(0, 24 * 17, 8):
        product.clock = lambda at=start + hours * 3_600_000_000: at
        await copy_when_due(product)
    made = backup.snapshots(copies)
    assert len(made) == 14
    assert {a.at - b.at for a, b in pairwise(made)} == {DAY}


async def test_a_copy_younger_than_a_day_is_enough(product: Any) -> None:
    await copy_when_due(product)
    await copy_when_due(product)
    assert len(backup.snapshots(product.config.state.backup_directory)) == 1


async def test_a_chore_is_done_at_once_when_there_is_news() -> None:
    news, looks = asyncio.Event(), asyncio.Semaphore(0)

    async def look() -> None:
        looks.release()

    chore = asyncio.create_task(regularly(3600.0, look, news))
    async with asyncio.timeout(20):
        await looks.acquire()
        for _ in range(2):
            assert looks.locked()
            news.set()
            await looks.acquire()
    chore.cancel()
    await asyncio.wait([chore])


async def test_news_during_a_chore_are_looked_at_by_the_next() -> None:
    news, looks = asyncio.Event(), 0
    twice = asyncio.Event()

    async def look() -> None:
        nonlocal looks
        looks += 1
        (news if looks == 1 else twice).set()

    chore = asyncio.create_task(regularly(3600.0, look, news))
    async with asyncio.timeout(20):
        await twice.wait()
    chore.cancel()
    await asyncio.wait([chore])
