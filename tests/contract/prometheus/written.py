"""Series as promtool writes them (`0+10x20`), as a source for the practice evaluator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sandbox.prometheus.promql import Labels, Samples, Scalar, Vector, evaluate, parse
from sandbox.prometheus.promql.values import Matcher, Value

CASES = Path(__file__).with_name("promql.yaml")
_RUN = re.compile(r"(-?[\d.]+|NaN|-?Inf)(?:([+-][\d.]+))?x(\d+)")
_SERIES = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_UNITS = {"s": 1, "m": 60, "h": 3600}

Json = dict[str, Any]


def document() -> Json:
    """The file with series and cases, which promtool reads as well."""
    found: Json = yaml.safe_load(CASES.read_text(encoding="utf-8"))
    return found


def milliseconds(text: str) -> int:
    """Read `1h5m`."""
    return 1000 * sum(int(n) * _UNITS[u] for n, u in re.findall(r"(\d+)([smh])", text))


class Written:
    """A source of the series of one test group."""

    def __init__(self, group: Json) -> None:
        every = milliseconds(group["interval"])
        self._series = [
            _samples(item["series"], item["values"], every) for item in group["input_series"]
        ]

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> list[Samples]:
        """The series that fit."""
        return [s for s in self._series if all(_fits(m, dict(s.labels)) for m in matchers)]

    def value(self, query: str, moment: int) -> Value:
        """What a query gives at one time."""
        found = evaluate(parse(query), self, np.array([moment], dtype=np.int64))
        assert not isinstance(found, list)
        return found


def rows(value: Value) -> list[tuple[Labels, float]]:
    """The samples of a value at its first step."""
    if isinstance(value, Vector):
        found = zip(value.labels, value.values[:, 0], value.present[:, 0], strict=True)
        return sorted((labels, float(number)) for labels, number, there in found if there)
    assert isinstance(value, Scalar)
    return [((), float(value.values[0]))]


def expected(case: Json) -> list[tuple[Labels, float]]:
    """The samples that a case says there are."""
    samples = case.get("exp_samples") or []
    return sorted((labels(s["labels"]), float(s["value"])) for s in samples)


def labels(text: str) -> Labels:
    """Read `name{a="b"}`."""
    name, _, inner = text.partition("{")
    pairs = [(k, yaml.safe_load(f'"{v}"')) for k, v in _SERIES.findall(inner)]
    return tuple(sorted([*pairs, *([("__name__", name)] if name else [])]))


def _samples(series: str, text: str, every: int) -> Samples:
    times, values, until = [], [], []
    for number, value in enumerate(_expanded(text)):
        moment = number * every
        if value == "stale":
            if until:
                until[-1] = moment
        elif value != "_":
            times.append(moment)
            values.append(float(value))
            until.append(1 << 62)
    ends = np.array(until, dtype=np.int64)
    return Samples(labels(series), np.array(times, dtype=np.int64), np.array(values), ends)


def _expanded(text: str) -> Iterator[str]:
    for word in text.split():
        run = _RUN.fullmatch(word)
        if run is not None:
            start, step = float(run[1]), float(run[2] or 0)
            yield from (str(start + step * n) for n in range(int(run[3]) + 1))
        elif gap := re.fullmatch(r"_x(\d+)", word):
            yield from ["_"] * int(gap[1])
        else:
            yield word


def _fits(matcher: Matcher, given: dict[str, str]) -> bool:
    name, op, value = matcher
    have = given.get(name, "")
    if op in ("=", "!="):
        return (have == value) == (op == "=")
    return (re.fullmatch(value, have) is not None) == (op == "=~")
