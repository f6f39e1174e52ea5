"""What a person does to the numbers: a busy node, a disk that fills, a leak, a silent target."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sandbox.prometheus.history import NEVER

NODE_BUSY, DISK_FILLING, TARGET_DOWN = "node-busy", "disk-filling", "target-down"
VOLUME_FILLING, MEMORY_LEAK = "volume-filling", "memory-leak"
USUAL_LOAD = 20.0
"""Percent of one pod's request that a workload uses when nobody steers it."""


@dataclass(slots=True)
class Act:
    """Something that began at a time, and may have ended.

    Attributes:
        kind: `disk-filling` and its like.
        target: What it concerns.
        start: In ms.
        end: In ms; far away while it goes on.
    """

    kind: str
    target: str
    start: int
    end: int = NEVER


class Steering:
    """Keeps what was done and when.

    Attributes:
        loads: (Namespace, workload, resource) → since when it was how much, in percent of one
            pod's request.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._acts: list[Act] = []
        self.loads: dict[tuple[str, str, str], list[tuple[int, float]]] = {}

    def begin(self, kind: str, target: str) -> None:
        """Have something go on from now on; nothing happens if it does already."""
        if not any(act.end == NEVER for act in self.acts(kind, target)):
            self._acts.append(Act(kind, target, self._now()))

    def end(self, kind: str, target: str = "") -> None:
        """Have it end; without a target all of the kind."""
        for act in self._acts:
            if act.kind == kind and target in ("", act.target) and act.end == NEVER:
                act.end = self._now()

    def calm(self) -> None:
        """Have everything end."""
        for kind in {act.kind for act in self._acts}:
            self.end(kind)

    def acts(self, kind: str, *targets: str) -> list[Act]:
        """What was done to one of these targets, in order."""
        return [act for act in self._acts if act.kind == kind and act.target in targets]

    def spans(self, kind: str, *targets: str) -> list[tuple[int, int]]:
        """From when to when it was so."""
        return [(act.start, act.end) for act in self.acts(kind, *targets)]

    def active(self) -> Iterable[str]:
        """What goes on now, as the words that ask for it."""
        return [f"{act.kind}={act.target}" for act in self._acts if act.end == NEVER]

    def load(self, namespace: str, workload: str, resource: str, percent: float | None) -> None:
        """Note that a workload's load was steered; None: not any more."""
        value = USUAL_LOAD if percent is None else percent
        self.loads.setdefault((namespace, workload, resource), []).append((self._now(), value))
