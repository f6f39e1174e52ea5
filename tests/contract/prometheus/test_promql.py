"""PromQL: the practice evaluator and the real one give what `promql.yaml` says."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.prometheus.promql import QueryError
from tests.cluster.monitoring import promtool
from tests.contract.prometheus.written import (
    CASES,
    Written,
    document,
    expected,
    milliseconds,
    rows,
)

GROUP = document()["tests"][0]
QUERIES = sorted({case["expr"] for case in GROUP["promql_expr_test"]})


@pytest.fixture(scope="module")
def written() -> Written:
    return Written(GROUP)


@pytest.mark.parametrize("query", QUERIES)
def test_the_practice_evaluator_agrees(written: Written, query: str) -> None:
    cases: list[dict[str, Any]] = [c for c in GROUP["promql_expr_test"] if c["expr"] == query]
    assert cases
    for case in cases:
        found = rows(written.value(query, milliseconds(case["eval_time"])))
        wanted = expected(case)
        assert [labels for labels, _ in found] == [labels for labels, _ in wanted]
        for (labels, value), (_, number) in zip(found, wanted, strict=True):
            assert value == pytest.approx(number, rel=1e-9, nan_ok=True), labels


@pytest.mark.lab
def test_the_real_evaluator_agrees(monitoring_tools: None) -> None:
    done = promtool("test", "rules", CASES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("query", "kind", "said"),
    [
        ("sum(", "bad_data", "parse error"),
        ("rate(requests_total)", "bad_data", "expected type"),
        ('requests_total{a=~"("}', "bad_data", "parse error"),
        ("requests_total @ 60", "bad_data", "does not know the modifier @"),
        ("max_over_time(requests_total[5m:1m])", "bad_data", "does not know subqueries"),
        ("holt_winters(requests_total[5m], 0.5, 0.5)", "bad_data", "holt_winters"),
        ('count_values("x", requests_total)', "bad_data", "count_values"),
        ("timestamp(requests_total)", "bad_data", "does not know the function 'timestamp'"),
        ("requests_total + on (job) requests_total", "execution", "many-to-many"),
        ("owner * on (instance) requests_total", "execution", "must be unique on one side"),
        ("requests_total * on (instance) owner", "execution", "many-to-one matching must be"),
        ('label_replace(limit, "room", "same", "", "")', "execution", "same labelset"),
        ('label_replace(limit, "1x", "", "", "")', "execution", "destination label"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    written: Written, query: str, kind: str, said: str
) -> None:
    with pytest.raises(QueryError) as refused:
        written.value(query, 1_200_000)
    assert refused.value.kind == kind
    assert said in str(refused.value)
