"""Which graph explains an alert, and what of its rule's expression is its threshold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.alerts.choosing import choose, command, expression, matching, threshold
from bot.config import Config
from bot.graphs.catalogue import load
from bot.graphs.window import Window
from integrations.prometheus import Series

WINDOW = Window(1_800_000_000_000_000, 1_800_003_600_000_000, "last 1 h")


@pytest.mark.parametrize(
    ("text", "left", "value", "below"),
    [
        ("up == 0", "up == 0", None, None),
        ("node_load5 > 4", "node_load5", 4.0, False),
        ("a / b < .05", "a / b", 0.05, True),
        ("sum(rate(x[5m])) >= 1e3", "sum(rate(x[5m]))", 1000.0, False),
        ("a > -1.5", "a", -1.5, False),
        ('x{a="b > 1"} > 2', 'x{a="b > 1"}', 2.0, False),
        ("(a > 1) > 2", "(a > 1)", 2.0, False),
        ("a > 1 and b > 2", "a > 1 and b > 2", None, None),
        ("a > 1 > 2", "a > 1 > 2", None, None),
        ("a > bool 1", "a > bool 1", None, None),
        ("a > b", "a > b", None, None),
        ("(a > 1", "(a > 1", None, None),
        ("", "", None, None),
    ],
)
def test_only_a_comparison_of_the_whole_is_taken_off(
    text: str, left: str, value: float | None, below: bool | None
) -> None:
    found, limit = threshold(text)
    assert found == left
    assert (limit.value if limit else None, limit.below if limit else None) == (value, below)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("http://p:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1", "up == 0"),
        ("http://p:9090/graph", ""),
        ("", ""),
        ("http://[::1", ""),
        ("http://p/graph?g0.expr=" + "x" * 5000, ""),
        ("http://p/graph?" + "&".join(f"a{n}=1" for n in range(100)), ""),
    ],
)
def test_the_expression_of_a_rule_is_in_its_address(source: str, text: str) -> None:
    assert expression(source) == text


def test_the_catalogue_knows_usual_alerts_and_is_narrowed_to_what_they_name() -> None:
    labels = {"alertname": "KubePodNotReady", "namespace": "parse", "deployment": "web"}
    found = choose(load(), labels, "", WINDOW, None)
    assert found is not None
    assert not found.own
    assert '"parse"' in found.asked.promql


def test_labels_cannot_leave_their_place_in_a_query() -> None:
    wicked = 'parse"} or vector(1) #'
    labels = {"alertname": "KubePodNotReady", "namespace": wicked, "node": wicked}
    found = choose(load(), labels, "", WINDOW, None)
    assert found is None or "vector(1)" not in found.asked.promql


def test_an_unknown_alert_is_explained_by_its_own_expression() -> None:
    source = "http://p/graph?g0.expr=shop_queue+%3E+100"
    found = choose(load(), {"alertname": "ShopQueue"}, source, WINDOW, None)
    assert found is not None
    assert (found.own, found.asked.promql) == (True, "shop_queue")
    (limit,) = found.graph.thresholds
    assert (limit.value, limit.text) == (100.0, "> 100")
    assert found.asked.start == WINDOW.start // 1_000_000
    assert found.whole == replace(found.asked, promql="shop_queue > 100")
    assert choose(load(), {"alertname": "ShopQueue"}, "", WINDOW, None) is None


def test_of_an_expression_without_a_limit_nothing_else_can_be_asked() -> None:
    source = "http://p/graph?g0.expr=up+%3D%3D+0"
    found = choose(load(), {"alertname": "ShopDown"}, source, WINDOW, None)
    assert found is not None
    assert found.whole is None


def test_of_an_expression_only_the_lines_of_the_alerts_are_shown() -> None:
    lines = tuple(Series({"__name__": "q", "pod": pod}, (1.0,), (2.0,)) for pod in "abc")
    assert matching(lines, [{"pod": "b", "severity": "critical"}]) == (lines[1],)
    assert matching(lines, [{"pod": "gone"}]) == lines


def test_the_command_for_the_graph_of_an_alert() -> None:
    config = configured("main")
    cpu = {"alertname": "NodeCPUHighUsage", "node": "w1"}
    assert command(load(), config, "main", cpu) == "graph cpu --node w1"
    assert command(load(), configured("main", "spare"), "main", cpu).endswith("--cluster main")
    pods = {"alertname": "KubePodNotReady", "namespace": "parse"}
    assert "--app parse" in command(load(), config, "main", pods)
    assert "--app" not in command(load(), config, "main", {**pods, "namespace": "other"})
    assert command(load(), config, "main", {"alertname": "ShopQueue"}) == ""


def configured(*clusters: str) -> Config:
    return Config.model_validate(
        {
            "state": {"directory": "/nowhere"},
            "clusters": {name: {} for name in clusters},
            "default_cluster": clusters[0],
            "apps": {"parse": {"namespace": "parse", "chart": "builtin:parse-server"}},
        }
    )
