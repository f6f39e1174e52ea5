"""`kill -9` of the bot during each operation, on a real API server: it ends right, exactly once.

The rounds are those of `tests/kill`; the world is real. There every boundary is a point; here,
where each takes seconds, those at which helm or the cluster has acted and nothing is on record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.kill.bots import Bot, Edge, Start
from tests.kill.cycles import BAD, CYCLES, Cycle, acted
from tests.kill.rounds import Rounds
from tests.lab.conftest import helm_settings
from tests.lab.databases import databases
from tests.lab.grounds import Grounds

pytestmark = [pytest.mark.lab, pytest.mark.helm, pytest.mark.timeout(300)]


@pytest.fixture
def start(grounds: Grounds) -> Iterator[Start]:
    """Starts bots, and ends those that still run."""
    running: list[Bot] = []

    def begin(config: Path) -> Bot:
        bot = Bot(config)
        running.append(bot)
        return bot

    with databases(grounds.lab):
        yield begin
        for bot in running:
            bot.close()
    grounds.clear()


KILLED = (
    "helm ",
    "remove pods",
    "wait until its pods are gone",
    "delete Secret",
    "remove member",
    "scale to",
    "add member",
    "restart statefulset",
)
"""How the steps begin that are cut here."""

HELM4 = {"install", "bad upgrade"}
"""The cycles that are played with Helm 4; the others are with Helm 3."""


def chosen(edges: tuple[Edge, ...]) -> list[int]:
    """The boundaries to kill at."""
    return [n for n in acted(edges) if edges[n][0].startswith(KILLED)]


def on_the_lab(cycle: Cycle) -> Cycle:
    """The cycle with an image that kwok knows to be missing."""
    operations = tuple(
        replace(one, words=tuple(word.replace(BAD, "does-not-exist") for word in one.words))
        for one in cycle.operations
    )
    return replace(cycle, operations=operations)


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda cycle: cycle.name)
def test_killed_in_each_kind_of_step(
    cycle: Cycle, grounds: Grounds, start: Start, tmp_path: Path, record_property: Any
) -> None:
    helm = helm_settings("helm4" if cycle.name in HELM4 else "helm3")
    rounds = Rounds(grounds, start, tmp_path, on_the_lab(cycle), chosen, {"helm": helm})
    rounds.run()
    cut = [name for name, (edges, _) in rounds.known.items() if chosen(edges)]
    assert cut == [operation.name for operation in cycle.operations]
    record_property("kill points", rounds.kills)
    record_property("kill operations", len(cycle.operations))
