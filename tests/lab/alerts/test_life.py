"""An alert's life on real servers: Kubernetes, Prometheus and Alertmanager tell one thread.

A Deployment loses its pods and a rule fires; the thread opens with its graph; the bot is killed,
and started again; the scaling that mends it is pressed in the thread, which then closes.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from sandbox.slack.entities import Message
from sandbox.tour.bot import running
from tests.lab.alerts.guard import ELSEWHERE, RULES, RUNBOOK
from tests.lab.alerts.scene import REPLICAS, Scene, text_of

pytestmark = [pytest.mark.lab, pytest.mark.helm, pytest.mark.kill, pytest.mark.timeout(240)]

AVAILABLE = 'kube_deployment_status_replicas_available{deployment="web"}'
ALERT, OTHER = "DeploymentWithoutPods", "KubeDeploymentReplicasMismatch"
ONCE = ("What changed lately", "Taken: ", "from 0 to 2", "Over after")
THERE = ("--namespace", ELSEWHERE)


async def lost(scene: Scene) -> Message:
    """The app runs, and then somebody takes its pods away; returns what the bot says."""
    await scene.grant()
    await scene.slack.slash("alice", "ops", "/onprem deploy shop")
    await scene.seen(lambda: scene.ready() == REPLICAS)
    # So that the graph, with a point each 15 s, has one from before.
    await scene.seen(lambda: scene.guard.value(f"{AVAILABLE} offset 15s") == REPLICAS)
    await scene.kubectl("scale", "deployment/web", "--replicas=0")
    return await scene.opened(ALERT)


async def test_a_deployment_that_lost_its_pods_is_mended_from_its_thread(
    scene: Scene, tmp_path: Path
) -> None:
    async with running(scene.config, tmp_path / "first.log") as bot:
        root = await lost(scene)
        assert "web has no pods." in text_of(root)
        assert RUNBOOK in text_of(root)
        assert quote_plus(RULES[0]["expr"]) in text_of(root)  # where Prometheus shows the rule
        changed = await scene.answered(root, "What changed lately")
        # By whom is not known: a size of 0 has no owner among the managed fields.
        assert f"deployment/web: scaled from {REPLICAS} to 0" in text_of(changed)
        (graph,) = await scene.until(lambda: scene.pictures(root))
        assert graph.content.startswith(b"\x89PNG")
        assert f"now 0, least 0, most {REPLICAS} at " in graph.alt_txt
        assert "below the limit 1 (< 1) since " in graph.alt_txt
        await scene.slack.click("alice", root, "Ack")
        await scene.answered(root, f"Taken: {ALERT}")
        os.kill(bot.pid, signal.SIGKILL)
        await bot.ended.wait()
    refused = scene.guard.refused()
    await scene.kubectl("create", "deployment", "stuck", "--image=example.com/web:broken", *THERE)
    await scene.seen(lambda: scene.guard.refused() > refused)
    async with running(scene.config, tmp_path / "second.log"):
        other = await scene.opened(OTHER)  # it came while the bot was away
        await scene.until(lambda: "Taken by" in text_of(root))
        await scene.slack.click("alice", root, f"Scale to {REPLICAS}")
        await scene.seen(lambda: scene.ready() == REPLICAS)
        await scene.answered(root, "Over after")
        await scene.until(lambda: f"Over: {ALERT}" in text_of(root))
        assert "It lasted" in text_of(root)
        await scene.kubectl("delete", "deployment", "stuck", *THERE)
        await scene.answered(other, "Over after")
        await scene.until(lambda: f"Over: {OTHER}" in text_of(other))
    assert [*scene.roots(ALERT), *scene.roots(OTHER)] == [root, other]
    told = [len(scene.answers(root, words)) for words in ONCE] + [len(scene.pictures(root))]
    assert min(told) == 1
    assert sum(told) <= len(told) + 1  # a kill may double what was just being posted
    for log in ("first.log", "second.log"):
        assert "Traceback" not in (tmp_path / log).read_text()
