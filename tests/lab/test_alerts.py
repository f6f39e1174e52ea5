"""An alert's life on real servers: Prometheus, Alertmanager and Kubernetes tell one thread.

A Deployment loses its pods, a rule fires, the thread opens with its graph; the bot is killed and
started again; the scaling that mends it is pressed in the thread, and the thread closes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.slack import Limits, SlackServer, practice_workspace
from sandbox.slack.entities import Message
from sandbox.tour.bot import running
from tests.cluster.lab import Lab
from tests.cluster.monitoring import Server, alertmanager, job, prometheus
from tests.cluster.monitoring_fixtures import lab_state, monitoring_tools  # noqa: F401
from tests.lab.grounds import NAMESPACE, Grounds

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

TOKEN = "lab-alerts-token"
RULE = {
    "alert": "DeploymentWithoutPods",
    "expr": f'kube_deployment_status_replicas_available{{namespace="{NAMESPACE}"}} < 1',
    "for": "2s",
    "labels": {"severity": "critical"},
    "annotations": {
        "summary": "{{ $labels.deployment }} has no pods.",
        "runbook_url": "https://runbooks.example/no-pods",
    },
}


@dataclass
class Watched:
    """Real servers that watch the lab and tell a bot, and the Slack where it speaks."""

    grounds: Grounds
    config: Path
    slack: SlackServer

    def scale(self, replicas: int) -> None:
        """As somebody would with kubectl."""
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/parse-server/scale"
        scale = self.grounds.lab.api("GET", path)
        self.grounds.lab.api("PUT", path, {**scale, "spec": {"replicas": replicas}})

    def ready(self) -> int:
        found = self.grounds.find("apps/v1/deployments/parse-server")
        return int(found["status"].get("readyReplicas", 0))

    def said(self) -> list[Message]:
        return list(self.slack.workspace.channel("ops").messages.values())

    async def until(self, check: Callable[[], Any], seconds: float = 90.0) -> Any:
        async with asyncio.timeout(seconds):
            while not (found := check()):
                await asyncio.sleep(0.05)
        return found

    async def told(self, words: str) -> Message:
        message: Message = await self.until(
            lambda: next((m for m in self.said() if words in f"{m.text} {m.blocks}"), None)
        )
        return message


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def deployment() -> dict[str, Any]:
    labels = {"app": "web"}
    containers = [{"name": "web", "image": "example.com/web:1"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "parse-server"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def servers(
    lab: Lab,
    lab_state: Server,  # noqa: F811
    port: int,
    tmp_path: Path,
) -> Iterator[tuple[Server, Server]]:
    """A Prometheus with the rule, and an Alertmanager that tells the bot."""
    (tmp_path / "token").write_text(TOKEN)
    hook = {
        "url": f"http://127.0.0.1:{port}/alerts/main",
        "max_alerts": 200,
        "http_config": {
            "authorization": {"type": "Bearer", "credentials_file": str(tmp_path / "token")}
        },
    }
    routes = {
        "receiver": "onprem",
        "group_by": ["alertname", "namespace"],
        "group_wait": "1s",
        "group_interval": "2s",
        "repeat_interval": "5s",
    }
    manager = {"route": routes, "receivers": [{"name": "onprem", "webhook_configs": [hook]}]}
    rules = tmp_path / "rules.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "lab", "rules": [RULE]}]}))
    with ExitStack() as stack:
        alerts = stack.enter_context(alertmanager(tmp_path / "alertmanager", manager))
        target = alerts.url.removeprefix("http://")
        settings = {
            "global": {"evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [target]}]}]},
            "scrape_configs": [job("kube-state-metrics", lab_state, 1)],
        }
        yield stack.enter_context(prometheus(tmp_path / "prometheus", settings)), alerts


@pytest.fixture
async def watched(
    grounds: Grounds, servers: tuple[Server, Server], port: int, tmp_path: Path
) -> AsyncIterator[Watched]:
    slack = SlackServer(practice_workspace(), limits=Limits.off())
    slack.workspace.app.commands = {"/onprem"}
    await slack.start()
    adam = slack.workspace.person("adam")
    account = {"kubeconfig": str(grounds.account)}
    metrics, manager = servers
    config = grounds.config(
        tmp_path / "bot",
        clusters={"main": {**account, "prometheus": metrics.url, "alertmanager": manager.url}},
        slack={
            "api_url": slack.api_url,
            "bot_token": slack.bot_token,
            "app_token": slack.app_token,
            "ops_channel": slack.workspace.channel("ops").id,
        },
        alerts={"listen": f"127.0.0.1:{port}", "token": TOKEN},
        persons={},
        admins=[f"slack:{slack.workspace.team_id}/{adam.id}"],
    )
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    grounds.lab.api("POST", path, deployment())
    try:
        yield Watched(grounds, config, slack)
    finally:
        await slack.close()
        grounds.clear()


async def test_a_deployment_that_lost_its_pods_is_mended_from_its_thread(
    watched: Watched, tmp_path: Path
) -> None:
    async with running(watched.config, tmp_path / "first.log") as bot:
        await watched.until(lambda: watched.ready() == 2)
        watched.scale(0)
        root = await watched.told("DeploymentWithoutPods")
        assert "parse-server has no pods." in f"{root.blocks}"
        assert "Runbook" in f"{root.blocks}"

        def picture() -> Any:
            files = [f for m in watched.said() if m.thread_ts == root.ts for f in m.files]
            return watched.slack.workspace.files[files[0]] if files else None

        graph = await watched.until(picture)
        assert graph.content.startswith(b"\x89PNG")
        assert "< 1" in graph.alt_txt
        os.kill(bot.pid, signal.SIGKILL)
        await bot.ended.wait()
    async with running(watched.config, tmp_path / "second.log"):
        await watched.slack.click("adam", root, "Scale to 2")
        await watched.until(lambda: watched.ready() == 2)
        closing = await watched.told("Over after")
        assert closing.thread_ts == root.ts
        await watched.until(lambda: "Over: DeploymentWithoutPods" in f"{root.blocks}")
    roots = [m for m in watched.said() if "DeploymentWithoutPods" in m.text and not m.is_reply]
    assert roots == [root]
