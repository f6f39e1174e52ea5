"""From a query's text to its values at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import promql_parser as syntax

from sandbox.prometheus.promql import functions
from sandbox.prometheus.promql.aggregating import aggregate
from sandbox.prometheus.promql.binary import Matching, combine
from sandbox.prometheus.promql.values import (
    LOOKBACK,
    NAME,
    Flags,
    Floats,
    Labels,
    Matcher,
    QueryError,
    Samples,
    Scalar,
    Source,
    Text,
    Times,
    Value,
    Vector,
    merged,
    nameless,
    stacked,
)
from sandbox.prometheus.promql.windows import (
    OVER_RANGES,
    Windows,
    predicted,
    quantile_of,
    windows,
)

_MOST_SAMPLES = 10_000_000
_CARDS = {"ManyToOne": "left", "OneToMany": "right"}
_OPS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


def _word(member: object) -> str:
    """The name of a member of one of the parser's enumerations, which cannot be hashed."""
    return str(member).rpartition(".")[2]


def parse(query: str) -> Any:
    """Read a query.

    Raises:
        QueryError: It is none.
    """
    try:
        return syntax.parse(query)
    except ValueError as error:
        raise QueryError(f'invalid parameter "query": 1:1: parse error: {error}') from None


def evaluate(query: Any, source: Source, steps: Times) -> Value | list[Samples]:
    """Evaluate a query at every step.

    Args:
        query: From `parse`.
        source: Where samples come from.
        steps: When, in milliseconds; one for an instant query.

    Returns:
        A value; for a range selector alone, samples.

    Raises:
        QueryError: It uses what is not known here, or series cannot be matched.
    """
    run = _Run(source, steps)
    inner = query
    while isinstance(inner, syntax.ParenExpr):
        inner = inner.expr
    if isinstance(inner, syntax.MatrixSelector):
        return run.range(inner)
    return run.value(query)


def _ms(length: timedelta | None) -> int:
    return round(length.total_seconds() * 1000) if length else 0


def _unknown(what: str) -> QueryError:
    return QueryError(f"the practice Prometheus does not know {what}")


