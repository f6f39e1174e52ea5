"""The written series again, by the practice Prometheus' evaluator: the quick half of promtool."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import promql_parser
import pytest

from bot.graphs.catalogue import load
from sandbox.prometheus.promql import Labels, Matcher, Samples, Vector, evaluate, parse
from tests.bot.graphs.cases import NASTY, Case, cases, rendered

CATALOGUE = load()
MINUTE = 60_000


def values_of(notation: str) -> list[float | None]:
    """promtool's notation: `1x3` is 1 1 1 1, `0+2x2` is 0 2 4, `_x2` is nothing twice."""
    values: list[float | None] = []
    for part in notation.split():
        if match := re.fullmatch(r"_x(\d+)", part):
            values += [None] * int(match[1])
        else:
            match = re.fullmatch(r"(-?[\d.]+)([+-][\d.]+)?x(\d+)", part)
            assert match, part
            first, each, times = float(match[1]), float(match[2] or 0), int(match[3])
            values += [first + each * n for n in range(times + 1)]
    return values


@dataclass(frozen=True)
class Written:
    """The series of a case, as a source of samples."""

    case: Case

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> list[Samples]:
        found = []
        for series, notation in self.case.series.items():
            labels = _labels(series)
            if all(_met(matcher, dict(labels)) for matcher in matchers):
                pairs = [(n * MINUTE, v) for n, v in enumerate(values_of(notation))]
                kept = [(t, v) for t, v in pairs if v is not None and start < t <= end]
                times = np.array([t for t, _ in kept], dtype=np.int64)
                values = np.array([v for _, v in kept], dtype=np.float64)
                found.append(Samples(labels, times, values))
        return [one for one in found if len(one.times)]


def _labels(series: str) -> Labels:
    name = series.partition("{")[0]
    pairs = re.findall(r'(\w+)="([^"]*)"', series)
    return tuple(sorted([("__name__", name), *pairs]) if name else sorted(pairs))


def _met(matcher: Matcher, labels: dict[str, str]) -> bool:
    name, op, value = matcher
    have = labels.get(name, "")
    same = bool(re.fullmatch(value, have)) if "~" in op else have == value
    return same == (op in ("=", "=~"))


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.graph)
def test_a_query_makes_of_series_what_it_should(case: Case) -> None:
    query = CATALOGUE[case.graph].promql(**case.options)
    at = int(case.at.removesuffix("m")) * MINUTE
    told = evaluate(parse(query), Written(case), np.array([at], dtype=np.int64))
    assert isinstance(told, Vector)
    found = dict(zip(told.labels, told.values[:, 0], strict=True))
    expected = {_labels(labels): value for labels, value in case.expect.items()}
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_every_query_is_one_whatever_is_typed(text: str) -> None:
    for graph in CATALOGUE.values():
        promql_parser.parse(rendered(graph, text))
