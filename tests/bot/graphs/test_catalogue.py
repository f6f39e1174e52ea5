"""The catalogue: what graphs become as queries, how lines are named, which graph is meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.config import load as load_config
from bot.errors import ConfigError, UsageError
from bot.graphs.catalogue import AppPods, Catalogue, Graph, Threshold, load
from tests.bot.graphs.cases import NASTY, Case, cases, rendered

PARSE = AppPods("parse", ("statefulset/parse-mongodb", "deployment/parse-server"))
CATALOGUE = load()
LEAST = "state: {directory: state}\nclusters: {lab: {}}\n"

Read = Callable[[str], Catalogue]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The catalogue with what `graphs:` says."""

    def read(text: str) -> Catalogue:
        path = tmp_path / "onprem.yaml"
        path.write_text(LEAST + text)
        return load(load_config(path))

    return read


# -- queries ---------------------------------------------------------------------------------------


def test_the_catalogue_has_what_operators_look_at() -> None:
    wanted = """cpu load memory disk disk-io packets network cluster-cpu cluster-memory
        api-latency api-rate unscheduled scheduling logs logs-collected pods-used pods pods-unready
        nodes control-plane scheduler controllers app-cpu app-memory app-restarts volumes
        autoscaler"""
    assert set(wanted.split()) <= set(CATALOGUE)


def test_dashboards_name_graphs_that_are_there_and_fit() -> None:
    assert set(CATALOGUE.dashboards) == {"cluster", "app"}
    for name, graphs in CATALOGUE.dashboards.items():
        for graph in (CATALOGUE[one] for one in graphs):
            if name == "app":
                assert "namespace" in graph.places
            else:
                assert graph.scope != "app"


@pytest.mark.parametrize("graph", CATALOGUE.values(), ids=lambda g: g.name)
def test_every_graph_says_what_it_is(graph: Graph) -> None:
    assert graph.title
    assert graph.needs
    assert graph.legend
    assert graph.title[0].isupper()
    assert graph.with_app == "" or CATALOGUE[graph.with_app].scope == "app"


def test_an_app_narrows_to_its_pods() -> None:
    query = CATALOGUE["app-memory"].promql(app=PARSE)
    pods = 'pod=~"parse-server-[a-z0-9]+-[a-z0-9]{5}|parse-mongodb-[0-9]+"'
    assert f'container_memory_working_set_bytes{{namespace=~"parse",{pods},container!=""' in query


@pytest.mark.parametrize(
    ("workload", "its", "others"),
    [
        (
            "deployment/web",
            ["web-6d4cf56db6-8xk2p"],
            ["web", "web-0", "web-api-6d4cf56db6-8xk2p", "xweb-6d4cf56db6-8xk2p"],
        ),
        ("statefulset/db", ["db-0", "db-12"], ["db-", "db-a", "db-0-0", "db-6d4cf56db6-8xk2p"]),
        ("daemonset/agent", ["agent-8xk2p"], ["agent-8xk2p0", "agent-0", "agent-six-8xk2p"]),
        ("job/x.y", ["x.y", "x.y-8xk2p"], ["xzy", "x.yz"]),
        ("deployment/" + "w" * 60, ["w" * 58 + "8xk2p"], ["w" * 58, "w" * 57 + "8xk2p"]),
        ("deployment/" + "w" * 48, ["w" * 48 + "-6d4cf56d8xk2p"], ["w" * 48]),
    ],
)
def test_pods_are_known_by_their_workloads(
    workload: str, its: list[str], others: list[str]
) -> None:
    pattern = re.compile(AppPods("parse", (workload,)).pattern)
    assert [name for name in its if not pattern.fullmatch(name)] == []
    assert [name for name in others if pattern.fullmatch(name)] == []


def test_without_workloads_all_pods_of_the_namespace_are_the_apps() -> None:
    assert 'namespace=~"parse",pod=~".*"' in CATALOGUE["app-cpu"].promql(app=AppPods("parse"))


def test_a_node_is_known_by_its_name_in_capitals_and_with_its_domain() -> None:
    query = CATALOGUE["cpu"].promql(node="worker.1")
    found = re.search(r'nodename=~("[^"]*")', query)
    assert found
    pattern = re.compile(found[1].strip('"').replace("\\\\", "\\"))
    assert pattern.fullmatch("worker.1")
    assert pattern.fullmatch("WORKER.1.example.com")
    assert not pattern.fullmatch("worker.12")
    assert not pattern.fullmatch("workerx1")


def test_a_cluster_may_call_its_jobs_otherwise() -> None:
    query = CATALOGUE["control-plane"].promql(jobs={"scheduler": "k3s-server"})
    assert 'up{job=~"k3s-server"}' in query
    assert 'up{job=~"kube-controller-manager"}' in query


