"""Aggregations: sum, avg, min, max, count, group, stddev, quantile, topk, bottomk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from sandbox.prometheus.promql.values import (
    NAME,
    Flags,
    Floats,
    Labels,
    QueryError,
    Vector,
    dropping,
    keeping,
    stacked,
)
from sandbox.prometheus.promql.windows import quantile

_Fold = Callable[[Floats, Flags], Floats]


def _sum(values: Floats, present: Flags) -> Floats:
    return np.asarray(np.where(present, values, 0.0).sum(axis=0))


def _mean(values: Floats, present: Flags) -> Floats:
    return np.asarray(_sum(values, present) / np.maximum(present.sum(axis=0), 1))


def _variance(values: Floats, present: Flags) -> Floats:
    return _mean((values - _mean(values, present)) ** 2, present)


_FOLDS: dict[str, _Fold] = {
    "sum": _sum,
    "avg": _mean,
    "count": lambda _, present: present.sum(axis=0).astype(float),
    "group": lambda _, present: np.ones(present.shape[1]),
    "min": lambda values, present: np.fmin.reduce(np.where(present, values, np.nan), axis=0),
    "max": lambda values, present: np.fmax.reduce(np.where(present, values, np.nan), axis=0),
    "stdvar": _variance,
    "stddev": lambda values, present: np.sqrt(_variance(values, present)),
}
_RANKED = ("topk", "bottomk")
KNOWN = (*_FOLDS, *_RANKED, "quantile")


def aggregate(
    op: str,
    vector: Vector,
    *,
    by: Sequence[str] | None,
    without: Sequence[str] | None,
    parameter: Floats | None,
    steps: int,
) -> Vector:
    """Aggregate series.

    Args:
        op: One of `KNOWN`.
        vector: What is aggregated.
        by: The labels that are kept; all series become one with neither this nor `without`.
        without: Or the labels that are not kept.
        parameter: Of `topk`, `bottomk`, `quantile`, for each step.
        steps: How many there are.

    Raises:
        QueryError: There is no such aggregation here.
    """
    if op not in KNOWN:
        raise QueryError(f"the practice Prometheus does not know the aggregation {op!r}")
    groups: dict[Labels, list[int]] = defaultdict(list)
    for number, labels in enumerate(vector.labels):
        kept = dropping(labels, (*without, NAME)) if without is not None else None
        groups[keeping(labels, by or ()) if kept is None else kept].append(number)
    rows = []
    for key, numbers in groups.items():
        values, present = vector.values[numbers], vector.present[numbers]
        if op in _RANKED:
            chosen = _ranked(values, present, _given(parameter, steps), op == "topk")
            labels_here = [vector.labels[n] for n in numbers]
            rows += list(zip(labels_here, values, chosen, strict=True))
            continue
        with np.errstate(all="ignore"):
            if op == "quantile":
                found = _quantiles(values, present, _given(parameter, steps))
            else:
                found = _FOLDS[op](values, present)
        rows.append((key, found, present.any(axis=0)))
    return stacked(rows, steps)


def _given(parameter: Floats | None, steps: int) -> Floats:
    return np.zeros(steps) if parameter is None else parameter


def _ranked(values: Floats, present: Flags, most: Floats, top: bool) -> Flags:
    """Which of the values are among the highest (or lowest) at each step."""
    ordered = values if top else -values
    ordered = np.where(np.isnan(ordered), -np.inf, ordered)
    ordered = np.where(present, ordered, -np.inf)
    # Those that are there come before those that are not, whatever their value.
    order = np.lexsort((-ordered, ~present), axis=0)
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(len(values))[:, None], axis=0)
    limit = np.where(np.isnan(most), 0, np.floor(most))
    return present & (place < limit[None, :])


def _quantiles(values: Floats, present: Flags, rank: Floats) -> Floats:
    found = np.full(values.shape[1], np.nan)
    for step in np.flatnonzero(present.any(axis=0)):
        found[step] = quantile(rank[step], values[present[:, step], step])
    return found
