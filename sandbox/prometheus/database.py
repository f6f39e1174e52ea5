"""The practice Prometheus' samples: made when they are asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sandbox.prometheus.exporters import METRICS
from sandbox.prometheus.promql.values import NAME, Labels, Matcher, Samples, Times, labels_of
from sandbox.prometheus.scene import Scene
from sandbox.prometheus.scraping import Scrapes, Track


@dataclass(slots=True)
class Spoiling:
    """What is wrong with the samples.

    Attributes:
        nan: All are NaN.
        copies: How many of each series there are, told apart by the label `copy`.
    """

    nan: bool = False
    copies: int = 1


class Database:
    """A `Source` of samples; a new one for each query."""

    def __init__(self, scene: Scene, scrapes: Scrapes, spoiling: Spoiling) -> None:
        self.scene, self._scrapes, self._spoiling = scene, scrapes, spoiling

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> list[Samples]:
        """Return the series that fit, with their samples after `start` up to `end` (ms)."""
        end = min(end, self.scene.history.now())
        found: list[Samples] = []
        for track in self.tracks(matchers):
            samples = self._scrapes.samples(track, start, end)
            if samples is not None:
                found += self._spoiled(samples)
        return joined(found)

    def tracks(self, matchers: Sequence[Matcher]) -> Iterable[Track]:
        """The series that fit, whenever they were."""
        tests = [_test(matcher) for matcher in matchers]
        of_name = [
            test for test, matcher in zip(tests, matchers, strict=True) if matcher[0] == NAME
        ]
        others = [test for test, matcher in zip(tests, matchers, strict=True) if matcher[0] != NAME]
        for name, exporter in METRICS.items():
            if all(test({NAME: name}) for test in of_name):
                for track in exporter(self.scene):
                    labels = dict(track.labels)
                    if all(test(labels) for test in others):
                        yield track

    def _spoiled(self, samples: Samples) -> Iterable[Samples]:
        if self._spoiling.nan:
            samples = replace(samples, values=np.full(len(samples.values), np.nan))
        for number in range(self._spoiling.copies):
            labels: Labels = samples.labels
            if self._spoiling.copies > 1:
                labels = labels_of([*labels, ("copy", str(number))])
            yield replace(samples, labels=labels)


def joined(found: Iterable[Samples]) -> list[Samples]:
    """One series for all of the same labels: an object that was made anew continues the old one."""
    series: dict[Labels, Samples] = {}
    for one in found:
        other = series.get(one.labels)
        series[one.labels] = one if other is None else _both(other, one)
    return list(series.values())


def _both(one: Samples, other: Samples) -> Samples:
    times, kept = np.unique(np.concatenate([other.times, one.times]), return_index=True)
    values = np.concatenate([other.values, one.values])[kept]
    until = None
    if one.until is not None or other.until is not None:
        until = np.concatenate([_until(other), _until(one)])[kept]
    return Samples(one.labels, times, values, until)


def _until(samples: Samples) -> Times:
    if samples.until is not None:
        return samples.until
    return np.full(len(samples.times), np.iinfo(np.int64).max, dtype=np.int64)


def _test(matcher: Matcher) -> Callable[[dict[str, str]], bool]:
    name, op, value = matcher
    if op in ("=", "!="):
        return lambda labels: (labels.get(name, "") == value) == (op == "=")
    fits = re.compile(value, re.DOTALL)
    return lambda labels: (fits.fullmatch(labels.get(name, "")) is not None) == (op == "=~")
