"""When samples are taken, and one series' samples out of a function of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sandbox.prometheus.promql.values import Labels, Samples, Times
from sandbox.prometheus.shapes import Function, Span, share

_OLD = 30_000


@dataclass(frozen=True)
class Track:
    """A series as a function of time.

    Attributes:
        labels: With the metric's name.
        spans: When it is there, in order, without overlaps.
        function: Its value at given times.
    """

    labels: Labels
    spans: Sequence[Span]
    function: Function


class Scrapes:
    """The times at which targets are asked: every 30 s before the start, then as fast as it is."""

    def __init__(self, first: int, start: int, every: float) -> None:
        """Lay out the times.

        Args:
            first: Before it nothing was scraped, in ms.
            start: When the world began, in ms.
            every: Seconds between two scrapes from then on.
        """
        self._first, self._start, self._every = first, start, round(every * 1000)

    @lru_cache(maxsize=64)  # noqa: B019 - it goes with the world
    def between(self, job: str, after: int, until: int) -> Times:
        """When a job's targets were asked, after the one time up to the other."""
        old = self._regular(self._first, self._start, _OLD, job, after, until)
        new = self._regular(self._start, until + 1, self._every, job, after, until)
        return np.concatenate([old, new])

    @staticmethod
    def _regular(first: int, end: int, every: int, job: str, after: int, until: int) -> Times:
        begin = first + round(share(job, 0.0, 0.9) * every)
        number = max(0, math.floor((after - begin) / every) + 1)
        return np.arange(begin + number * every, min(end, until + 1), every, dtype=np.int64)

    def samples(self, track: Track, after: int, until: int) -> Samples | None:
        """Take a series' samples; None if there are none."""
        job = dict(track.labels).get("job", "")
        times, ends = self._there(job, after, until, tuple(track.spans))
        if not len(times):
            return None
        return Samples(track.labels, times, track.function(times), ends)

    @lru_cache(maxsize=512)  # noqa: B019 - it goes with the world
    def _there(
        self, job: str, after: int, until: int, spans: tuple[Span, ...]
    ) -> tuple[Times, Times | None]:
        """When a series was found that is there in these spans, and when each sample ends.

        Many series live equally long; they share what is computed here, and the arrays.
        """
        times = self.between(job, after, until)
        alive = np.zeros(len(times), dtype=bool)
        for start, end in spans:
            low, high = np.searchsorted(times, [start, end])
            alive[low:high] = True
        if alive.all():
            return times, None
        # The scrape after the last sample does not find the series: it has ended then.
        following = np.append(times[1:], np.iinfo(np.int64).max)
        going_on = np.append(alive[1:], True)
        ends = np.where(going_on, np.iinfo(np.int64).max, following)
        return times[alive], ends[alive]
