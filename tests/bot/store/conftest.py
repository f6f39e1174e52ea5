"""A real file, a clock that a test moves, and rows to fill in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlite_utils import Database

from bot.store import migrations, requests
from bot.store.connect import connect, create_private
from bot.store.db import Store
from bot.store.keys import AuditKey

START = 1_800_000_000_000_000


@dataclass
class Clock:
    """Microseconds UTC that pass by one at every look, or by more when a test says so."""

    now: int = START

    def __call__(self) -> int:
        self.now += 1
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key() -> AuditKey:
    return AuditKey(bytes(range(32)))


@pytest.fixture
def db(tmp_path: Path) -> Database:
    """One connection with the schema, for functions that need no writer."""
    path = tmp_path / "tables.db"
    create_private(path)
    database = connect(path, timeout=1)
    migrations.apply(database)
    return database


Opener = Callable[..., Awaitable[Store]]


@pytest.fixture
async def open_store(tmp_path: Path, clock: Clock, key: AuditKey) -> AsyncIterator[Opener]:
    opened: list[Store] = []

    async def open_it(**kwargs: object) -> Store:
        options: dict[str, object] = {"clock": clock, "audit_key": key, **kwargs}
        path = options.pop("path", tmp_path / "onprem.db")
        store = await Store.open(path, **options)  # type: ignore[arg-type]
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: Opener) -> Store:
    return await open_store()


@pytest.fixture
def request_of(clock: Clock) -> Callable[..., requests.Request]:
    def build(**changes: object) -> requests.Request:
        made = requests.new_id(clock)
        values: dict[str, object] = {
            "id": made,
            "key": f"trigger-{made}",
            "actor": "slack:T1/U1",
            "person": "ada",
            "command": "scale",
            "created_at": clock(),
            "cluster": "lab",
        }
        return requests.Request(**{**values, **changes})  # type: ignore[arg-type]

    return build
