"""Every query of the catalogue as Prometheus' own parser and engine take it, by promtool."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pytest
import yaml

from bot.graphs.catalogue import AppPods, Graph, load
from tests.bot.graphs.cases import NASTY, Case, cases, rendered
from tests.cluster.fixtures import need
from tests.cluster.monitoring import promtool

pytestmark = pytest.mark.lab

CATALOGUE = load()
CASES = {
    name: tuple(found)
    for name, found in groupby(sorted(cases(), key=lambda c: c.graph), key=lambda c: c.graph)
}


@pytest.fixture(autouse=True)
def built() -> None:
    need(["promtool"])


def usual(graph: Graph) -> Sequence[str]:
    """A query as it is asked for mostly: of everything, of an app, of a node, over a long time."""
    app = AppPods("parse", ("deployment/parse-server", "statefulset/parse-mongodb"))
    narrow = [{"app": app}] if "namespace" in graph.places else []
    wide = [{}] if graph.scope != "app" else []
    node = [{"node": "worker-1.example.com"}] if "node" in graph.places else []
    options = [*wide, *narrow, *node]
    return [graph.promql(**one, rate=rate) for one in options for rate in ("1m", "6h")]  # type: ignore[arg-type]


def checked(queries: Sequence[str], folder: Path) -> str:
    """What is wrong with queries."""
    rules = [{"record": f"rule:{n}", "expr": query} for n, query in enumerate(queries)]
    file = folder / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "catalogue", "rules": rules}]}))
    said = promtool("check", "rules", file)
    return "" if f"{len(queries)} rules found" in said.stdout else said.stdout + said.stderr


def test_every_query_is_valid_as_it_is_usual(tmp_path: Path) -> None:
    assert checked([q for graph in CATALOGUE.values() for q in usual(graph)], tmp_path) == ""


def test_every_query_is_valid_whatever_is_typed(tmp_path: Path) -> None:
    queries = [rendered(graph, text) for graph in CATALOGUE.values() for text in NASTY]
    assert checked(queries, tmp_path) == ""


def test_what_is_not_valid_is_found(tmp_path: Path) -> None:
    assert "parse error" in checked(["sum(up"], tmp_path)


@pytest.mark.parametrize("graph", CATALOGUE)
def test_a_query_makes_of_series_what_it_should(graph: str, tmp_path: Path) -> None:
    assert graph in CASES, "there is no case"
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump(_tests(CASES[graph])))
    said = promtool("test", "rules", file)
    assert said.returncode == 0, said.stdout + said.stderr


def test_an_expectation_that_is_not_met_is_found(tmp_path: Path) -> None:
    file = tmp_path / "tests.yml"
    wrong = Case(
        "controllers", {'workqueue_depth{job="kube-controller-manager"}': "2x60"}, {"{}": 3}
    )
    file.write_text(yaml.safe_dump(_tests([wrong])))
    assert promtool("test", "rules", file).returncode != 0


def _tests(found: Sequence[Case]) -> dict[str, object]:
    return {
        "evaluation_interval": "1m",
        "fuzzy_compare": True,
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": s, "values": v} for s, v in case.series.items()],
                "promql_expr_test": [
                    {
                        "expr": CATALOGUE[case.graph].promql(**case.options),
                        "eval_time": case.at,
                        "exp_samples": [
                            {"labels": labels, "value": value}
                            for labels, value in case.expect.items()
                        ],
                    }
                ],
            }
            for case in found
        ],
    }
