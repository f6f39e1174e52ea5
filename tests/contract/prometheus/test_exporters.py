"""Metrics of the practice world have the names and labels that the real exporters give them."""

from __future__ import annotations

import re
import ssl
import urllib.request
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.cluster import PracticeCluster
from sandbox.kube.controllers import Pace
from sandbox.prometheus.exporters import METRICS
from sandbox.prometheus.promql.values import NAME
from tests.cluster.lab import Lab
from tests.cluster.monitoring import Server
from tests.sandbox.prometheus.conftest import Clock, Watched

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]

# What a scrape adds, and what of the API server's series the real one adds only sometimes.
TARGET = {"job", "instance", "endpoint", "service", "metrics_path"}
OF_EXPORTER = {"namespace", "pod", "container"}
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? ", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="(?:[^"\\]|\\.)*"')


@pytest.fixture
async def practice(tmp_path: Path) -> AsyncIterator[dict[str, set[str]]]:
    """For each metric of a busy practice world the names of its labels."""
    clock = Clock()
    cluster = await PracticeCluster.started("main", tmp_path / "kube", pace=Pace().scaled(0))
    cluster.store.clock = clock
    prometheus, alertmanager = await cluster.watched(pace=Pace().scaled(0.1))
    watched = Watched(cluster, prometheus, alertmanager, clock)
    await watched.deploy()
    await watched.database()
    clock.forward(60)
    now = prometheus.now()
    found: dict[str, set[str]] = defaultdict(set)
    for labels in prometheus.series(f'{{{NAME}=~".+"}}', now - 60_000, now):
        found[labels[NAME]] |= set(labels) - {NAME}
    yield found
    await cluster.close()


def real(text: str) -> dict[str, set[str]]:
    """For each metric of an exporter's page the names of its labels."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, inner in _SAMPLE.findall(text):
        found[name] |= set(_LABEL.findall(inner))
    for name in re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE):
        found[name] |= set()
    return found


def differences(
    practice: dict[str, set[str]], exporter: dict[str, set[str]], prefix: str, added: set[str]
) -> dict[str, object]:
    """Metrics that the exporter does not have, and labels that it does not give them."""
    wrong: dict[str, object] = {}
    for name in METRICS:
        if not name.startswith(prefix):
            continue
        if name not in exporter:
            wrong[name] = "there is no such metric"
        elif exporter[name] and practice[name] - added - exporter[name]:
            wrong[name] = practice[name] - added - exporter[name]
    return wrong


def test_node_exporter(practice: dict[str, set[str]], machine: Server) -> None:
    told = real(machine.text("/metrics"))
    assert len(told) > 100
    assert differences(practice, told, "node_", TARGET | OF_EXPORTER) == {}


def test_kube_state_metrics(
    practice: dict[str, set[str]],
    lab: Lab,
    lab_state: Server,
) -> None:
    _furnish(lab)
    wanted = (
        "kube_pod_container_status_ready",
        "kube_statefulset_replicas",
        "kube_daemonset_",
        "kube_horizontalpodautoscaler_",
        "kube_persistentvolumeclaim_info",
        "kube_persistentvolumeclaim_resource_requests_storage_bytes",
        "kube_persistentvolumeclaim_status_phase",
    )
    lab_state.process.wait_until(
        lambda: all(f"\n{name}" in lab_state.text("/metrics") for name in wanted)
    )
    told = real(lab_state.text("/metrics"))
    lab.api("DELETE", "/api/v1/namespaces/exporters")
    wrong = differences(practice, told, "kube_", TARGET | {"container"})
    # All is well in the lab: nothing waits there, and nothing fits nowhere.
    assert set(wrong) <= {
        "kube_pod_container_status_waiting_reason",
        "kube_pod_status_unschedulable",
    }, wrong


def _furnish(lab: Lab) -> None:
    """One object of each kind that the practice world tells of."""
    lab.api("POST", "/api/v1/namespaces", {"metadata": {"name": "exporters"}})
    container = {
        "name": "main",
        "image": "example.com/web:1",
        "resources": {"requests": {"cpu": "10m"}, "limits": {"cpu": "20m"}},
    }
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    claim = {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    for path, more in (
        ("apis/apps/v1/namespaces/exporters/deployments", spec),
        ("apis/apps/v1/namespaces/exporters/daemonsets", spec),
        (
            "apis/apps/v1/namespaces/exporters/statefulsets",
            {**spec, "volumeClaimTemplates": [claim]},
        ),
        (
            "apis/autoscaling/v2/namespaces/exporters/horizontalpodautoscalers",
            {"scaleTargetRef": target, "maxReplicas": 3},
        ),
    ):
        lab.api("POST", f"/{path}", {"metadata": {"name": "web"}, "spec": more})


def test_the_api_server(practice: dict[str, set[str]], lab: Lab) -> None:
    told = real(_asked(lab, "/metrics"))
    assert differences(practice, told, "apiserver_", TARGET | {"namespace"}) == {}


def _asked(lab: Lab, path: str) -> str:
    """What the API server says at a path, as text."""
    trusting = ssl.create_default_context(cafile=str(lab.files.certificate))
    request = urllib.request.Request(
        lab.url + path, headers={"Authorization": f"Bearer {lab.token}"}
    )
    handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting)
    with urllib.request.build_opener(*handlers).open(request, timeout=30) as answer:
        said: bytes = answer.read()
        return said.decode()
