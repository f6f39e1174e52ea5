"""Bots in processes of their own, asked and watched from a test."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.kill import child

PATIENCE = 50.0

Edge = tuple[str, str]
"""A boundary: the step's name, and `before`, `acted` or `after`."""


@dataclass(frozen=True)
class Ran:
    """What became of one request in one process.

    Attributes:
        request: Its id, once a step began.
        edges: The boundaries it passed there.
        told: How it ended; None when the process was killed.
    """

    request: str
    edges: tuple[Edge, ...]
    told: dict[str, Any] | None


class Bot:
    """One bot process. Its modules are imported once for all bots of a test run, then forked.

    Args:
        config: Its configuration.
        patience: Seconds of silence after which a test gives up.

    Attributes:
        left: What it found at its start and took to the end: boundaries passed there.
        ended: All requests on record as ended when it was ready.
    """

    _context = multiprocessing.get_context("forkserver")

    def __init__(self, config: Path, *, patience: float = PATIENCE) -> None:
        self._context.set_forkserver_preload(["tests.kill.child", "bot.main", "commands.deploy"])
        self.line, theirs = self._context.Pipe()
        self.process: ForkServerProcess = self._context.Process(
            target=child.main, args=(str(config), theirs), daemon=True
        )
        self.process.start()
        theirs.close()
        self.left = Ran("", (), None)
        self._patience = patience
        self._asked = 0
        self._answers: dict[int, Ran] = {}
        self.ended: list[dict[str, Any]] = []

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process.pid is not None
        return self.process.pid

    def ready(self) -> Bot:
        """Waits until it has ended what an earlier process left."""
        self.left, message = self._until("ready")
        assert message is not None, "the bot ended while it continued"
        self.ended = message
        return self

    def ask(self, *words: str, kill: int | None = None) -> Ran:
        """Has it run one command; with `kill` it ends itself at that boundary (from 0)."""
        return self.answer(self.tell(*words, kill=kill))

    def tell(self, *words: str, kill: int | None = None) -> int:
        """The same without waiting; `answer` takes the number."""
        self._asked += 1
        self.line.send({"ask": words, "number": self._asked, "kill": kill})
        return self._asked

    def answer(self, number: int) -> Ran:
        """Waits until the request has ended or the process is gone."""
        while number not in self._answers:
            ran, message = self._until("ended")
            if message is None:
                return ran
            self._keep(ran, message)
        return self._answers.pop(number)

    def limit(self, size: int) -> None:
        """Lets it make no file larger than that many bytes."""
        self.line.send({"limit": size})

    def reach(self, step: str, edge: str) -> str:
        """Waits for a boundary of a step whose name begins so; returns the request's id."""
        while True:
            assert self.line.poll(self._patience), f"the bot did not come to {edge} {step!r}"
            message = self.line.recv()
            assert "ended" not in message, message["ended"]
            request, name, passed = message.get("edge", ("", "", ""))
            if name.startswith(step) and passed == edge:
                return str(request)

    def look(self, **what: Any) -> dict[str, Any]:
        """What is on record; see `child`."""
        self.line.send({"look": what})
        _, seen = self._until("seen")
        assert seen is not None
        return dict(seen)

    def kill(self) -> None:
        """Ends it by SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)

    def killed(self) -> None:
        """Asserts that SIGKILL ended it."""
        self.process.join(10)
        assert self.process.exitcode == -signal.SIGKILL

    def close(self) -> None:
        """Lets it close in order."""
        self.line.close()
        self.process.join(10)
        if self.process.is_alive():  # an assertion has failed before
            self.kill()
            self.process.join(10)

    def _until(self, kind: str) -> tuple[Ran, Any]:
        request, edges = "", []
        while True:
            said = self.line.poll(self._patience)
            assert said, f"the bot said nothing for {self._patience:.0f} s: {edges}"
            try:
                message = self.line.recv()
            except (EOFError, ConnectionError):
                return Ran(request, tuple(edges), None), None
            if kind in message:
                return Ran(request, tuple(edges), None), message[kind]
            if "ended" in message:
                self._keep(Ran("", (), None), message["ended"])
            if "edge" in message:
                request, step, edge = message["edge"]
                edges.append((step, edge))

    def _keep(self, ran: Ran, ended: tuple[int, dict[str, Any]]) -> None:
        number, told = ended
        self._answers[number] = Ran(ran.request or told.get("id", ""), ran.edges, told)


Start = Callable[[Path], Bot]
