"""Functions of instant values: rounding, clamping, time, labels, absence, histograms.

Facts: `promql/functions.go` and `promql/quantile.go` of Prometheus v3.8.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sandbox.prometheus.promql.values import (
    Flags,
    Floats,
    Labels,
    Matcher,
    QueryError,
    Vector,
    dropping,
    labels_of,
    merged,
    nameless,
    rows_of,
    stacked,
)

MATH: dict[str, Callable[[Any], Any]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "floor": np.floor,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "ln": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sgn": np.sign,
}


def mapped(vector: Vector, values: Floats, steps: int) -> Vector:
    """The same series with other values, without the metric's name."""
    rows = zip(map(nameless, vector.labels), values, vector.present, strict=True)
    return merged(list(rows), steps)


def rounded(values: Floats, to: Floats) -> Floats:
    """`round`: halves go up, as in Prometheus."""
    inverse = 1 / to
    found: Floats = np.floor(values * inverse + 0.5) / inverse
    return found


def clamped(vector: Vector, low: Floats, high: Floats, steps: int) -> Vector:
    """`clamp`: nothing where the bounds cross."""
    values = np.maximum(low[None, :], np.minimum(high[None, :], vector.values))
    crossed = high < low
    kept = Vector(vector.labels, values, vector.present & ~crossed[None, :])
    return mapped(kept, values, steps)


def absent(vector: Vector, labels: Labels, steps: int) -> Vector:
    """`absent`: 1 wherever there is no series, with the labels that were asked for."""
    nowhere = np.asarray(np.logical_not(vector.present).all(axis=0))
    return stacked([(labels, np.ones(steps), nowhere)], steps)


def single(vector: Vector, steps: int) -> Floats:
    """`scalar`: the only series' value, else NaN."""
    if not len(vector):
        return np.full(steps, np.nan)
    alone = vector.present.sum(axis=0) == 1
    value = np.where(vector.present, vector.values, 0.0).sum(axis=0)
    return np.where(alone, value, np.nan)


def relabelled(
    vector: Vector, target: str, replacement: str, source: str, pattern: str, steps: int
) -> Vector:
    """`label_replace`.

    Raises:
        QueryError: The pattern or the label's name is none.
    """
    try:
        fits = re.compile(pattern)
    except re.error:
        text = f"invalid regular expression in label_replace(): {pattern}"
        raise QueryError(text, "execution") from None
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", target):
        raise QueryError(
            f"invalid destination label name in label_replace(): {target}", "execution"
        )
    rows = []
    for labels, values, present in rows_of(vector):
        found = fits.fullmatch(dict(labels).get(source, ""))
        if found is not None:
            made = _expanded(found, replacement)
            labels = labels_of([*dropping(labels, (target,)), (target, made)])
        rows.append((labels, values, present))
    return merged(rows, steps)


def _expanded(found: re.Match[str], template: str) -> str:
    """Put groups into a template as Go does: `$1`, `${name}`, `$$`."""

    def group(part: re.Match[str]) -> str:
        name = part[1] or part[2]
        if part[0] == "$$":
            return "$"
        try:
            return found[int(name) if name.isdigit() else name] or ""
        except IndexError:
            return ""

    return re.sub(r"\$(?:(\w+)|\{(\w+)\}|\$)", group, template)


def histogram_quantile(rank: Floats, vector: Vector, steps: int) -> Vector:
    """The quantile of classic histograms: series with the label `le`."""
    groups: dict[Labels, list[tuple[float, int]]] = defaultdict(list)
    for number, labels in enumerate(vector.labels):
        try:
            bound = float(dict(labels).get("le", "").replace("Inf", "inf"))
        except ValueError:
            continue
        groups[dropping(nameless(labels), ("le",))].append((bound, number))
    rows = []
    for key, buckets in groups.items():
        buckets.sort()
        bounds = np.array([bound for bound, _ in buckets])
        numbers = [number for _, number in buckets]
        rows.append(
            (key, *_quantiles(rank, bounds, vector.values[numbers], vector.present[numbers]))
        )
    return stacked(rows, steps)


def _quantiles(
    rank: Floats, bounds: Floats, counts: Floats, present: Flags
) -> tuple[Floats, Flags]:
    """Quantiles at every step; steps with the same buckets are computed together."""
    found = np.full(counts.shape[1], np.nan)
    patterns, which = np.unique(present, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        columns = np.flatnonzero(np.ravel(which) == number)
        if pattern.any():
            inner = counts[np.ix_(pattern, columns)]
            found[columns] = _interpolated(rank[columns], bounds[pattern], inner)
    there: Flags = np.asarray(present.any(axis=0))
    return found, there


def _interpolated(rank: Floats, bounds: Floats, counts: Floats) -> Floats:
    steps = counts.shape[1]
    bounds, counts = _coalesced(bounds, counts)
    if len(bounds) < 2 or not np.isposinf(bounds[-1]):
        return np.full(steps, np.nan)
    counts = np.maximum.accumulate(counts, axis=0)
    total, columns = counts[-1], np.arange(steps)
    with np.errstate(all="ignore"):
        wanted = rank * total
        bucket = (counts[:-1] < wanted).sum(axis=0)
        last = len(bounds) - 1
        inner = np.minimum(bucket, last - 1)
        before = np.where(inner > 0, counts[np.maximum(inner - 1, 0), columns], 0.0)
        start = np.where(inner > 0, bounds[np.maximum(inner - 1, 0)], 0.0)
        size = counts[inner, columns] - before
        value = start + (bounds[inner] - start) * ((wanted - before) / size)
        value = np.where((bucket == 0) & (bounds[0] <= 0), bounds[0], value)
        value = np.where(bucket == last, bounds[last - 1], value)
    value = np.where((total == 0) | np.isnan(total) | np.isnan(rank), np.nan, value)
    value = np.where(rank < 0, -np.inf, value)
    return np.where(rank > 1, np.inf, value)


def _coalesced(bounds: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Add up buckets whose bounds are the same number, however it is written."""
    different, first = np.unique(bounds, return_index=True)
    if len(different) == len(bounds):
        return bounds, counts
    return different, np.add.reduceat(counts, first, axis=0)


def constant(labels: Labels, values: Floats) -> Vector:
    """One series that is always there."""
    return Vector([labels], values[None, :], np.ones((1, len(values)), dtype=bool))


def ordered(vector: Vector, *, down: bool) -> Vector:
    """`sort`: by the last step's value; NaN comes last."""
    column = vector.values[:, -1] if len(vector) else np.empty(0)
    order = np.argsort(-column if down else column, kind="stable")
    return Vector([vector.labels[n] for n in order], vector.values[order], vector.present[order])


def equal_labels(matchers: Sequence[Matcher]) -> Labels:
    """The labels that `absent` has: those that are asked for by `=`, once."""
    counted: dict[str, int] = defaultdict(int)
    for name, _, _ in matchers:
        counted[name] += 1
    return labels_of(
        (name, value)
        for name, op, value in matchers
        if op == "=" and counted[name] == 1 and name != "__name__"
    )
