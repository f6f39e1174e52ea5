"""`kill -9` at every boundary of every operation: it ends right, and exactly once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.helm import orphan
from tests.kill.bots import Bot, Edge, Ran, Start
from tests.kill.cycles import (
    CYCLES,
    Cycle,
    Operation,
    acted,
    check_reference,
    edges_of,
    effect,
    look,
    picture,
)
from tests.kill.practice import Practice

pytestmark = pytest.mark.kill

# After these steps the world does not show what they came to: the roll-out has failed, so nothing
# is "done" and the next process follows it again, to the same failure.
LOOKS_AGAIN = {("bad upgrade", "wait for revision")}


@dataclass
class Rounds:
    """Runs a cycle again and again, each time killed somewhere else."""

    world: Practice
    start: Start
    home: Path
    cycle: Cycle
    points: Callable[[tuple[Edge, ...]], list[int]]
    kills: int = 0
    _bot: Bot | None = None
    _config: Path = Path()
    _namespace: str = ""
    _known: dict[str, tuple[tuple[Edge, ...], dict[str, Any]]] = field(default_factory=dict)

    def run(self) -> None:
        """All points of all operations."""
        self._begin(0)
        for operation in self.cycle.operations:
            self._reference(operation)
        points = {name: self.points(edges) for name, (edges, _) in self._known.items()}
        for round_ in range(max(map(len, points.values()))):
            if self.cycle.fresh:
                self._begin(round_ + 1)
            for operation in self.cycle.operations:
                mine = points[operation.name]
                if round_ < len(mine):
                    self._killed(operation, mine[round_])
                else:
                    self._whole(operation)

    def _begin(self, number: int) -> None:
        if self._bot is not None:
            self._bot.close()
        self._config = self.world.config(self.home / str(number), slack=None)
        apps = yaml.safe_load(self._config.read_text())["apps"]
        self._namespace = apps["parse"]["namespace"]
        self._bot = self.start(self._config).ready()
        for words in self.cycle.prepare:
            told = self.bot.ask(*words).told
            assert told is not None
            assert told["state"] == "done", told

    @property
    def bot(self) -> Bot:
        """The one that lives."""
        assert self._bot is not None
        return self._bot

    def _reference(self, operation: Operation) -> None:
        before = self._picture(operation)
        ran = self.bot.ask(*operation.words)
        found = self._effect(operation, ran.request, before)
        check_reference(operation, ran, found)
        self._known[operation.name] = ran.edges, found

    def _whole(self, operation: Operation) -> None:
        before = self._picture(operation)
        ran = self.bot.ask(*operation.words)
        assert self._effect(operation, ran.request, before) == self._known[operation.name][1]

    def _killed(self, operation: Operation, point: int) -> None:
        edges, expected = self._known[operation.name]
        before = self._picture(operation)
        cut = self.bot.ask(*operation.words, kill=point)
        self.bot.killed()
        assert len(cut.edges) == point + 1
        step, edge = cut.edges[-1]
        assert edge == edges[point][1]
        where = f"{operation.name}, killed at {point}: {edge} {step!r}"

        self._bot = self.start(self._config).ready()
        told = next(request for request in self.bot.ended if request["id"] == cut.request)
        assert told["state"] == operation.state, f"{where}: {told}"
        assert self._effect(operation, cut.request, before) == expected, where
        self._continued(operation, step, edge, cut, where)
        assert orphan.find_by_operation(cut.request) == []
        self.kills += 1

    def _continued(self, operation: Operation, step: str, edge: str, cut: Ran, where: str) -> None:
        """What had acted did not act again: the look found it, or it was on record."""
        again = edges_of(self.bot.left, step)
        if edge != "before" and not any(
            operation.name == name and step.startswith(begin) and edge == "acted"
            for name, begin in LOOKS_AGAIN
        ):
            assert again == ["after"], f"{where}: acted again"
        assert again[-1] == "after", where
        passed = [name for name, e in cut.edges if e == "after"]
        assert all(edges_of(self.bot.left, name) == ["after"] for name in passed), where

    def _picture(self, operation: Operation) -> Any:
        if self.world.get(f"/api/v1/namespaces/{self._namespace}") is None:
            return picture(self.world, "default")
        return picture(self.world, self._namespace)

    def _effect(self, operation: Operation, request: str, before: Any) -> dict[str, Any]:
        seen = look(self.bot, request, self._namespace, operation.pods)
        return effect(before, picture(self.world, self._namespace), seen)


@pytest.fixture(params=CYCLES, ids=lambda cycle: cycle.name)
def cycle(request: pytest.FixtureRequest) -> Cycle:
    made: Cycle = request.param
    return made


def test_killed_once_in_every_step(
    cycle: Cycle, world: Practice, start: Start, tmp_path: Path, record_property: Any
) -> None:
    rounds = Rounds(world, start, tmp_path, cycle, acted)
    rounds.run()
    record_property("kill points", rounds.kills)
    record_property("kill operations", len(cycle.operations))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_every_point(
    cycle: Cycle, world: Practice, start: Start, tmp_path: Path, record_property: Any
) -> None:
    def others(edges: tuple[Edge, ...]) -> list[int]:
        return list(range(len(edges)))

    rounds = Rounds(world, start, tmp_path, cycle, others)
    rounds.run()
    record_property("kill points", rounds.kills)
    record_property("kill operations", len(cycle.operations))
