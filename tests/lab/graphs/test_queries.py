"""Every graph of the catalogue on real servers: it has data there, or it is said why it cannot.

A real Prometheus asks the real API server, scheduler, controller-manager, kube-state-metrics and
node_exporter, and kwok for what the nodes' containers use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from bot import promql
from bot.graphs.catalogue import AppPods, Graph, load
from tests.bot.graphs.cases import NASTY
from tests.cluster.lab import Json, Lab
from tests.cluster.metrics import CPU
from tests.cluster.monitoring import (
    Server,
    control_plane_jobs,
    job,
    kubelet_job,
    prometheus,
)
from tests.lab.graphs.absent import ABSENT

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

CATALOGUE = load()

NAMESPACE = "watched"
APP = AppPods(NAMESPACE, ("deployment/web",))
RATE = "10s"


@pytest.fixture(scope="module")
def watched(lab: Lab) -> Iterator[None]:
    """Pods that are ready, one that crashes, one that fits nowhere, an autoscaler."""
    lab.api("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    deployments = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    lab.api("POST", deployments, _deployment("web", "example.com/web:1", 2))
    lab.api("POST", deployments, _deployment("broken", "example.com/web:crash", 1))
    nowhere = _deployment("nowhere", "example.com/web:1", 1)
    nowhere["spec"]["template"]["spec"]["nodeSelector"] = {"there": "is-none"}
    lab.api("POST", deployments, nowhere)
    lab.api("POST", f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers", SCALER)
    yield
    lab.api("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


@pytest.fixture(scope="module")
def server(
    lab: Lab,
    lab_state: Server,
    machine: Server,
    watched: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """The Prometheus that looks at everything."""
    folder = tmp_path_factory.mktemp("prometheus")
    jobs = [
        *control_plane_jobs(lab, folder, 1),
        kubelet_job(lab, folder, 1),
        job("kube-state-metrics", lab_state, 1),
        job("node_exporter", machine, 1),
    ]
    with prometheus(folder, {"scrape_configs": jobs}) as made:
        yield made


SCALER: Json = {
    "metadata": {"name": "web"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 2,
        "maxReplicas": 5,
    },
}


def _deployment(name: str, image: str, replicas: int) -> Json:
    labels = {"app": name}
    asked = {"requests": {"cpu": "250m", "memory": "64Mi"}}
    container = {"name": "main", "image": image, "resources": asked}
    template = {
        "metadata": {"labels": labels, "annotations": {CPU: "140m"}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": name}, "spec": spec}


def lines(server: Server, graph: Graph, app: AppPods | None = None) -> dict[str, float]:
    """What a graph shows now, by the names of its lines; without what is no number."""
    query = graph.promql(app=app or (APP if graph.scope == "app" else None), rate=RATE)
    answer = server.json(f"/api/v1/query?query={quote(query)}")
    assert not {"warnings", "infos"} & set(answer), answer
    said: list[Any] = answer["data"]["result"]
    found = {graph.label(one["metric"]): float(one["value"][1]) for one in said}
    assert len(found) == len(said), "two lines have one name"
    return {name: value for name, value in found.items() if value == value}


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name not in ABSENT])
def test_a_graph_has_data(server: Server, name: str) -> None:
    server.process.wait_until(lambda: bool(lines(server, CATALOGUE[name])))


@pytest.mark.parametrize("name", ABSENT)
def test_what_cannot_have_data_has_none(server: Server, name: str) -> None:
    assert lines(server, CATALOGUE[name]) == {}, f"yet it was said: {ABSENT[name]}"


def test_the_numbers_are_those_of_the_cluster(server: Server) -> None:
    nodes = {"ready": 3, "not ready": 0}
    answering = {"apiserver": 1, "kube-scheduler": 1, "kube-controller-manager": 1}
    scaled = {f"{NAMESPACE}/web now": 2, f"{NAMESPACE}/web at most": 5}

    def told() -> bool:
        return (
            lines(server, CATALOGUE["nodes"]) == nodes
            and lines(server, CATALOGUE["control-plane"]) == answering
            and lines(server, CATALOGUE["app-pods"]) == {"ready": 2, "there": 2}
            and lines(server, CATALOGUE["unscheduled"], AppPods(NAMESPACE)) == {"pods": 1}
            and lines(server, CATALOGUE["scheduler"])["unschedulable"] >= 1
            and lines(server, CATALOGUE["autoscaler"], APP).items() >= scaled.items()
            and max(lines(server, CATALOGUE["app-restarts"], AppPods(NAMESPACE)).values()) >= 1
        )

    server.process.wait_until(told)


def test_the_use_of_a_pod_is_what_it_uses(server: Server) -> None:
    def used() -> bool:
        found = lines(server, CATALOGUE["app-cpu"])
        return len(found) == 2 and all(0.1 < value < 0.18 for value in found.values())

    server.process.wait_until(used)
    assert set(lines(server, CATALOGUE["app-memory"]).values()) == {2**20}


def test_the_machine_is_what_it_is(server: Server) -> None:
    for name in ("cpu", "memory", "disk", "disk-busy"):
        assert all(0 <= value <= 101 for value in lines(server, CATALOGUE[name]).values()), name


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_prometheus_reads_what_was_typed_as_one_label(server: Server, text: str) -> None:
    expected = text.replace("\ud83d", "\ufffd")
    query = f"up{{job={promql.quote(text)},pod=~{promql.quote(promql.escape(text))}}}"
    said = server.json(f"/api/v1/parse_query?query={quote(query)}")["data"]
    matchers = {one["name"]: (one["type"], one["value"]) for one in said["matchers"]}
    assert matchers["job"] == ("=", expected)
    assert matchers["pod"] == ("=~", promql.escape(expected))
    assert set(matchers) == {"__name__", "job", "pod"}
