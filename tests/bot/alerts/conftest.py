"""A place for messages in memory, a clock moved by hand, a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.alerts.threads import Threads
from bot.render import terminal
from bot.render.document import Document, Image
from bot.store.db import Store
from bot.store.keys import AuditKey

START = 1_800_000_000_000_000


@dataclass
class Room:
    """A place for messages that keeps them in memory; they are there once the commit is."""

    configured: bool = True
    roots: dict[str, list[Document]] = field(default_factory=dict)
    replies: list[tuple[str, Document]] = field(default_factory=list)
    pictures: list[tuple[str, Image]] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    unposted: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    awake: int = 0

    def posted(self, db: Any, key: str) -> bool:
        return key in self.roots

    def standing(self, db: Any, key: str) -> bool:
        return key in self.roots and key not in self.unposted

    def keep(
        self, db: Any, key: str, document: Document, *, channel: str = "", live: bool = False
    ) -> None:
        self.places.setdefault(key, channel)
        self.roots.setdefault(key, []).append(document)

    def reply(self, db: Any, thread: str, document: Document, *, channel: str = "") -> None:
        self.replies.append((thread, document))

    def attach(self, db: Any, thread: str, image: Image, *, channel: str = "") -> None:
        self.pictures.append((thread, image))

    def answering(self, db: Any, thread: str) -> bool:
        return thread in self.unanswered

    def refusal(self, db: Any, key: str) -> str:
        return self.refused.get(key, "")

    def wake(self) -> None:
        self.awake += 1

    @property
    def edits(self) -> list[str]:
        """All states of all messages."""
        return [terminal.plain(d) for states in self.roots.values() for d in states]

    @property
    def answers(self) -> list[str]:
        return [terminal.plain(d) for _, d in self.replies]


class Clock:
    """Microseconds UTC that a test moves."""

    now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    key = AuditKey(bytes(range(32)))
    made = await Store.open(tmp_path / "onprem.db", clock=clock, audit_key=key)
    yield made
    await made.close()


@pytest.fixture
def threads(store: Store, room: Room, clock: Clock) -> Threads:
    return Threads(store, room, clock, lambda: "/onprem ", ("status", "backup logs"))
