"""Real servers that watch the lab: Prometheus with rules, Alertmanager as `deploy/` has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from tests.cluster.lab import Json
from tests.cluster.monitoring import Server, alertmanager, job, prometheus
from tests.cluster.process import free_port
from tests.lab.grounds import NAMESPACE, ROOT

TOKEN = "token-of-the-lab's-alertmanager"
HEARTBEAT, SILENCE = 2, 8
"""Seconds between two flushes of the heartbeat's group, and after which its absence is told."""

ELSEWHERE = "default"
RUNBOOK = "https://runbooks.example/no-pods"
RULES: tuple[Json, ...] = (
    {
        "alert": "DeploymentWithoutPods",
        "expr": f'kube_deployment_status_replicas_available{{namespace="{NAMESPACE}"}} < 1',
        "for": "2s",
        "labels": {"severity": "critical"},
        "annotations": {
            "summary": "{{ $labels.deployment }} has no pods.",
            "runbook_url": RUNBOOK,
        },
    },
    {
        "alert": "KubeDeploymentReplicasMismatch",
        "expr": (
            f'kube_deployment_spec_replicas{{namespace="{ELSEWHERE}"}}'
            " > kube_deployment_status_replicas_available"
        ),
        "for": "6s",  # longer than a Deployment takes to come up
        "labels": {"severity": "warning"},
        "annotations": {"summary": "{{ $labels.deployment }} lacks pods."},
    },
    # Prometheus knows its Alertmanager 5 s after it started; what fires before, it only says again
    # a minute later.
    {"alert": "Watchdog", "expr": "vector(1)", "for": "8s", "labels": {"severity": "none"}},
)


@dataclass(frozen=True)
class Guard:
    """Who watches, and where they tell it.

    Attributes:
        prometheus: Looks every second.
        alertmanager: Posts to the port.
        port: Where the bot has to listen.
        token_file: What Alertmanager shows there.
    """

    prometheus: Server
    alertmanager: Server
    port: int
    token_file: Path

    def value(self, query: str) -> float | None:
        """The first value that a query of Prometheus has."""
        found: list[Any] = self.prometheus.json(f"/api/v1/query?query={quote(query)}")["data"][
            "result"
        ]
        return float(found[0]["value"][1]) if found else None

    def refused(self) -> int:
        """How many notifications Alertmanager could not deliver, by its own count."""
        name = 'alertmanager_notification_requests_failed_total{integration="webhook"'
        lines = self.alertmanager.text("/metrics").splitlines()
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith(name))


@contextmanager
def guarded(state: Server, folder: Path) -> Iterator[Guard]:
    """Run both servers.

    Args:
        state: The kube-state-metrics of a lab.
        folder: For their files.
    """
    port, token = free_port(), folder / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    rules = folder / "rules.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "lab", "rules": [*RULES]}]}))
    with alertmanager(folder / "alertmanager", shipped(port, token)) as alerts:
        settings = {
            "global": {"evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "alerting": {
                "alertmanagers": [
                    {"static_configs": [{"targets": [alerts.url.removeprefix("http://")]}]}
                ]
            },
            "scrape_configs": [job("kube-state-metrics", state, 1)],
        }
        with prometheus(folder / "prometheus", settings) as looks:
            yield Guard(looks, alerts, port, token)


def shipped(port: int, token: Path) -> Json:
    """What `deploy/alertmanager.yaml` has, but with another address, and quicker."""
    config: Json = yaml.safe_load((ROOT / "deploy" / "alertmanager.yaml").read_text())
    for route in (config["route"], *config["route"]["routes"]):
        if "group_wait" in route:
            route["group_wait"] = "0s" if route["group_wait"] == "0s" else "1s"
        if "group_interval" in route:
            beats = route["group_interval"] == route["repeat_interval"]
            route["group_interval"] = f"{HEARTBEAT}s"
            route["repeat_interval"] = f"{HEARTBEAT}s" if beats else "5s"
    bot = next(one for one in config["receivers"] if one["name"] == "onprem")
    (hook,) = bot["webhook_configs"]
    assert hook["url"].endswith(":9095/alerts/main")
    hook["url"] = f"http://127.0.0.1:{port}/alerts/main"
    hook["http_config"]["authorization"]["credentials_file"] = str(token)
    return config
