"""How numbers move: a daily shape with noise, levels that the cluster's state sets, and ramps.

All are functions of time, so that any moment of the past can be asked for at any time and gives
the same answer. Counters are exact integrals, so that `rate` gives back what they were made from.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sandbox.prometheus.promql.values import Floats, Times

Function = Callable[[Times], Floats]
Span = tuple[int, int]
"""From (inclusive) and to (exclusive), in ms."""
_DAY = 86400.0
_WAVES = (
    (_DAY, 0.30),
    (_DAY / 2, 0.08),
    (3700.0, 0.08),
    (660.0, 0.05),
    (190.0, 0.04),
    (67.0, 0.03),
)


@dataclass(frozen=True)
class Wave:
    """Moves around 1 with the time of day, and a little all the time; never below 0.4.

    Attributes:
        terms: Angular frequency (1/s), amplitude, phase.
    """

    terms: tuple[tuple[float, float, float], ...]

    def value(self, times: Times) -> Floats:
        """Its value at each time."""
        seconds = times / 1000
        found = np.ones(len(times))
        for speed, size, phase in self.terms:
            found += size * np.sin(speed * seconds + phase)
        return found

    def area(self, times: Times) -> Floats:
        """The integral of value over seconds, up to each time."""
        seconds = times / 1000
        found = seconds.astype(float)
        for speed, size, phase in self.terms:
            found -= size / speed * np.cos(speed * seconds + phase)
        return found


def once(function: Function) -> Function:
    """The same function; asked again for the same times, it does not compute again."""
    last: list[tuple[Times, Floats]] = []

    def remembered(times: Times) -> Floats:
        if not last or last[0][0] is not times:
            last[:] = [(times, function(times))]
        return last[0][1]

    return remembered


@lru_cache(maxsize=4096)
def wave(name: str, strength: float = 1.0) -> Wave:
    """The wave of that name, always the same; all follow one working day, busiest at 14:00 UTC.

    Args:
        name: Whose it is; it decides the noise.
        strength: How much it moves.
    """
    digest = hashlib.sha256(name.encode()).digest()
    terms = []
    for number, (period, size) in enumerate(_WAVES):
        spread = digest[number] / 255
        own = period if period >= _DAY / 2 else period * (0.8 + 0.4 * spread)
        phase = spread * (0.4 if period >= _DAY / 2 else math.tau)
        if period == _DAY:
            phase += -math.tau * 8 / 24 - 0.2
        terms.append((math.tau / own, size * strength, phase))
    return Wave(tuple(terms))


def share(name: str, low: float, high: float) -> float:
    """A number between the two, always the same for a name."""
    digest = hashlib.sha256(name.encode()).digest()
    return low + (high - low) * int.from_bytes(digest[:4], "big") / 0xFFFFFFFF


@dataclass(frozen=True)
class Levels:
    """A number that stays the same for a while, then is another.

    Attributes:
        steps: From when to when it was what, in order, without overlaps; outside it is 0.
    """

    steps: tuple[tuple[int, int, float], ...]

    def value(self, times: Times) -> Floats:
        """The level at each time."""
        return np.asarray(self._pick(times, [level for _, _, level in self.steps]))

    def _pick(self, times: Times, what: Sequence[float]) -> Floats:
        if not self.steps:
            return np.zeros(len(times))
        starts = np.array([start for start, _, _ in self.steps])
        ends = np.array([end for _, end, _ in self.steps])
        place = np.searchsorted(starts, times, side="right") - 1
        at = np.maximum(place, 0)
        inside = (place >= 0) & (times < ends[at])
        return np.where(inside, np.asarray(what)[at], 0.0)

    def spans(self) -> list[Span]:
        """When it is anything at all."""
        return joined([(start, end) for start, end, _ in self.steps])

    def times(self, moving: Wave) -> Function:
        """The level times a wave."""
        return lambda times: self.value(times) * moving.value(times)

    def counted(self, moving: Wave, *, scale: float = 1.0, resets: Sequence[int] = ()) -> Function:
        """What has come together at this rate (times a wave) since the beginning.

        Args:
            moving: The wave.
            scale: The rate is the level times this.
            resets: When it started again from 0, in order.
        """
        count = self._counted(moving, scale)
        if not resets:
            return count
        again = np.array(resets, dtype=np.int64)
        lost = np.concatenate([[0.0], count(again)])

        def since(times: Times) -> Floats:
            found: Floats = count(times) - lost[np.searchsorted(again, times, side="right")]
            return found

        return since

    def _counted(self, moving: Wave, scale: float) -> Function:
        starts = np.array([start for start, _, _ in self.steps], dtype=np.int64)
        ends = np.array([end for _, end, _ in self.steps], dtype=np.int64)
        levels = np.array([level * scale for _, _, level in self.steps])

        def count(times: Times) -> Floats:
            if not len(levels):
                return np.zeros(len(times))
            # Taken from the beginning, or the constant part of the area drowns the rest.
            begin = moving.area(starts[:1])[0]
            opened = moving.area(starts) - begin
            bounded = np.minimum(ends, max(int(times[-1]), int(starts[-1])) if len(times) else 0)
            whole = levels * (moving.area(np.maximum(bounded, starts)) - begin - opened)
            before = np.concatenate([[0.0], np.cumsum(whole)])
            place = np.searchsorted(starts, times, side="right") - 1
            at = np.maximum(place, 0)
            until = np.minimum(times, ends[at])
            part = levels[at] * (moving.area(until) - begin - opened[at])
            found: Floats = np.where(place >= 0, before[at] + part, 0.0)
            return found

        return count


def steady(level: float, spans: Sequence[Span]) -> Levels:
    """The same level in all spans."""
    return Levels(tuple((start, end, level) for start, end in spans))


@dataclass(frozen=True)
class Ramp:
    """Rises from 0 to `height` in `rise` ms from `start` on, stays, and ends at `end`."""

    start: int
    end: int
    rise: float
    height: float

    def value(self, times: Times) -> Floats:
        """How high it is at each time."""
        part = np.clip((times - self.start) / max(self.rise, 1.0), 0.0, 1.0)
        return np.where((times >= self.start) & (times < self.end), self.height * part, 0.0)


def joined(spans: Sequence[Span]) -> list[Span]:
    """The same times with as few spans as possible, in order."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif end > start:
            found.append((start, end))
    return found


def without(spans: Sequence[Span], gaps: Sequence[Span]) -> list[Span]:
    """The spans without the gaps."""
    left = joined(spans)
    for gap in gaps:
        cut: list[Span] = []
        for start, end in left:
            cut += [(start, min(end, gap[0])), (max(start, gap[1]), end)]
        left = [(start, end) for start, end in cut if start < end]
    return left


def summed(parts: Sequence[tuple[int, int, float]], most: float = math.inf) -> Levels:
    """Levels that add up where they overlap, but to no more than `most`."""
    changes: dict[int, float] = {}
    for start, end, level in parts:
        changes[start] = changes.get(start, 0.0) + level
        changes[end] = changes.get(end, 0.0) - level
    times = sorted(changes)
    steps, total = [], 0.0
    for number, time in enumerate(times[:-1]):
        total += changes[time]
        steps.append((time, times[number + 1], min(max(total, 0.0), most)))
    return Levels(tuple(steps))
