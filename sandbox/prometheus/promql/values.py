"""What queries are made of: labels, samples, and values at every step of a range."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

LOOKBACK = 300_000
"""Milliseconds for which a sample counts when no newer one came (Prometheus' default)."""
NAME = "__name__"

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Times = npt.NDArray[np.int64]
"""Milliseconds since 1970."""
Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted, without empty values."""
Matcher = tuple[str, str, str]
"""Label, operator (`=`, `!=`, `=~`, `!~`) and value."""


class QueryError(Exception):
    """A query cannot be answered.

    Attributes:
        kind: Prometheus' `errorType`: `bad_data` or `execution`.
    """

    def __init__(self, message: str, kind: str = "bad_data") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Samples:
    """One series' samples, in order.

    Attributes:
        labels: With the metric's name.
        times: When each was taken.
        values: Their values.
        until: From when on each no longer counts, although younger than `LOOKBACK`, because the
            series has ended; None if that is so for none.
    """

    labels: Labels
    times: Times
    values: Floats
    until: Times | None = None


class Source(Protocol):
    """Where samples come from."""

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> list[Samples]:
        """Return the series that fit, with their samples after `start` up to `end` (ms).

        Args:
            matchers: All must be met; the one for the name is `__name__`.
            start: Exclusive.
            end: Inclusive.
        """
        ...


@dataclass(slots=True)
class Vector:
    """Series at every step: a row for each, a column for each step.

    Attributes:
        labels: Of each row.
        values: NaN is a value like any other.
        present: Whether the series has a value at that step.
    """

    labels: list[Labels]
    values: Floats
    present: Flags

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(slots=True)
class Scalar:
    """A number at every step."""

    values: Floats


@dataclass(slots=True)
class Text:
    """A string."""

    value: str


Value = Vector | Scalar | Text


def labels_of(pairs: Iterable[tuple[str, str]]) -> Labels:
    """Sort labels and leave out empty ones."""
    return tuple(sorted((name, value) for name, value in pairs if value))


def keeping(labels: Labels, names: Iterable[str]) -> Labels:
    """Only the labels of these names."""
    wanted = set(names)
    return tuple(pair for pair in labels if pair[0] in wanted)


def dropping(labels: Labels, names: Iterable[str]) -> Labels:
    """All labels but those of these names."""
    unwanted = set(names)
    return tuple(pair for pair in labels if pair[0] not in unwanted)


def nameless(labels: Labels) -> Labels:
    """All labels but the metric's name."""
    return tuple(pair for pair in labels if pair[0] != NAME)


def shown(labels: Labels) -> str:
    """Labels as Prometheus writes them in messages: `{a="b"}`."""
    inner = ", ".join(f'{name}="{value}"' for name, value in labels if name != NAME)
    return f"{dict(labels).get(NAME, '')}{{{inner}}}"


def empty(steps: int) -> Vector:
    """No series."""
    return Vector([], np.empty((0, steps)), np.empty((0, steps), dtype=bool))


def stacked(rows: Sequence[tuple[Labels, Floats, Flags]], steps: int) -> Vector:
    """A vector of rows, without those that are never there."""
    kept = [row for row in rows if row[2].any()]
    if not kept:
        return empty(steps)
    return Vector(
        [row[0] for row in kept],
        np.stack([row[1] for row in kept]),
        np.stack([row[2] for row in kept]),
    )


def merged(
    rows: Sequence[tuple[Labels, Floats, Flags]],
    steps: int,
    clash: str = "vector cannot contain metrics with the same labelset",
) -> Vector:
    """A vector of rows; those of the same labels become one.

    Args:
        rows: Labels, values, presence.
        steps: How many columns each has.
        clash: What is said when two of them are there at once.

    Raises:
        QueryError: Two rows of the same labels are there at the same step.
    """
    found: dict[Labels, tuple[Labels, Floats, Flags]] = {}
    for labels, values, present in rows:
        if not present.any():
            continue
        other = found.get(labels)
        if other is None:
            found[labels] = (labels, values, present)
            continue
        if (other[2] & present).any():
            raise QueryError(clash, "execution")
        found[labels] = (labels, np.where(present, values, other[1]), other[2] | present)
    return stacked(list(found.values()), steps)


def rows_of(vector: Vector) -> list[tuple[Labels, Floats, Flags]]:
    """The rows of a vector."""
    return list(zip(vector.labels, vector.values, vector.present, strict=True))