class _Run:
    """One evaluation."""

    def __init__(self, source: Source, steps: Times) -> None:
        self._source, self._steps = source, steps
        self._count = len(steps)
        self._kinds: dict[type, Callable[[Any], Value]] = {
            syntax.NumberLiteral: lambda e: Scalar(np.full(self._count, float(e.val))),
            syntax.StringLiteral: lambda e: Text(e.val),
            syntax.ParenExpr: lambda e: self.value(e.expr),
            syntax.UnaryExpr: self._negated,
            syntax.VectorSelector: self._instant,
            syntax.BinaryExpr: self._binary,
            syntax.AggregateExpr: self._aggregate,
            syntax.Call: self._call,
        }

    def value(self, expr: Any) -> Value:
        """Evaluate an expression.

        Raises:
            QueryError: It cannot be.
        """
        found = self._kinds.get(type(expr))
        if found is None:
            raise _unknown("subqueries" if isinstance(expr, syntax.SubqueryExpr) else str(expr))
        return found(expr)

    def _vector(self, expr: Any) -> Vector:
        found = self.value(expr)
        if not isinstance(found, Vector):
            raise QueryError(f"expected an instant vector: {expr.prettify()}")
        return found

    def _scalar(self, expr: Any) -> Floats:
        found = self.value(expr)
        if not isinstance(found, Scalar):
            raise QueryError(f"expected a scalar: {expr.prettify()}")
        return found.values

    def _text(self, expr: Any) -> str:
        found = self.value(expr)
        if not isinstance(found, Text):
            raise QueryError(f"expected a string: {expr.prettify()}")
        return found.value

    # -- selectors -------------------------------------------------------------------------

    def matchers(self, selector: Any) -> list[Matcher]:
        """What a selector asks for.

        Raises:
            QueryError: It uses what is not known here.
        """
        if selector.at is not None:
            raise _unknown("the modifier @")
        if selector.matchers.or_matchers:
            raise QueryError('invalid parameter "query": parse error: unexpected "or" in matchers')
        given = [(m.name, _OPS[_word(m.op)], m.value) for m in selector.matchers.matchers]
        return [*([(NAME, "=", selector.name)] if selector.name else []), *given]

    def _selected(self, selector: Any, width: int) -> tuple[list[Samples], Times]:
        matchers = self.matchers(selector)
        steps = self._steps - _ms(selector.offset)
        found = self._source.select(matchers, int(steps[0]) - width, int(steps[-1]))
        if len(found) * self._count > _MOST_SAMPLES:
            text = "query processing would load too many samples into memory in query execution"
            raise QueryError(text, "execution")
        return found, steps

    def _instant(self, selector: Any) -> Vector:
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

    def _over_range(
        self, expr: Any, answer: Callable[[Windows], tuple[Floats, Flags]], keep_name: bool
    ) -> Vector:
        while isinstance(expr, syntax.ParenExpr):
            expr = expr.expr
        if not isinstance(expr, syntax.MatrixSelector):
            raise _unknown("subqueries")
        width = _ms(expr.range)
        found, steps = self._selected(expr.vector_selector, width)
        rows = []
        for series in found:
            with np.errstate(all="ignore"):
                values, present = answer(windows(series.times, series.values, steps, width))
            labels = series.labels if keep_name else nameless(series.labels)
            rows.append((labels, values, present))
        return merged(rows, self._count)

    # -- operators -------------------------------------------------------------------------

    def _negated(self, expr: Any) -> Value:
        inner = self.value(expr.expr)
        if isinstance(inner, Scalar):
            return Scalar(-inner.values)
        if isinstance(inner, Vector):
            return functions.mapped(inner, -inner.values, self._count)
        raise QueryError("unary expression only allowed on scalars and instant vectors")

    def _binary(self, expr: Any) -> Value:
        matching = Matching()
        modifier = expr.modifier
        if modifier is not None:
            if modifier.fill_values.lhs is not None or modifier.fill_values.rhs is not None:
                raise _unknown("the modifier fill")
            labels = modifier.matching
            on = labels is not None and labels.type == syntax.LabelModifierType.Include
            matching = Matching(
                on=on,
                names=tuple(labels.labels) if labels is not None else (),
                many=_CARDS.get(_word(modifier.card), ""),
                include=tuple(modifier.group_labels or ()),
                flag=bool(modifier.return_bool),
            )
        left, right = self.value(expr.lhs), self.value(expr.rhs)
        return combine(str(expr.op), left, right, matching, self._count)

    def _aggregate(self, expr: Any) -> Vector:
        by: Sequence[str] | None = None
        without: Sequence[str] | None = None
        if expr.modifier is not None:
            if expr.modifier.type == syntax.AggModifierType.By:
                by = expr.modifier.labels
            else:
                without = expr.modifier.labels
        op, parameter = str(expr.op), None
        if op == "count_values":
            raise _unknown("the aggregation 'count_values'")
        if expr.param is not None:
            parameter = self._scalar(expr.param)
        inner = self._vector(expr.expr)
        return aggregate(op, inner, by=by, without=without, parameter=parameter, steps=self._count)

    # -- functions -------------------------------------------------------------------------

    def _call(self, expr: Any) -> Value:
        name, args = expr.func.name, list(expr.args)
        if name in OVER_RANGES:
            return self._over_range(args[0], OVER_RANGES[name], name == "last_over_time")
        if name in functions.MATH:
            vector = self._vector(args[0])
            with np.errstate(all="ignore"):
                values = functions.MATH[name](vector.values)
            return functions.mapped(vector, values, self._count)
        special = getattr(self, f"_do_{name}", None)
        if special is None:
            raise _unknown(f"the function {name!r}")
        found: Value = special(args)
        return found

    def _do_predict_linear(self, args: list[Any]) -> Value:
        seconds = self._scalar(args[1])
        return self._over_range(args[0], lambda w: predicted(w, seconds), False)

    def _do_quantile_over_time(self, args: list[Any]) -> Value:
        rank = self._scalar(args[0])
        return self._over_range(args[1], lambda w: quantile_of(w, rank), False)

    def _do_histogram_quantile(self, args: list[Any]) -> Value:
        rank = self._scalar(args[0])
        return functions.histogram_quantile(rank, self._vector(args[1]), self._count)

    def _do_clamp(self, args: list[Any]) -> Value:
        low, high = self._scalar(args[1]), self._scalar(args[2])
        return functions.clamped(self._vector(args[0]), low, high, self._count)

    def _do_clamp_min(self, args: list[Any]) -> Value:
        no = np.full(self._count, np.inf)
        return functions.clamped(self._vector(args[0]), self._scalar(args[1]), no, self._count)

    def _do_clamp_max(self, args: list[Any]) -> Value:
        no = np.full(self._count, -np.inf)
        return functions.clamped(self._vector(args[0]), no, self._scalar(args[1]), self._count)

    def _do_round(self, args: list[Any]) -> Value:
        vector = self._vector(args[0])
        to = self._scalar(args[1]) if len(args) > 1 else np.ones(self._count)
        with np.errstate(all="ignore"):
            values = functions.rounded(vector.values, to[None, :])
        return functions.mapped(vector, values, self._count)

    def _do_time(self, _args: list[Any]) -> Value:
        return Scalar(self._steps / 1000)

    def _do_vector(self, args: list[Any]) -> Value:
        return functions.constant((), self._scalar(args[0]))

    def _do_scalar(self, args: list[Any]) -> Value:
        return Scalar(functions.single(self._vector(args[0]), self._count))

    def _do_sort(self, args: list[Any]) -> Value:
        return functions.ordered(self._vector(args[0]), down=False)

    def _do_sort_desc(self, args: list[Any]) -> Value:
        return functions.ordered(self._vector(args[0]), down=True)

    def _do_absent(self, args: list[Any]) -> Value:
        return functions.absent(self._vector(args[0]), self._asked(args[0]), self._count)

    def _do_absent_over_time(self, args: list[Any]) -> Value:
        there = self._over_range(args[0], OVER_RANGES["present_over_time"], True)
        return functions.absent(there, self._asked(args[0]), self._count)

    def _do_label_replace(self, args: list[Any]) -> Value:
        target, replacement, source, pattern = map(self._text, args[1:])
        inner = self._vector(args[0])
        return functions.relabelled(inner, target, replacement, source, pattern, self._count)

    def _asked(self, expr: Any) -> Labels:
        while isinstance(expr, syntax.ParenExpr):
            expr = expr.expr
        if isinstance(expr, syntax.MatrixSelector):
            expr = expr.vector_selector
        if not isinstance(expr, syntax.VectorSelector):
            return ()
        return functions.equal_labels(self.matchers(expr))


def selected(selector: str, source: Source, start: int, end: int) -> list[Samples]:
    """The series that a selector alone names, with their samples in between (ms).

    Raises:
        QueryError: It is no selector.
    """
    expr = parse(selector)
    if not isinstance(expr, syntax.VectorSelector):
        raise QueryError(f'invalid parameter "match[]": {selector} is no selector')
    run = _Run(source, np.array([end], dtype=np.int64))
    return source.select(run.matchers(expr), start, end)
