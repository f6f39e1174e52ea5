"""Metrics as an autoscaler reads them, once a load was steered."""

from __future__ import annotations

import pytest

from sandbox.kube.controllers.load import Load
from sandbox.kube.controllers.metrics import Metrics, NoMetric

from ..living import Json


def pods(count: int, **requests: str) -> list[Json]:
    container = {"name": "main", "resources": {"requests": requests}}
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    spec = {"containers": [container]}
    return [
        {"metadata": {"name": f"web-{n}"}, "spec": spec, "status": status} for n in range(count)
    ]


def cpu(**target: object) -> Json:
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def metrics(found: list[Json], percent: float | None) -> Metrics:
    load = Load()
    if percent is not None:
        load.steer("shop", "web", percent)
    return Metrics(load, "shop", "web", found, len(found))


@pytest.mark.parametrize(
    ("target", "wanted", "name"),
    [
        ({"averageUtilization": 50}, 6, "cpu resource utilization (percentage of request)"),
        ({"averageValue": "300m"}, 2, "cpu resource"),
    ],
)
def test_the_size_follows_the_load(target: Json, wanted: int, name: str) -> None:
    reading = metrics(pods(3, cpu="200m"), 300).read(cpu(**target))
    assert (reading.replicas, reading.name) == (wanted, name)
    assert reading.status["resource"]["current"]["averageValue"] == "200m"


def test_a_load_near_the_target_changes_nothing() -> None:
    assert metrics(pods(3, cpu="1"), 162).read(cpu(averageUtilization=50)).replicas == 3


@pytest.mark.parametrize(
    ("found", "percent", "why"),
    [
        (pods(1, cpu="1"), None, "(get pods.metrics.k8s.io)"),
        (pods(1, memory="1Gi"), 50, "missing request for cpu in container main of Pod web-0"),
        ([], 50, "no metrics returned from resource metrics API"),
    ],
    ids=["no metrics API", "no request", "no pods"],
)
def test_why_there_is_no_number(found: list[Json], percent: float | None, why: str) -> None:
    with pytest.raises(NoMetric) as caught:
        metrics(found, percent).read(cpu(averageUtilization=50))
    assert caught.value.reason == "FailedGetResourceMetric"
    assert str(caught.value).startswith("failed to get cpu utilization: ")
    assert str(caught.value).endswith(why)


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        (
            {"type": "External", "external": {"metric": {"name": "q"}}},
            "unable to get external metric shop/q/nil: unable to fetch metrics from external "
            "metrics API: the server could not find the requested resource (get "
            "q.external.metrics.k8s.io)",
        ),
        (
            {"type": "Pods", "pods": {"metric": {"name": "r"}}},
            "unable to get metric r: unable to fetch metrics from custom metrics API: no custom "
            "metrics API (custom.metrics.k8s.io) registered",
        ),
    ],
)
def test_metrics_that_no_load_gives(metric: Json, why: str) -> None:
    with pytest.raises(NoMetric) as caught:
        metrics(pods(1, cpu="1"), 50).read(metric)
    assert (caught.value.reason, str(caught.value)) == (f"FailedGet{metric['type']}Metric", why)
