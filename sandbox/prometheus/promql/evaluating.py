"""From a query's text to its values at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import promql_parser as syntax

from sandbox.prometheus.promql import functions
from sandbox.prometheus.promql.aggregating import aggregate
from sandbox.prometheus.promql.binary import Matching, combine
from sandbox.prometheus.promql.selecting import Selecting, asked, matchers, unknown, word
from sandbox.prometheus.promql.values import (
    Floats,
    QueryError,
    Samples,
    Scalar,
    Source,
    Text,
    Times,
    Value,
    Vector,
)
from sandbox.prometheus.promql.windows import OVER_RANGES, predicted, quantile_of

_CARDS = {"ManyToOne": "left", "OneToMany": "right"}


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
    inner = query
    while isinstance(inner, syntax.ParenExpr):
        inner = inner.expr
    if isinstance(inner, syntax.MatrixSelector):
        return Selecting(source, steps).range(inner)
    return _Run(source, steps).value(query)


class _Run:
    """One evaluation."""

    def __init__(self, source: Source, steps: Times) -> None:
        self._steps, self._count = steps, len(steps)
        self._select = Selecting(source, steps)
        self._kinds: dict[type, Callable[[Any], Value]] = {
            syntax.NumberLiteral: lambda e: Scalar(np.full(self._count, float(e.val))),
            syntax.StringLiteral: lambda e: Text(e.val),
            syntax.ParenExpr: lambda e: self.value(e.expr),
            syntax.UnaryExpr: self._negated,
            syntax.VectorSelector: self._select.instant,
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
            raise unknown("subqueries" if isinstance(expr, syntax.SubqueryExpr) else str(expr))
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
                raise unknown("the modifier fill")
            labels = modifier.matching
            on = labels is not None and labels.type == syntax.LabelModifierType.Include
            matching = Matching(
                on=on,
                names=tuple(labels.labels) if labels is not None else (),
                many=_CARDS.get(word(modifier.card), ""),
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
            raise unknown("the aggregation 'count_values'")
        if expr.param is not None:
            parameter = self._scalar(expr.param)
        inner = self._vector(expr.expr)
        return aggregate(op, inner, by=by, without=without, parameter=parameter, steps=self._count)

    # -- functions -------------------------------------------------------------------------

    def _call(self, expr: Any) -> Value:
        name, args = expr.func.name, list(expr.args)
        if name in OVER_RANGES:
            return self._select.over(args[0], OVER_RANGES[name], name == "last_over_time")
        if name in functions.MATH:
            vector = self._vector(args[0])
            with np.errstate(all="ignore"):
                values = functions.MATH[name](vector.values)
            return functions.mapped(vector, values, self._count)
        special = getattr(self, f"_do_{name}", None)
        if special is None:
            raise unknown(f"the function {name!r}")
        found: Value = special(args)
        return found

    def _do_predict_linear(self, args: list[Any]) -> Value:
        seconds = self._scalar(args[1])
        return self._select.over(args[0], lambda w: predicted(w, seconds), False)

    def _do_quantile_over_time(self, args: list[Any]) -> Value:
        rank = self._scalar(args[0])
        return self._select.over(args[1], lambda w: quantile_of(w, rank), False)

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
        return functions.absent(self._vector(args[0]), asked(args[0]), self._count)

    def _do_absent_over_time(self, args: list[Any]) -> Value:
        there = self._select.over(args[0], OVER_RANGES["present_over_time"], True)
        return functions.absent(there, asked(args[0]), self._count)

    def _do_label_replace(self, args: list[Any]) -> Value:
        target, replacement, source, pattern = map(self._text, args[1:])
        inner = self._vector(args[0])
        return functions.relabelled(inner, target, replacement, source, pattern, self._count)


def selected(selector: str, source: Source, start: int, end: int) -> list[Samples]:
    """The series that a selector alone names, with their samples in between (ms).

    Raises:
        QueryError: It is no selector.
    """
    expr = parse(selector)
    if not isinstance(expr, syntax.VectorSelector):
        raise QueryError(f'invalid parameter "match[]": {selector} is no selector')
    return source.select(matchers(expr), start, end)
