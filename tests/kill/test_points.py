"""`kill -9` at every boundary of every operation: it ends right, and exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kill.bots import Edge, Start
from tests.kill.cycles import CYCLES, Cycle, acted
from tests.kill.practice import Practice
from tests.kill.rounds import Rounds

pytestmark = [pytest.mark.kill, pytest.mark.timeout(900)]

Run = Callable[[Callable[[tuple[Edge, ...]], list[int]]], None]


QUICK = {"install", "upgrade", "scale"}
"""Cycles of which one round is part of the quick tier."""


def cycles() -> Iterator[Any]:
    for cycle in CYCLES:
        marks = () if cycle.name in QUICK else (pytest.mark.slow,)
        yield pytest.param(cycle, id=cycle.name, marks=marks)


@pytest.fixture(params=cycles())
def run(
    request: pytest.FixtureRequest,
    world: Practice,
    start: Start,
    tmp_path: Path,
    record_property: Any,
) -> Run:
    """Kills a cycle's operations at the points chosen, and counts for the closing line."""
    cycle: Cycle = request.param

    def all_rounds(points: Callable[[tuple[Edge, ...]], list[int]]) -> None:
        rounds = Rounds(world, start, tmp_path, cycle, points)
        rounds.run()
        record_property("kill points", rounds.kills)
        record_property("kill operations", len(cycle.operations))

    return all_rounds


def test_killed_once_in_every_step(run: Run) -> None:
    run(acted)


@pytest.mark.slow
def test_killed_at_every_point(run: Run) -> None:
    run(lambda edges: list(range(len(edges))))
