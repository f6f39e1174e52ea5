"""One practice world for all tests here; each case has its own namespace and its own state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kill.bots import Bot, Start
from tests.kill.cycles import BAD
from tests.kill.practice import Practice, practice


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    home = tmp_path_factory.mktemp("world")
    with practice(home, f"image-missing=*mongo:{BAD}") as made:
        yield made


@pytest.fixture
def start(world: Practice) -> Iterator[Start]:
    """Starts bots, and ends those that still run and what they have made."""
    running: list[Bot] = []

    def begin(config: Path) -> Bot:
        bot = Bot(config)
        running.append(bot)
        return bot

    yield begin
    for bot in running:
        bot.close()
    world.clear()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says at how many points how many operations were killed."""
    points, operations = 0, 0
    for report in terminalreporter.getreports("passed"):
        told = dict(getattr(report, "user_properties", ()))
        points += told.get("kill points", 0)
        operations += told.get("kill operations", 0)
    if points:
        terminalreporter.write_line(f"kill points: {points} over {operations} operations")
