"""The queries of `top`, by promtool: valid, and of the right pods only."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.graphs.catalogue import AppPods
from bot.graphs.usage import queries
from tests.bot.graphs.cases import NASTY
from tests.cluster.fixtures import need
from tests.cluster.monitoring import promtool

pytestmark = pytest.mark.lab


def test_they_are_valid_whatever_is_in_a_name(tmp_path: Path) -> None:
    need(["promtool"])
    named = [AppPods(text, (f"deployment/{text}",)) for text in NASTY]
    asked = [query for pods in (None, *named) for query in queries(pods)]
    rules = [{"record": f"rule:{n}", "expr": query} for n, query in enumerate(asked)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "top", "rules": rules}]}))
    said = promtool("check", "rules", file)
    assert f"{len(asked)} rules found" in said.stdout, said.stdout + said.stderr


def test_they_count_each_container_once_and_of_the_app_only(tmp_path: Path) -> None:
    need(["promtool"])
    cpu, memory = queries(AppPods("shop", ("deployment/web",)))
    pod = 'namespace="shop",pod="web-5d4f8c7b9d-abcde"'
    used, held = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
    series = [
        {"series": f'{used}{{{pod},container="main",job="a"}}', "values": "0+30x20"},
        {"series": f'{used}{{{pod},container="main",job="b"}}', "values": "0+30x20"},
        {"series": f'{used}{{{pod},container="side"}}', "values": "0+6x20"},
        {"series": f'{used}{{{pod},container=""}}', "values": "0+36x20"},
        {"series": f'{used}{{namespace="shop",pod="web-db-0",container="m"}}', "values": "0+9x20"},
        {"series": f'{held}{{{pod},container="main"}}', "values": "5x20"},
        {"series": f'{held}{{namespace="other",pod="x",container="m"}}', "values": "7x20"},
    ]
    expected = [
        {"expr": e, "eval_time": "15m", "exp_samples": [{"labels": f"{{{pod}}}", "value": v}]}
        for e, v in ((cpu, 0.6), (memory, 5))
    ]
    body = {"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": expected}]}
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump(body))
    said = promtool("test", "rules", file)
    assert said.returncode == 0, said.stdout + said.stderr
