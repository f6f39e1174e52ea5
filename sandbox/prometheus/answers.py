"""Values as Prometheus' HTTP API writes them.

Facts: `web/api/v1` and `util/jsonutil` of Prometheus v3.8.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np

from sandbox.kube.jsonutil import Json
from sandbox.prometheus.promql.values import Samples, Scalar, Text, Times, Value, Vector


def number(value: float, *, plain: bool = False) -> str:
    """A sample's value as Go's `strconv` writes it.

    Args:
        value: The value.
        plain: Never with an exponent, as in scalars.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value)) if value or math.copysign(1, value) > 0 else "-0"
    if value and not plain and (abs(value) < 1e-6 or abs(value) >= 1e21):
        mantissa, _, exponent = repr(value).partition("e")
        power = int(exponent)
        return f"{mantissa.removesuffix('.0')}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return format(Decimal(repr(value)), "f").removesuffix(".0")


def time(moment: int) -> int | float:
    """Milliseconds as seconds, without a fraction where there is none."""
    return moment // 1000 if moment % 1000 == 0 else moment / 1000


def instant(value: Value | list[Samples], moment: int) -> Json:
    """The `data` of an instant query."""
    at = time(moment)
    if isinstance(value, Scalar):
        return {"resultType": "scalar", "result": [at, number(float(value.values[0]), plain=True)]}
    if isinstance(value, Text):
        return {"resultType": "string", "result": [at, value.value]}
    if isinstance(value, Vector):
        rows = [
            {"metric": dict(labels), "value": [at, number(float(value.values[row, 0]))]}
            for row, labels in enumerate(value.labels)
            if value.present[row, 0]
        ]
        return {"resultType": "vector", "result": rows}
    return {
        "resultType": "matrix",
        "result": [
            {"metric": dict(s.labels), "values": _pairs(s.times, s.values)}
            for s in sorted(value, key=lambda s: s.labels)
        ],
    }


def ranged(value: Value | list[Samples], steps: Times) -> Json:
    """The `data` of a range query; values without a series become one without labels."""
    rows: list[Json] = []
    if isinstance(value, Scalar):
        rows.append({"metric": {}, "values": _pairs(steps, value.values)})
    elif isinstance(value, Vector):
        for row in sorted(range(len(value)), key=lambda n: value.labels[n]):
            there = value.present[row]
            pairs = _pairs(steps[there], value.values[row][there])
            rows.append({"metric": dict(value.labels[row]), "values": pairs})
    return {"resultType": "matrix", "result": rows}


def _pairs(times: Times, values: Any) -> list[list[Any]]:
    found = zip(times.tolist(), np.asarray(values).tolist(), strict=True)
    return [[time(moment), number(value)] for moment, value in found]
