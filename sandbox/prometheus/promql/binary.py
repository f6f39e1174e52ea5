"""Operators between values: arithmetic, comparison, matching of vectors, sets.

Facts: `promql/engine.go` of Prometheus v3.8, `VectorBinop` and its neighbours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.prometheus.promql.values import (
    NAME,
    Flags,
    Floats,
    Labels,
    QueryError,
    Scalar,
    Value,
    Vector,
    dropping,
    keeping,
    labels_of,
    merged,
    nameless,
    rows_of,
    shown,
    stacked,
)

_Op = Callable[[Any, Any], Any]
ARITHMETIC: dict[str, _Op] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISON: dict[str, _Op] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}
SETS = ("and", "or", "unless")


@dataclass(frozen=True, slots=True)
class Matching:
    """How two vectors find each other.

    Attributes:
        on: Whether `names` are the only labels that count, or those that do not.
        names: Labels.
        many: The side that may have several series for one of the other: `left`, `right`, or
            empty for one to one.
        include: Labels that are taken from the other side.
        flag: Whether a comparison gives 0 or 1 instead of filtering.
    """

    on: bool = False
    names: tuple[str, ...] = ()
    many: str = ""
    include: tuple[str, ...] = ()
    flag: bool = False

    def key(self, labels: Labels) -> Labels:
        """What must be equal on both sides."""
        if self.on:
            return keeping(labels, self.names)
        return dropping(labels, (*self.names, NAME))


def combine(op: str, left: Value, right: Value, matching: Matching, steps: int) -> Value:
    """Apply an operator.

    Raises:
        QueryError: Series cannot be matched, or there is no such operator here.
    """
    if op not in ARITHMETIC and op not in COMPARISON and op not in SETS:
        raise QueryError(f"the practice Prometheus does not know the operator {op!r}")
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        with np.errstate(all="ignore"):
            found = (ARITHMETIC | COMPARISON)[op](left.values, right.values)
        return Scalar(found.astype(float))
    if isinstance(left, Vector) and isinstance(right, Vector):
        if op in SETS:
            return _set(op, left, right, matching, steps)
        return _matched(op, left, right, matching, steps)
    if isinstance(left, Vector) and isinstance(right, Scalar):
        return _with_scalar(op, left, left.values, right.values[None, :], matching.flag, steps)
    if isinstance(left, Scalar) and isinstance(right, Vector):
        return _with_scalar(op, right, left.values[None, :], right.values, matching.flag, steps)
    raise QueryError("binary expression must contain only scalar and instant vector types")


def _apply(
    op: str, left: Floats, right: Floats, kept: Floats, flag: bool
) -> tuple[Floats, Flags | None]:
    """Values, and which of them remain (None: all). Filters keep the values `kept`."""
    with np.errstate(all="ignore"):
        if op in ARITHMETIC:
            return ARITHMETIC[op](left, right), None
        true = COMPARISON[op](left, right)
    return (true.astype(float), None) if flag else (kept, true)


def _with_scalar(
    op: str, vector: Vector, left: Floats, right: Floats, flag: bool, steps: int
) -> Vector:
    values, remain = _apply(op, left, right, vector.values, flag)
    present = vector.present if remain is None else vector.present & remain
    rows = list(zip(vector.labels, values, present, strict=True))
    if remain is not None:
        return stacked(rows, steps)
    return merged([(nameless(labels), v, p) for labels, v, p in rows], steps)


def _by_key(vector: Vector, matching: Matching) -> dict[Labels, list[int]]:
    found: dict[Labels, list[int]] = defaultdict(list)
    for number, labels in enumerate(vector.labels):
        found[matching.key(labels)].append(number)
    return found


def _unique(one: Vector, numbers: Sequence[int], key: Labels, side: str) -> None:
    """Check that at no step two series of the one side share a key.

    Raises:
        QueryError: They do.
    """
    if len(numbers) > 1 and (one.present[list(numbers)].sum(axis=0) > 1).any():
        both = f"[{shown(one.labels[numbers[1]])}, {shown(one.labels[numbers[0]])}]"
        raise QueryError(
            f"found duplicate series for the match group {shown(key)} on the {side} hand-side of "
            f"the operation: {both};many-to-many matching not allowed: matching labels must be "
            "unique on one side",
            "execution",
        )


def _matched(op: str, left: Vector, right: Vector, matching: Matching, steps: int) -> Vector:
    swapped = matching.many == "right"
    many, one = (right, left) if swapped else (left, right)
    partners = _by_key(one, matching)
    for key, numbers in partners.items():
        _unique(one, numbers, key, "left" if swapped else "right")
    rows = []
    for labels, values, present in rows_of(many):
        for number in partners.get(matching.key(labels), ()):
            other, both = one.values[number], present & one.present[number]
            if not both.any():
                continue
            a, b = (other, values) if swapped else (values, other)
            found, remain = _apply(op, a, b, a, matching.flag)
            kept = both if remain is None else both & remain
            drop = remain is None
            rows.append((_result(labels, one.labels[number], matching, drop), found, kept))
    ways = "many-to-one matching must be explicit (group_left/group_right)"
    if matching.many:
        ways = "grouping labels must ensure unique matches"
    return merged(rows, steps, f"multiple matches for labels: {ways}")


def _result(many: Labels, one: Labels, matching: Matching, drop_name: bool) -> Labels:
    labels = nameless(many) if drop_name else many
    if not matching.many:
        if matching.on:
            return keeping(labels, matching.names)
        return dropping(labels, matching.names)
    if not matching.include:
        return labels
    taken = dict(one)
    kept = dropping(labels, matching.include)
    return labels_of([*kept, *((name, taken.get(name, "")) for name in matching.include)])


def _set(op: str, left: Vector, right: Vector, matching: Matching, steps: int) -> Vector:
    def covered(vector: Vector) -> dict[Labels, Flags]:
        return {
            key: np.asarray(vector.present[numbers].any(axis=0))
            for key, numbers in _by_key(vector, matching).items()
        }

    if op == "or":
        there = covered(left)
        rows = rows_of(left)
        for labels, values, present in rows_of(right):
            hidden = there.get(matching.key(labels))
            rows.append((labels, values, present if hidden is None else present & ~hidden))
        return merged(rows, steps)
    there, nowhere = covered(right), np.zeros(steps, dtype=bool)
    rows = []
    for labels, values, present in rows_of(left):
        other = there.get(matching.key(labels), nowhere)
        rows.append((labels, values, present & (other if op == "and" else ~other)))
    return stacked(rows, steps)
