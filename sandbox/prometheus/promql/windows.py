"""Functions over the samples of a range: rate, increase, delta, deriv, …_over_time.

Facts: `promql/functions.go` of Prometheus v3.8. A window is open at its start and closed at its
end; values are computed for the windows of all steps at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.prometheus.promql.values import Flags, Floats, Times

Answer = tuple[Floats, Flags]


@dataclass(frozen=True, slots=True)
class Windows:
    """One series, and for each step the samples that lie in its window.

    Attributes:
        times: All samples' times, in ms.
        values: All samples' values.
        low: Index of each window's first sample.
        high: Index after its last one.
        starts: Where each window starts, exclusive, in ms.
        ends: Where it ends.
    """

    times: Times
    values: Floats
    low: Times
    high: Times
    starts: Times
    ends: Times

    @property
    def count(self) -> Times:
        """How many samples each window has."""
        return self.high - self.low

    def enough(self, least: int) -> tuple[Flags, Times, Times]:
        """Which windows have so many samples, and their first and last index (else 0)."""
        there = self.count >= least
        return there, np.where(there, self.low, 0), np.where(there, self.high - 1, 0)


def windows(times: Times, values: Floats, ends: Times, width: int) -> Windows:
    """Lay windows of `width` ms that end at `ends` over a series."""
    starts = ends - width
    low = np.searchsorted(times, starts, side="right")
    high = np.searchsorted(times, ends, side="right")
    return Windows(times, values, low, high, starts, ends)


def _folded(w: Windows, fold: Any) -> Answer:
    """Fold every window with a ufunc such as `np.add`."""
    there, low, _ = w.enough(1)
    if not there.any():
        return np.zeros(len(low)), there
    padded = np.append(w.values, 0.0)
    high = np.where(there, w.high, low + 1)
    bounds = np.stack([low, high], axis=1).ravel()
    return fold.reduceat(padded, bounds)[::2], there


def _drops(values: Floats) -> Floats:
    """For each sample, the sum of all values lost in counter resets up to it."""
    before, after = values[:-1], values[1:]
    lost = np.where(after < before, before, 0.0)
    return np.concatenate([[0.0], np.cumsum(lost)])


def _extrapolated(w: Windows, *, counter: bool, per_second: bool) -> Answer:
    there, first, last = w.enough(2)
    if not there.any():
        return np.zeros(len(first)), there
    change = w.values[last] - w.values[first]
    if counter:
        drops = _drops(w.values)
        change = change + drops[last] - drops[first]
    sampled = (w.times[last] - w.times[first]) / 1000
    sampled = np.where(there, sampled, 1.0)
    between = sampled / np.maximum(w.count - 1, 1)
    to_start = (w.times[first] - w.starts) / 1000
    to_end = (w.ends - w.times[last]) / 1000
    to_start = np.where(to_start >= between * 1.1, between / 2, to_start)
    if counter:
        begin = w.values[first]
        with np.errstate(divide="ignore", invalid="ignore"):
            to_zero = sampled * (begin / change)
        to_start = np.where((change > 0) & (begin >= 0), np.minimum(to_start, to_zero), to_start)
    to_end = np.where(to_end >= between * 1.1, between / 2, to_end)
    factor = (sampled + to_start + to_end) / sampled
    if per_second:
        factor = factor / ((w.ends - w.starts) / 1000)
    return change * factor, there


def _last_two(w: Windows, *, counter: bool, per_second: bool) -> Answer:
    there, _, last = w.enough(2)
    before = np.maximum(last - 1, 0)
    if not there.any():
        return np.zeros(len(last)), there
    new, old = w.values[last], w.values[before]
    change = np.where(new < old, new, new - old) if counter else new - old
    if per_second:
        seconds = np.where(there, w.times[last] - w.times[before], 1) / 1000
        change = change / seconds
    return change, there


def _slopes(w: Windows) -> tuple[Floats, Floats, Flags]:
    """Slope, and value at the window's end, of the line of least squares."""
    there, _, _ = w.enough(2)
    slope, value = np.zeros(len(there)), np.zeros(len(there))
    for i in np.flatnonzero(there):
        y = w.values[w.low[i] : w.high[i]]
        x = (w.times[w.low[i] : w.high[i]] - w.ends[i]) / 1000
        if (y == y[0]).all():
            slope[i], value[i] = (0.0, y[0]) if np.isfinite(y[0]) else (np.nan, np.nan)
            continue
        off, up = x - x.mean(), y - y.mean()
        slope[i] = (off * up).sum() / (off * off).sum()
        value[i] = y.mean() - slope[i] * x.mean()
    return slope, value, there


