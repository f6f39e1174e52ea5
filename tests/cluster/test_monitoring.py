"""The real servers that watch a cluster come up, tell what is true of the lab, and end."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.cluster.build import HERE, Builder
from tests.cluster.lab import Lab
from tests.cluster.metrics import CPU, METRICS
from tests.cluster.monitoring import Server, node_exporter, promtool
from tests.cluster.process import started_at

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def busy(lab: Lab) -> Iterator[str]:
    """A namespace with the Deployment `busy`; its two pods use 140m of CPU each."""
    name = "monitored"
    lab.api("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    labels = {"app": "busy"}
    container = {"name": "main", "image": "example.com/busy:1"}
    template = {
        "metadata": {"labels": labels, "annotations": {CPU: "140m"}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    path = f"/apis/apps/v1/namespaces/{name}/deployments"
    lab.api("POST", path, {"metadata": {"name": "busy"}, "spec": spec})
    lab.kwok.wait_until(
        lambda: lab.api("GET", f"{path}/busy")["status"].get("availableReplicas") == 2
    )
    yield name
    lab.api("DELETE", f"/api/v1/namespaces/{name}")


def value(server: Server, query: str) -> float | None:
    """The first value that a query of Prometheus has."""
    found: list[Any] = server.json(f"/api/v1/query?query={quote(query)}")["data"]["result"]
    return float(found[0]["value"][1]) if found else None


def test_prometheus_has_scraped_the_lab(lab_prometheus: Server, busy: str) -> None:
    desired = f'kube_deployment_spec_replicas{{namespace="{busy}",deployment="busy"}}'
    expected = {
        'up{job="apiserver"}': 1,
        'up{job="kube-state-metrics"}': 1,
        'up{job="node_exporter"}': 1,
        desired: 2,
    }
    lab_prometheus.process.wait_until(
        lambda: {query: value(lab_prometheus, query) for query in expected} == expected
    )


def test_kube_state_metrics_tells_of_the_nodes(lab_state: Server, lab: Lab) -> None:
    nodes = {n["metadata"]["name"] for n in lab.api("GET", "/api/v1/nodes")["items"]}

    def told() -> bool:
        lines = lab_state.text("/metrics").splitlines()
        return nodes == {
            line.split('node="')[1].split('"')[0]
            for line in lines
            if line.startswith("kube_node_info{")
        }

    lab_state.process.wait_until(told)


def test_node_exporter_tells_the_load_of_this_machine(machine: Server) -> None:
    lines = machine.text("/metrics").splitlines()
    (load,) = (line for line in lines if line.startswith("node_load1 "))
    assert float(load.split()[1]) >= 0


def test_alertmanager_takes_an_alert(lab_alertmanager: Server) -> None:
    labels = {"alertname": "Watchdog", "severity": "none"}
    lab_alertmanager.text("/api/v2/alerts", [{"labels": labels}])
    lab_alertmanager.process.wait_until(
        lambda: [a["labels"] for a in lab_alertmanager.json("/api/v2/alerts")] == [labels]
    )


def test_metrics_server_tells_what_nodes_and_pods_use(
    busy: str,
    lab: Lab,
    lab_metrics: Server,
) -> None:
    nodes = {n["metadata"]["name"] for n in lab.api("GET", "/api/v1/nodes")["items"]}
    told = lab.api("GET", f"{METRICS}/nodes")["items"]
    assert {n["metadata"]["name"] for n in told} == nodes
    pods = lab.api("GET", f"{METRICS}/namespaces/{busy}/pods")["items"]
    used = [int(pod["containers"][0]["usage"]["cpu"].removesuffix("n")) for pod in pods]
    assert used == [pytest.approx(140_000_000, rel=0.05)] * 2
    kubectl = Builder().build(["kubectl"])["kubectl"]
    command = [kubectl, f"--kubeconfig={lab.kubeconfig}", "top", "pods", f"--namespace={busy}"]
    top = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "1Mi" in top.stdout


RULES = """
groups:
  - name: lab
    rules:
      - alert: Down
        expr: up == {value}
"""


def test_promtool_checks_rules(monitoring_tools: None, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(RULES.format(value=0))
    said = promtool("check", "rules", file)
    assert (said.returncode, "SUCCESS: 1 rules found" in said.stdout) == (0, True)
    file.write_text(RULES.format(value="nothing("))
    said = promtool("check", "rules", file)
    assert said.returncode != 0
    assert "parse error" in said.stderr


def test_at_the_end_it_is_gone(monitoring_tools: None, tmp_path: Path) -> None:
    with node_exporter(tmp_path) as server:
        pid = server.process.pid
        server.stop()
        server.start()
        assert started_at(pid) is None
        pid = server.process.pid
    assert started_at(pid) is None
    with pytest.raises(OSError):
        server.text("/")


RUN = """
import signal, sys
from pathlib import Path
from tests.cluster.monitoring import node_exporter
with node_exporter(Path(sys.argv[1])) as server:
    print(server.process.pid, flush=True)
    signal.pause()
"""


def test_it_is_gone_when_the_run_is_killed(
    monitoring_tools: None,
    machine: Server,
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    with subprocess.Popen(command, cwd=HERE.parents[1], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        assert started_at(pid) is not None
        run.send_signal(signal.SIGKILL)
    machine.process.wait_until(lambda: started_at(pid) is None)
