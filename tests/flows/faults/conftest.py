"""Bots of their own in one practice world, which is whole again after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kill.bots import Bot, Start
from tests.kill.practice import Practice, practice


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    with practice(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def world(shared: Practice) -> Iterator[Practice]:
    yield shared
    shared.heal()
    shared.clear()


@pytest.fixture
def start(world: Practice) -> Iterator[Start]:
    """Starts bots, and ends those that still run."""
    running: list[Bot] = []

    def begin(config: Path) -> Bot:
        bot = Bot(config)
        running.append(bot)
        return bot

    yield begin
    for bot in running:
        bot.close()
