"""Rules fire and resolve, and what fires reaches whoever Alertmanager tells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from sandbox.alertmanager import Receiver
from sandbox.prometheus.rules import filled, seconds, shipped
from tests.cluster.monitoring import promtool
from tests.sandbox.prometheus.conftest import Watched

Json = dict[str, Any]


@dataclass
class Hook:
    """A bot that is told of alerts."""

    told: list[Json] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.told.append(await request.json())
        return web.Response()

    def of(self, name: str) -> list[Json]:
        return [body for body in self.told if body["groupLabels"]["alertname"] == name]


@pytest.fixture
async def hook(watched: Watched) -> AsyncIterator[Hook]:
    made = Hook()
    app = web.Application()
    app.router.add_post("/", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    watched.alertmanager.receiver = Receiver(made.url)
    yield made
    await runner.cleanup()


async def look(watched: Watched, passed: float = 0.0) -> dict[str, str]:
    """Let time pass, look at the rules, tell what is due; the state of each alert."""
    watched.clock.forward(passed)
    await watched.prometheus.ruler.look()
    await watched.alertmanager.tend()
    alerts = watched.prometheus.ruler.alerts()
    return {alert["labels"]["alertname"]: alert["state"] for alert in alerts}


async def test_a_calm_cluster_has_its_heartbeat_only(watched: Watched, hook: Hook) -> None:
    assert await look(watched) == {"Watchdog": "firing"}
    await look(watched, 5)
    (told,) = hook.told
    assert told["groupKey"] == '{}/{alertname="Watchdog"}:{alertname="Watchdog"}'
    for _ in range(4):
        await look(watched, 7)
    assert len(hook.told) > 3


async def test_a_disk_fires_is_told_and_resolves(watched: Watched, hook: Hook) -> None:
    name = "NodeFilesystemAlmostOutOfSpace"
    await watched.word("disk-filling=node-1")
    assert (await look(watched, 190))[name] == "pending"
    assert (await look(watched, 185))[name] == "firing"
    assert hook.of(name) == []
    await look(watched, 5)
    (told,) = hook.of(name)
    (alert,) = told["alerts"]
    assert told["status"] == "firing"
    assert alert["labels"]["instance"] == "10.0.0.11:9100"
    assert alert["labels"]["cluster"] == "main"
    assert alert["annotations"]["description"].endswith("has only 1.50% available space left.")
    assert alert["annotations"]["runbook_url"].startswith("https://")
    assert alert["generatorURL"].startswith(f"{watched.prometheus.url}/graph?g0.expr=")
    await watched.word("disk-freed=node-1")
    assert name not in await look(watched, 10)
    await look(watched, 40)
    assert hook.of(name)[-1]["status"] == "resolved"
    assert hook.of(name)[-1]["alerts"][0]["endsAt"] > alert["startsAt"]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("node-busy=node-1", "NodeCPUHighUsage"),
        ("volume-filling=data-db-0", "KubePersistentVolumeFillingUp"),
        ("target-down=kube-scheduler", "TargetDown"),
        ("node-down=node-2", "KubeNodeNotReady"),
        ("image-unready=web*", "KubePodNotReady"),
        ("image-unready=web*", "KubeDeploymentReplicasMismatch"),
        ("image-unready=db*", "KubeStatefulSetReplicasMismatch"),
        ("image-crash=web*", "KubePodCrashLooping"),
    ],
)
async def test_each_rule_fires(watched: Watched, hook: Hook, word: str, name: str) -> None:
    await watched.deploy()
    await watched.database()
    await watched.word(word)

    async def until(state: str) -> None:
        for _ in range(60):
            await watched.cluster.wait_for(lambda: True, 5)
            if (await look(watched, 20)).get(name) == state:
                return
        raise AssertionError(f"{name} is not {state}")

    await until("firing")
    await look(watched, 10)
    assert hook.of(name) != []


async def test_a_prometheus_that_is_away_tells_nothing(watched: Watched, hook: Hook) -> None:
    await watched.word("prometheus-away")
    await look(watched, 10)
    await look(watched, 10)
    assert hook.told == []
    await watched.word("prometheus-back")
    await look(watched, 10)
    await look(watched, 10)
    assert hook.told != []


async def test_a_pair_that_is_split_tells_twice(watched: Watched, hook: Hook) -> None:
    await watched.word("alertmanager-split")
    await look(watched)
    await look(watched, 5)
    one, other = hook.told
    assert one == other


async def test_an_alertmanager_that_is_away_tells_later(watched: Watched, hook: Hook) -> None:
    await watched.word("alertmanager-away")
    await look(watched)
    await look(watched, 10)
    assert hook.told == []
    await watched.word("alertmanager-back")
    await look(watched, 10)
    await look(watched, 5)
    assert hook.told != []


async def test_the_api_tells_of_rules_and_alerts(watched: Watched) -> None:
    await watched.word("disk-filling=node-1")
    await look(watched, 200)
    groups = watched.prometheus.ruler.rules()["groups"]
    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    assert rules["NodeFilesystemAlmostOutOfSpace"]["state"] == "pending"
    assert rules["KubePodNotReady"]["state"] == "inactive"
    assert rules["KubePodNotReady"]["duration"] == 900


def test_durations_and_templates() -> None:
    assert (seconds("15m"), seconds("1h30m"), seconds("0s")) == (900, 5400, 0)
    text = '{{ $labels.pod }}: {{ $value }} {{ printf "%.2f" $value }} {{ $labels.none }}'
    assert filled(text, {"pod": "a"}, 0.125) == "a: 0.125 0.12 "
    assert filled("{{ $value | humanizePercentage }} {{ else }}", {}, 0.0234) == "2.34% {{ else }}"


def test_every_rule_has_a_runbook_and_words() -> None:
    assert len(shipped()) == 11
    for rule in shipped():
        assert {"summary", "description", "runbook_url"} <= set(rule.annotations), rule.name


@pytest.mark.lab
def test_prometheus_takes_the_rules(monitoring_tools: None) -> None:
    done = promtool("check", "rules", "sandbox/prometheus/rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
