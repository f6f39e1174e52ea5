"""The practice world: what it writes, how it is told to fail, and that it ends without a trace."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from bot.config import load
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import ServerError
from integrations.kubernetes.kinds import NODE
from integrations.kubernetes.sdk import Access
from sandbox.slack.entities import Message
from sandbox.tour.show import labels, text_of
from sandbox.trouble import HELP, NoSuchFault, Trouble
from sandbox.world import Ports, World

ROOT = Path(__file__).parents[2]
SANDBOX = [sys.executable, "-m", "sandbox"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.start(directory=tmp_path / "world") as world:
        yield world


async def nodes(world: World, number: int = 0) -> list[dict[str, Any]]:
    cluster = world.clusters[number]
    async with KubeClient(Access(cluster.name, cluster.kubeconfig)) as client:
        return list((await client.list(NODE)).items)


async def test_its_configuration_is_one_for_the_bot(world: World) -> None:
    config = load(world.config)
    assert config.default_cluster == "main"
    assert config.apps["parse"].aliases["mongodb"].members == "mongodb"
    assert config.slack is not None
    assert config.slack.api_url == world.slack.api_url
    assert config.slack.bot_token is not None
    assert config.slack.bot_token.get_secret_value() == world.slack.bot_token
    adam = world.slack.workspace.person("adam")
    assert config.person_of(f"slack:{world.slack.workspace.team_id}/{adam.id}") == "adam"
    assert world.slack.bot_token not in world.config.read_text()


async def test_only_its_owner_reads_its_secrets(world: World) -> None:
    for path in world.directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


async def test_two_clusters_do_not_know_each_other(tmp_path: Path) -> None:
    async with World.start(clusters=2, directory=tmp_path) as world:
        config = load(world.config)
        assert list(config.clusters) == ["main", "spare"]
        assert config.clusters_of("parse") == ("main", "spare")
        world.clusters[1].controllers.world.add_node("extra")
        assert len(await nodes(world, 1)) == len(await nodes(world, 0)) + 1


async def test_each_cluster_is_watched_and_tells_the_bot(tmp_path: Path) -> None:
    async with World.start(clusters=2, directory=tmp_path) as world:
        config = load(world.config)
        assert config.alerts is not None
        assert config.alerts.token is not None
        token = config.alerts.token.get_secret_value()
        assert token not in world.config.read_text()
        for cluster in world.clusters:
            assert cluster.prometheus is not None
            assert cluster.alertmanager is not None
            named = config.clusters[cluster.name]
            assert named.prometheus is not None
            assert named.alertmanager is not None
            assert named.prometheus.url.rstrip("/") == cluster.prometheus.url
            assert named.alertmanager.url.rstrip("/") == cluster.alertmanager.url
            receiver = cluster.alertmanager.receiver
            assert receiver.url == f"http://{config.alerts.listen}/alerts/{cluster.name}"
            assert receiver.token == token


async def test_rules_are_looked_at_when_asked_for(world: World) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{world.control.url}/faults", json={"fault": "node-busy=node-1"}):
            pass
        async with session.post(f"{world.control.url}/rules", json={}) as answer:
            alerts = (await answer.json())["main"]
        assert "Watchdog" in {alert["labels"]["alertname"] for alert in alerts}
        async with session.get(f"{world.control.url}/faults") as answer:
            assert (await answer.json())["prometheus"]["main"] == {"steered": ["node-busy=node-1"]}
        async with session.delete(f"{world.control.url}/faults") as answer:
            assert (await answer.json())["prometheus"]["main"] == {"steered": []}


async def test_without_a_directory_nothing_stays(tmp_path: Path) -> None:
    async with World.start() as world:
        made = world.directory
        assert world.config.exists()
    assert not made.exists()


async def test_a_taken_port_is_told_and_the_rest_is_closed(world: World, tmp_path: Path) -> None:
    taken = int(world.slack.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"):
        async with World.start(directory=tmp_path / "other", ports=Ports(slack=taken)):
            raise AssertionError("it runs")


async def test_failures_by_word(world: World) -> None:
    await world.trouble([Trouble.parse("api-503"), Trouble.parse("node-down=node-2")])
    with pytest.raises(ServerError):
        await nodes(world)
    await world.trouble([Trouble.parse("none")])
    ready = {
        node["metadata"]["name"]: c["status"]
        for node in await nodes(world)
        for c in node["status"]["conditions"]
        if c["type"] == "Ready"
    }
    assert ready["node-1"] == "True"
    assert ready["node-2"] != "True"


@pytest.mark.parametrize(
    "word",
    [
        *("gremlins", "api-503=", "api-503=soon", "api-slow", "node-down", "none=1", ""),
        *("load", "load=web", "load=web:much", "prometheus-many=few", "prometheus-slow=a bit"),
        *("disk-filling", "prometheus-away=1"),
    ],
)
def test_words_that_are_no_failure(word: str) -> None:
    with pytest.raises(NoSuchFault):
        Trouble.parse(word)


async def test_a_failure_of_a_node_that_is_not_there(world: World) -> None:
    with pytest.raises(NoSuchFault, match="no node 'moon'"):
        await world.trouble([Trouble.parse("node-down=moon")])


def test_every_failure_in_the_help_is_one() -> None:
    for line in HELP.splitlines():
        for word in line.split("  ")[0].split(", "):
            name, _, value = word.partition("[")[0].partition("=")
            given = {"SECONDS": "2", "COPIES": "3", "WORKLOAD:TIMES": "x:3"}.get(value, "x")
            Trouble.parse(f"{name}={given}" if value else name)


async def test_failures_over_http(world: World) -> None:
    async with aiohttp.ClientSession() as session:
        address = f"{world.control.url}/faults"
        async with session.post(address, json={"fault": "api-429=7"}) as answer:
            assert (await answer.json())["api"]["main"][0]["times"] == 7
        async with session.post(address, json={"fault": "gremlins"}) as answer:
            assert answer.status == 400
            assert "no failure" in (await answer.json())["error"]
        async with session.post(address, json=[1]) as answer:
            assert answer.status == 400
        foreign = {"Origin": "http://evil.example"}
        async with session.post(address, json={"fault": "api-503"}, headers=foreign) as answer:
            assert answer.status == 403
        async with session.delete(address) as answer:
            assert (await answer.json())["api"]["main"] == []


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("/on", "/onprem"),
        ("/onprem dep", "/onprem deploy"),
        ("/onprem deploy p", "/onprem deploy parse"),
        ("/onprem scale mon", "/onprem scale mongodb"),
        ("/onprem role grant @vera v", "/onprem role grant @vera viewer"),
        ("/onprem deploy parse --ver", "/onprem deploy parse --version"),
        ("/other x", None),
    ],
)
async def test_lines_are_completed(world: World, text: str, first: str | None) -> None:
    query = {"user": "alice", "text": text}
    async with aiohttp.ClientSession() as session:
        address = f"{world.slack.url}/sandbox/complete"
        async with session.get(address, params=query) as answer:
            found = (await answer.json())["completions"]
    assert found[:1] == ([first] if first else [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_alone_it_prints_one_line_and_ends_when_told(tmp_path: Path, number: int) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(SANDBOX, **pipes, env=environ, cwd=ROOT) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        kubeconfig = yaml.safe_load(Path(told["kubeconfig"]).read_text())
        assert kubeconfig["clusters"][0]["cluster"]["server"].startswith("https://127.0.0.1:")
        assert load(Path(told["config"])).slack is not None
        assert told["slack"]["bot_token"].startswith("xoxb-")
        assert told["page"].startswith("http://127.0.0.1:")
        process.send_signal(number)
        rest, errors = process.communicate(timeout=20)
    assert (process.returncode, rest, errors) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_it_ends_with_whoever_started_it(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    words = [*SANDBOX, "--until-eof", "--clusters", "2", "--fault", "api-slow=0.1"]
    with subprocess.Popen(words, **pipes, env=environ, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert set(told["kubeconfigs"]) == {"main", "spare"}
        process.stdin.close()
        assert process.wait(20) == 0
    assert list(tmp_path.iterdir()) == []


def test_words_it_does_not_know_end_with_2() -> None:
    for words in (["--fault", "gremlins"], ["--ports", "web=1"], ["--clusters", "3"]):
        done = subprocess.run([*SANDBOX, *words], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 2, words
        assert "usage: onprem sandbox" in done.stderr


def test_pictures_need_a_browser(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "sandbox.pictures", str(tmp_path / "pictures")]
    environ = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=environ)
    assert done.returncode == 1
    assert "There is no browser here" in done.stderr


def test_a_message_as_a_person_reads_it() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": "Scale?"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*Sure:* <@U1> &lt;b&gt;\x1b[31m"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*chart*\nparse-0.1.0"}]},
        {"type": "section", "text": {"type": "mrkdwn", "text": "```\na*b*c\n```"}},
        {
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": "since <!date^1^{time}|noon>: `0 * * *`"}],
        },
        {
            "type": "actions",
            "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Go on"}}],
        },
    ]
    message = Message("C1", "1.0", "UBOT", "fallback", blocks=blocks)
    assert text_of(message, {"U1": "alice"}.__getitem__).split("\n") == [
        "Scale?",
        "Sure: @alice <b>[31m",
        "chart: parse-0.1.0",
        "a*b*c",
        "since noon: `0 * * *`",
        "[ Go on ]",
    ]
    assert labels(message) == ["Go on"]
    assert text_of(Message("C1", "1.0", "UBOT", "fallback"), str) == "fallback"
