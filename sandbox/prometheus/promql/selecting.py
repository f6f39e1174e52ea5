"""What selectors find: at every step the newest sample, or a window of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import promql_parser as syntax

from sandbox.prometheus.promql import functions
from sandbox.prometheus.promql.values import (
    LOOKBACK,
    NAME,
    Flags,
    Floats,
    Labels,
    Matcher,
    QueryError,
    Samples,
    Source,
    Times,
    Vector,
    merged,
    nameless,
    stacked,
)
from sandbox.prometheus.promql.windows import Windows, windows

_MOST_SAMPLES = 10_000_000
_OPS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


def word(member: object) -> str:
    """The name of a member of one of the parser's enumerations, which cannot be hashed."""
    return str(member).rpartition(".")[2]


def unknown(what: str) -> QueryError:
    """The error for what a real Prometheus knows."""
    return QueryError(f"the practice Prometheus does not know {what}")


def matchers(selector: Any) -> list[Matcher]:
    """What a selector asks for.

    Raises:
        QueryError: It uses what is not known here.
    """
    if selector.at is not None:
        raise unknown("the modifier @")
    if selector.matchers.or_matchers:
        raise QueryError('invalid parameter "query": parse error: unexpected "or" in matchers')
    given = [(m.name, _OPS[word(m.op)], m.value) for m in selector.matchers.matchers]
    return [*([(NAME, "=", selector.name)] if selector.name else []), *given]


def asked(expr: Any) -> Labels:
    """The labels that a selector demands by equality; none where it is no selector."""
    while isinstance(expr, syntax.ParenExpr):
        expr = expr.expr
    if isinstance(expr, syntax.MatrixSelector):
        expr = expr.vector_selector
    if not isinstance(expr, syntax.VectorSelector):
        return ()
    return functions.equal_labels(matchers(expr))


class Selecting:
    """Selectors of one evaluation.

    Args:
        source: Where samples come from.
        steps: When, in milliseconds.
    """

    def __init__(self, source: Source, steps: Times) -> None:
        self._source, self._steps = source, steps
        self._count = len(steps)

    def _selected(self, selector: Any, width: int) -> tuple[list[Samples], Times]:
        steps = self._steps - _ms(selector.offset)
        found = self._source.select(matchers(selector), int(steps[0]) - width, int(steps[-1]))
        if len(found) * self._count > _MOST_SAMPLES:
            text = "query processing would load too many samples into memory in query execution"
            raise QueryError(text, "execution")
        return found, steps

    def instant(self, selector: Any) -> Vector:
        """The newest sample of each series at every step, unless it is too old or ended.

        Raises:
            QueryError: As `matchers`, or there is too much.
        """
        found, steps = self._selected(selector, LOOKBACK)
        places: dict[int, Times] = {}
        rows = []
        for series in found:
            if not len(series.times):
                continue
            place = places.get(id(series.times))
            if place is None:
                place = np.searchsorted(series.times, steps, side="right") - 1
                places[id(series.times)] = place
            at = np.maximum(place, 0)
            present = (place >= 0) & (series.times[at] > steps - LOOKBACK)
            if series.until is not None:
                present &= steps < series.until[at]
            rows.append((series.labels, series.values[at], present))
        return stacked(rows, self._count)

    def range(self, selector: Any) -> list[Samples]:
        """The samples of a range selector, for an instant query."""
        found, steps = self._selected(selector.vector_selector, _ms(selector.range))
        start = int(steps[0]) - _ms(selector.range)
        cut = []
        for s in found:
            inside = (s.times > start) & (s.times <= steps[-1])
            if inside.any():
                cut.append(Samples(s.labels, s.times[inside], s.values[inside]))
        return cut

    def over(
        self, expr: Any, answer: Callable[[Windows], tuple[Floats, Flags]], keep_name: bool
    ) -> Vector:
        """What a function of windows answers at every step, for each series.

        Raises:
            QueryError: The expression is no range selector.
        """
        while isinstance(expr, syntax.ParenExpr):
            expr = expr.expr
        if not isinstance(expr, syntax.MatrixSelector):
            raise unknown("subqueries")
        width = _ms(expr.range)
        found, steps = self._selected(expr.vector_selector, width)
        rows = []
        for series in found:
            with np.errstate(all="ignore"):
                values, present = answer(windows(series.times, series.values, steps, width))
            labels = series.labels if keep_name else nameless(series.labels)
            rows.append((labels, values, present))
        return merged(rows, self._count)


def _ms(length: timedelta | None) -> int:
    return round(length.total_seconds() * 1000) if length else 0