def test_the_time_of_rates_is_asked_for() -> None:
    assert "[7m]" in CATALOGUE["api-rate"].promql(rate="7m")
    with pytest.raises(ValueError, match="duration"):
        CATALOGUE["api-rate"].promql(rate="7m]) or vector(1")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("app-cpu", {}, "App-cpu is a graph of an app. Add --app with its name."),
        ("disk", {"app": PARSE}, "Disk cannot be narrowed to an app. Leave --app out."),
        ("pods", {"node": "w1"}, "Pods cannot be narrowed to a node. Leave --node out."),
    ],
)
def test_what_a_graph_cannot_do_is_said(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        CATALOGUE[name].promql(**options)  # type: ignore[arg-type]
    assert str(caught.value).lower() == message.lower()


@pytest.mark.parametrize("graph", CATALOGUE.values(), ids=lambda g: g.name)
def test_nothing_that_is_typed_leaves_its_label(graph: Graph) -> None:
    plain = re.sub(r'"(\\.|[^"\\])*"', "…", rendered(graph, "usual"))
    for text in NASTY:
        nasty = re.sub(r'"(\\.|[^"\\])*"', "…", rendered(graph, text))
        assert nasty == plain, text


# -- names -----------------------------------------------------------------------------------------


def test_lines_are_named_by_their_labels() -> None:
    assert CATALOGUE["disk"].label({"nodename": "w1", "mountpoint": "/"}) == "w1 /"
    assert CATALOGUE["disk"].label({"nodename": "w1"}) == "w1"
    assert CATALOGUE["unscheduled"].label({}) == "pods"


@pytest.mark.parametrize("case", cases(), ids=lambda c: c.graph)
def test_every_line_has_a_name_of_its_own(case: Case) -> None:
    graph = CATALOGUE[case.graph]
    lines = [dict(re.findall(r'(\w+)="([^"]*)"', labels)) for labels in case.expect]
    names = {graph.label(labels) for labels in lines}
    assert len(names) == len(lines)
    for labels in lines:
        assert set(re.findall(r"\{\{(\w+)\}\}", graph.legend)) <= set(labels)


def test_without_legend_all_labels_name_a_line_and_without_labels_the_title() -> None:
    graph = Graph("x", "All of it", "count", "up")
    assert graph.label({"pod": "a", "__name__": "up", "container": "c"}) == "c, a"
    assert graph.label({}) == "All of it"


def test_the_graph_that_is_meant() -> None:
    assert CATALOGUE.find("cpu").name == "cpu"
    assert CATALOGUE.find("cpu", app=True).name == "app-cpu"
    assert CATALOGUE.find("volumes", app=True).name == "volumes"
    with pytest.raises(UsageError, match="no graph “memroy”"):
        CATALOGUE.find("memroy")
    with pytest.raises(UsageError, match="See graph list"):
        CATALOGUE.find("zzz")
    assert CATALOGUE.close("memroy") == "memory"


def test_an_alert_has_its_graph() -> None:
    meant = CATALOGUE.of_alert("KubePodCrashLooping")
    assert meant is CATALOGUE["app-restarts"]
    assert CATALOGUE.of_alert("Unheard") is None
    named = [alert for graph in CATALOGUE.values() for alert in graph.alerts]
    assert len(named) == len(set(named))


# -- graphs of onprem.yaml -------------------------------------------------------------------------

ORDERS = """graphs:
  orders:
    title: Orders of customers
    query: sum(rate(orders_total{namespace=~$namespace,pod=~$pods}[$rate]))
    unit: count/s
    scope: app
    thresholds: [{value: 0.5, text: quiet, below: true}]
    alerts: [KubePodCrashLooping]
"""


def test_onprem_yaml_adds_graphs(read: Read) -> None:
    catalogue = read(ORDERS)
    assert set(catalogue) == {*CATALOGUE, "orders"}
    graph = catalogue["orders"]
    assert graph.thresholds == (Threshold(0.5, "warn", "quiet", below=True),)
    assert graph.promql(app=AppPods("shop"), rate="1m") == (
        'sum(rate(orders_total{namespace=~"shop",pod=~".*"}[1m]))'
    )
    assert catalogue.of_alert("KubePodCrashLooping") is graph


def test_onprem_yaml_replaces_a_shipped_graph(read: Read) -> None:
    catalogue = read("graphs: {cpu: {title: Mine, query: my_cpu}}\n")
    assert len(catalogue) == len(CATALOGUE)
    assert catalogue["cpu"].promql() == "my_cpu"
    assert catalogue.find("cpu", app=True) is catalogue["app-cpu"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'graphs:\n  a:\n    title: A\n    query: up{namespace="$namespace"}\n',
            "6: graphs.a.query: write $namespace without quotes: they come with its value",
        ),
        (
            "graphs:\n  a:\n    title: A\n    query: rate(x[$__rate_interval])\n",
            "6: graphs.a.query: there is no $__rate_interval; there is $apiserver_job, ",
        ),
        (
            "graphs:\n  a:\n    title: A\n    query: up{a='x}\n",
            "6: graphs.a.query: the quote ' is not closed",
        ),
        ("graphs:\n  a:\n    title: A\n", "4: graphs.a.query: is missing"),
        (
            "graphs:\n  a:\n    title: A\n    query: up\n    scope: app\n",
            "4: graphs.a: scope app needs $namespace in the query",
        ),
        (
            "graphs:\n  a:\n    title: A\n    query: up\n    unit: furlongs\n",
            "7: graphs.a.unit: should be 'bytes'",
        ),
        (
            "graphs:\n  a:\n    title: A\n    query: up\n    legnd: x\n",
            "7: graphs.a.legnd: unknown key; did you mean “legend”?",
        ),
        (
            "graphs:\n  a:\n    title: A\n    query: up\n    thresholds:\n      - value: .inf\n",
            "8: graphs.a.thresholds.0.value: should be a finite number",
        ),
        ("graphs:\n  A B:\n    title: A\n    query: up\n", "4: graphs.A B: “A B” is not a name"),
    ],
)
def test_a_bad_graph_is_told_with_its_line(read: Read, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    (told,) = (f"{p.line}: {p.message}" for p in caught.value.problems)
    assert told.startswith(problem)
