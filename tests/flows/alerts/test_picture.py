"""The alert's graph comes into its thread after the alert, and never holds it up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.alertmanager import PracticeAlertmanager
from sandbox.prometheus import PracticePrometheus
from sandbox.slack import Limits
from sandbox.slack.entities import File, Message
from sandbox.tour.bot import running
from sandbox.world import World

pytestmark = pytest.mark.timeout(120)
OWN = "http://prometheus.example/graph?g0.expr="


@dataclass
class Site:
    """A world whose Alertmanager tells a bot."""

    world: World

    @property
    def prometheus(self) -> PracticePrometheus:
        found = self.world.clusters[0].prometheus
        assert found is not None
        return found

    @property
    def alertmanager(self) -> PracticeAlertmanager:
        found = self.world.clusters[0].alertmanager
        assert found is not None
        return found

    def fire(self, expression: str = "", **labels: str) -> None:
        now = datetime.now(UTC)
        self.alertmanager.put(
            [
                {
                    "labels": {"severity": "warning", **labels},
                    "annotations": {"summary": "Something is wrong."},
                    "startsAt": (now - timedelta(minutes=2)).isoformat(),
                    "endsAt": (now + timedelta(hours=1)).isoformat(),
                    "generatorURL": f"{OWN}{expression}" if expression else "",
                }
            ]
        )

    def said(self) -> list[Message]:
        return list(self.world.slack.workspace.channel("ops").messages.values())

    async def told(self, words: str) -> Message:
        def found() -> Message | None:
            return next((m for m in self.said() if words in f"{m.text} {m.blocks}"), None)

        message: Message = await self.world.slack.wait_for(found, 60)
        return message

    async def picture(self, root: Message) -> File:
        def found() -> File | None:
            files = [f for m in self.said() if m.thread_ts == root.ts for f in m.files]
            return self.world.slack.workspace.files[files[0]] if files else None

        file: File = await self.world.slack.wait_for(found, 60)
        return file


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with (
        World.start(directory=tmp_path / "world", limits=Limits.off()) as world,
        running(world.config, tmp_path / "bot.log"),
    ):
        yield Site(world)


async def test_the_graph_of_the_catalogue_and_of_the_rule_itself(site: Site) -> None:
    site.fire(alertname="NodeCPUHighUsage")
    root = await site.told("NodeCPUHighUsage")
    known = await site.picture(root)
    assert known.content.startswith(b"\x89PNG")
    assert "now" in known.alt_txt
    expression = "kube_deployment_status_replicas%7Bjob%3D%22kube-state-metrics%22%7D+%3C+9"
    site.fire(expression, alertname="TooSmall", namespace="kube-system", deployment="coredns")
    root = await site.told("TooSmall")
    own = await site.picture(root)
    assert own.content.startswith(b"\x89PNG")
    assert "< 9" in own.alt_txt


async def test_without_a_prometheus_that_answers_the_alert_is_there_and_says_so(
    site: Site,
) -> None:
    await site.prometheus.away()
    site.fire(alertname="NodeCPUHighUsage")
    root = await site.told("NodeCPUHighUsage")
    answer = await site.told("No graph: ")
    assert answer.thread_ts == root.ts
    assert not answer.files


@pytest.mark.parametrize(
    ("fault", "value", "words"),
    [
        ("nan", True, "no data"),
        pytest.param("copies", 200, "lines", marks=pytest.mark.slow),
        pytest.param("delay", 30.0, "", marks=pytest.mark.slow),
    ],
)
async def test_whatever_is_wrong_with_prometheus_the_alert_is_told_first(
    site: Site, fault: str, value: float, words: str
) -> None:
    setattr(site.prometheus, fault, value)
    site.fire("kube_node_info+%3E+0", alertname="Odd")
    root = await site.told("Odd")
    answer = await site.told("No graph: ")
    assert answer.thread_ts == root.ts
    assert words in f"{answer.blocks}"
