"""Answers of Prometheus as frozen values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Samples as Prometheus gives them, and its warnings."""

    type: str
    result: list[Mapping[str, Any]]
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a range.

    Attributes:
        labels: Its name (`__name__`) and labels.
        times: Seconds since 1970, rising; moments without a sample are left out.
        values: As many; NaN and infinities are kept as they are.
    """

    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RangeResult:
    """Series over a time, with what Prometheus remarked.

    Attributes:
        warnings: The answer may be incomplete, and why.
        infos: Remarks about the query itself.
    """

    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()


def series_of(result: Sequence[Any]) -> Iterator[Series]:
    """Reads a matrix; what holds no numbers (native histograms) is left out.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: It is no matrix.
    """
    for one in result:
        pairs = one.get("values") or ()
        if not pairs:
            continue
        labels = {str(k): str(v) for k, v in one["metric"].items()}
        yield Series(
            labels,
            tuple(float(at) for at, _ in pairs),
            tuple(float(value) for _, value in pairs),
        )
