"""Runs a cycle of operations again and again, each time killed somewhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from integrations.helm import orphan
from tests.kill.bots import Bot, Edge, Ran, Start
from tests.kill.cycles import (
    SAVED,
    Cycle,
    Operation,
    Picture,
    check_reference,
    edges_of,
    effect,
    look,
    picture,
)
from tests.kill.practice import Practice

# After these steps the world does not show what they came to: the roll-out has failed, so nothing
# is "done" and the next process follows it again, to the same failure.
# What a backup holds is only read, so the next process reads it again; so are a drill's questions.
LOOKS_AGAIN = {
    ("bad upgrade", "wait for revision"),
    ("backup", "check what was stored"),
    ("replace", "safety backup: check what was stored"),
    ("replace", "read what became"),
    ("restore", "read what became"),
    ("restore", "see what came back"),
    ("restore", "ask the probes"),
    ("replace", "check that they are"),
    ("replace", "see what came back"),
    ("replace", "ask the probes"),
    ("drill", "look for hosts"),
    ("drill", "read what became"),
    ("drill", "see what came back"),
    ("drill", "take the time"),
    ("drill", "ask the probes"),
    ("drill", "count documents"),
}


@dataclass
class Rounds:
    """A cycle in a world.

    Attributes:
        points: Which of an operation's boundaries to kill at.
        kills: How many there were.
        known: Of each operation: its boundaries and what it comes to without a kill.
    """

    world: Practice
    start: Start
    home: Path
    cycle: Cycle
    points: Callable[[tuple[Edge, ...]], list[int]]
    settings: dict[str, Any] = field(default_factory=dict)
    kills: int = 0
    known: dict[str, tuple[tuple[Edge, ...], dict[str, Any]]] = field(default_factory=dict)
    _bot: Bot | None = None
    _config: Path = Path()
    _namespace: str = ""
    _begun: int = 0

    @property
    def bot(self) -> Bot:
        """The one that lives."""
        assert self._bot is not None
        return self._bot

    def run(self) -> None:
        """All points of all operations."""
        self.learn()
        points = {name: self.points(edges) for name, (edges, _) in self.known.items()}
        for number in range(max(map(len, points.values()))):
            if self.cycle.fresh:
                self.begin()
            for operation in self.cycle.operations:
                mine = points[operation.name]
                if number < len(mine):
                    self._killed(operation, mine[number])
                else:
                    self.whole(operation)

    def begin(self) -> None:
        """Starts with nothing, in a namespace of its own, and prepares it."""
        if self._bot is not None:
            self._bot.close()
            self.world.clear()
        self._begun += 1
        home = self.home / str(self._begun)
        self._config = self.world.config(home, slack=None, **self.settings)
        self._namespace = yaml.safe_load(self._config.read_text())["apps"]["parse"]["namespace"]
        self._bot = self.start(self._config).ready()
        for words in self.cycle.prepare:
            told = self.bot.ask(*words).told
            assert told is not None
            assert told["state"] == "done", told

    def learn(self) -> None:
        """Runs each operation without a kill."""
        self.begin()
        for operation in self.cycle.operations:
            before = self.before(operation)
            ran = self.bot.ask(*operation.words)
            found = self._effect(operation, ran.request, before)
            check_reference(operation, ran, found)
            self.known[operation.name] = ran.edges, found

    def whole(self, operation: Operation) -> None:
        """One operation without a kill."""
        before = self.before(operation)
        ran = self.bot.ask(*operation.words)
        assert self._effect(operation, ran.request, before) == self.known[operation.name][1]

    def cut(self, words: tuple[str, ...], point: int) -> Ran:
        """Kills the bot at a boundary of a command."""
        cut = self.bot.ask(*words, kill=point)
        self.bot.killed()
        assert len(cut.edges) == point + 1
        self.kills += 1
        return cut

    def go_on(self, operation: Operation, cut: Ran, before: Picture) -> tuple[Any, dict[str, Any]]:
        """Starts the bot again; returns how the request ended and what it came to."""
        self._bot = self.start(self._config).ready()
        told = next(request for request in self.bot.ended if request["id"] == cut.request)
        assert orphan.find_by_operation(cut.request) == []
        return told, self._effect(operation, cut.request, before)

    def _killed(self, operation: Operation, point: int) -> None:
        edges, expected = self.known[operation.name]
        before = self.before(operation)
        cut = self.cut(operation.words, point)
        step, edge = cut.edges[-1]
        assert edge == edges[point][1]
        where = f"{operation.name}, killed at {point}: {edge} {step!r}"
        told, found = self.go_on(operation, cut, before)
        assert told["state"] == operation.state, f"{where}: {told}"
        assert found == expected, where
        self._continued(operation, cut, where)

    def _continued(self, operation: Operation, cut: Ran, where: str) -> None:
        """What had acted did not act again: the look found it, or it was on record."""
        step, edge = cut.edges[-1]
        again = edges_of(self.bot.left, step)
        if edge != "before" and not any(
            operation.name == name and step.startswith(begin) and edge == "acted"
            for name, begin in LOOKS_AGAIN
        ):
            assert again == ["after"], f"{where}: acted again"
        assert again[-1] == "after", where
        passed = [name for name, e in cut.edges if e == "after"]
        assert all(edges_of(self.bot.left, name) == ["after"] for name in passed), where

    def before(self, operation: Operation) -> Picture:
        """The namespace as an operation finds it."""
        if operation.lost:
            self.world.lose(self._namespace)
        if operation.saved:
            self.world.save(SAVED, self._namespace)
        return self.picture()

    def picture(self) -> Picture:
        """The namespace as it is."""
        there = self.world.get(f"/api/v1/namespaces/{self._namespace}") is not None
        return picture(self.world, self._namespace, "" if there else "default")

    def _effect(self, operation: Operation, request: str, before: Picture) -> dict[str, Any]:
        seen = look(self.bot, request, self._namespace, operation.pods)
        return effect(before, self.picture(), seen)