def _deriv(w: Windows) -> Answer:
    slope, _, there = _slopes(w)
    return slope, there


def predicted(w: Windows, seconds: Floats) -> Answer:
    """`predict_linear`: where the line will be so many seconds after the window."""
    slope, value, there = _slopes(w)
    return value + slope * seconds, there


def _last(w: Windows) -> Answer:
    there, _, last = w.enough(1)
    return (w.values[last] if len(w.values) else np.zeros(len(last))), there


def _count(w: Windows) -> Answer:
    return w.count.astype(float), w.count > 0


def _avg(w: Windows) -> Answer:
    total, there = _folded(w, np.add)
    return total / np.maximum(w.count, 1), there


def _spread(w: Windows) -> Answer:
    there, _, _ = w.enough(1)
    found = np.zeros(len(there))
    for i in np.flatnonzero(there):
        found[i] = w.values[w.low[i] : w.high[i]].var()
    return found, there


def _stddev(w: Windows) -> Answer:
    values, there = _spread(w)
    return np.sqrt(values), there


def _happened(w: Windows, flags: Flags) -> Answer:
    """In how many places between two samples of a window something happened."""
    there, first, last = w.enough(1)
    summed = np.concatenate([[0.0], np.cumsum(flags)])
    return (summed[last] - summed[first]) if len(w.values) else np.zeros(len(there)), there


def _changes(w: Windows) -> Answer:
    before, after = w.values[:-1], w.values[1:]
    return _happened(w, (before != after) & ~(np.isnan(before) & np.isnan(after)))


def _resets(w: Windows) -> Answer:
    return _happened(w, w.values[1:] < w.values[:-1])


def quantile_of(w: Windows, rank: Floats) -> Answer:
    """`quantile_over_time`."""
    there, _, _ = w.enough(1)
    found = np.zeros(len(there))
    for i in np.flatnonzero(there):
        found[i] = quantile(rank[i], w.values[w.low[i] : w.high[i]])
    return found, there


def quantile(rank: float, values: Floats) -> float:
    """The quantile of some values, as Prometheus interpolates it."""
    if len(values) == 0 or np.isnan(rank):
        return float("nan")
    if not 0 <= rank <= 1:
        return float("-inf") if rank < 0 else float("inf")
    ordered = np.sort(np.where(np.isnan(values), -np.inf, values))
    place = rank * (len(ordered) - 1)
    low = int(place)
    high = min(len(ordered) - 1, low + 1)
    weight = place - low
    return float(ordered[low] * (1 - weight) + ordered[high] * weight)


OVER_RANGES: dict[str, Callable[[Windows], Answer]] = {
    "rate": lambda w: _extrapolated(w, counter=True, per_second=True),
    "increase": lambda w: _extrapolated(w, counter=True, per_second=False),
    "delta": lambda w: _extrapolated(w, counter=False, per_second=False),
    "irate": lambda w: _last_two(w, counter=True, per_second=True),
    "idelta": lambda w: _last_two(w, counter=False, per_second=False),
    "deriv": _deriv,
    "changes": _changes,
    "resets": _resets,
    "avg_over_time": _avg,
    "sum_over_time": lambda w: _folded(w, np.add),
    "min_over_time": lambda w: _folded(w, np.fmin),
    "max_over_time": lambda w: _folded(w, np.fmax),
    "count_over_time": _count,
    "last_over_time": _last,
    "present_over_time": lambda w: (np.ones(len(w.low)), w.count > 0),
    "stddev_over_time": _stddev,
    "stdvar_over_time": _spread,
}
"""Functions of one range and nothing else."""
