"""Stopping: a cancel in the middle of helm, two at once, SIGTERM, and a second bot."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from bot.terminal.client import Screen, talk
from integrations.helm import orphan
from sandbox.kube.faults import Fault
from sandbox.slack import Limits
from sandbox.tour.bot import BotFailed, running
from sandbox.world import World
from tests.flows.faults.test_cluster import namespace_of, records, told
from tests.kill.bots import Start
from tests.kill.cycles import picture
from tests.kill.practice import Practice, wait_for

FOREVER = 120.0
ROOT = Path(__file__).parents[3]

CANCELLED = {
    "install": ((), "deploy parse", "helm upgrade", ("POST", "statefulsets")),
    "upgrade": (
        ("deploy parse",),
        "deploy parse --version 8.1.0",
        "helm upgrade",
        ("PATCH", "deployments"),
    ),
    "rollback": (
        ("deploy parse", "deploy parse --version 8.1.0"),
        "rollback parse --yes",
        "helm rollback",
        ("PATCH", "deployments"),
    ),
}


@pytest.mark.parametrize(("prepare", "line", "step", "stall"), CANCELLED.values(), ids=CANCELLED)
def test_a_cancel_ends_helm_and_the_next_deploy_works(
    world: Practice,
    start: Start,
    tmp_path: Path,
    prepare: tuple[str, ...],
    line: str,
    step: str,
    stall: tuple[str, str],
) -> None:
    config = world.config(tmp_path, slack=None)
    namespace = namespace_of(config)
    bot = start(config).ready()
    for earlier in prepare:
        assert told(bot.ask(*earlier.split()))[0] == "done"
    number = bot.tell(*line.split())
    request = bot.reach(step, "before")
    method, collection = stall
    path = f"/apis/apps/v1/namespaces/{namespace}/{collection}*"
    world.fault(delay=FOREVER, method=method, path=path)
    wait_for(lambda: not world.faults(), "helm hangs at the request")
    (helm,) = orphan.find_by_operation(request)

    state, text = told(bot.ask("cancel", request))
    assert state == "done", text
    ran = bot.answer(number)
    state, text = told(ran)
    assert state == "cancelled", text
    assert step in text, "it says in which step"
    assert not orphan.alive(helm.pid, helm.start_time)
    assert orphan.find_by_operation(request) == []
    seen = records(bot, ran, namespace)
    assert (seen["outcomes"], seen["locks"], seen["processes"]) == (1, [], 0)

    state, text = told(bot.ask("deploy", "parse", "--version", "8.2.0"))
    assert state == "done", text
    after = picture(world, namespace)
    assert after.revisions[after.newest] == "deployed"
    assert all(now["ready"] == now["replicas"] for now in after.workloads.values())


def test_two_deploys_of_one_app_at_once(world: Practice, start: Start, tmp_path: Path) -> None:
    config = world.config(tmp_path, slack=None)
    bot = start(config).ready()
    namespace = namespace_of(config)
    first = bot.tell("deploy", "parse")
    request = bot.reach("helm upgrade", "before")
    path = f"/apis/apps/v1/namespaces/{namespace}/statefulsets*"
    world.fault(delay=2.0, method="POST", path=path)
    wait_for(lambda: not world.faults(), "helm hangs at the request")
    for words in (("deploy", "parse"), ("scale", "server", "3"), ("deploy", "parse", "--reset")):
        state, text = told(bot.ask(*words))
        assert state == "refused"
        assert f"main/{namespace}/parse is busy" in text
        assert f"(job {request})" in text
        assert f"cancel {request}" in text
    state, text = told(bot.answer(first))
    assert state == "done", text
    assert picture(world, namespace).revisions == {1: "deployed"}


@pytest.mark.slow
def test_a_second_bot_on_the_same_state_says_so(
    world: Practice, start: Start, tmp_path: Path
) -> None:
    config = world.config(tmp_path, slack=None)
    start(config).ready()
    second = subprocess.run(
        [sys.executable, "-m", "bot.cli", "--config", str(config), "run"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1, second.stderr
    assert str(tmp_path / "state") in second.stderr
    assert "Traceback" not in second.stderr


async def _asked(world: World, *words: str) -> tuple[int, str]:
    """Runs one command through the running bot's socket."""
    out, err = io.StringIO(), io.StringIO()
    path = Path(yaml.safe_load(world.config.read_text())["state"]["directory"]) / "onprem.sock"
    code = await asyncio.to_thread(talk, path, words, Screen(out=out, err=err))
    return code, " ".join((out.getvalue() + err.getvalue()).split())


async def _helm_hangs(world: World, seconds: float) -> None:
    """Waits until helm has begun to act, and hangs."""
    faults = world.clusters[0].server.faults
    faults.add(Fault(delay=seconds, method="POST", path="*/statefulsets*"))
    async with asyncio.timeout(30):
        while faults.active:
            await asyncio.sleep(0.01)


async def test_sigterm_lets_a_deploy_end_and_takes_nothing_new(tmp_path: Path) -> None:
    async with World.start(directory=tmp_path / "world", limits=Limits.off()) as world:
        async with running(world.config, tmp_path / "bot.log") as bot:
            deploy = asyncio.create_task(_asked(world, "deploy", "parse"))
            await _helm_hangs(world, 2.0)
            os.kill(bot.pid, signal.SIGTERM)
            code, text = 0, ""
            while "stopping" not in text and not bot.ended.is_set():
                code, text = await _asked(world, "scale", "server", "3")
            assert code == 1
            assert "The bot is stopping" in text
            code, text = await deploy
            assert code == 0, text
            assert "parse 8.6.94 is running" in text
            async with asyncio.timeout(10):
                await bot.ended.wait()
        assert "Traceback" not in (tmp_path / "bot.log").read_text()


@pytest.mark.slow
async def test_over_the_grace_helm_is_left_alone_and_the_next_start_goes_on(
    tmp_path: Path,
) -> None:
    async with World.start(directory=tmp_path / "world", limits=Limits.off()) as world:
        async with running(world.config, tmp_path / "first.log") as bot:
            deploy = asyncio.create_task(_asked(world, "deploy", "parse"))
            await _helm_hangs(world, 4.0)
            log = tmp_path / "first.log"
            os.kill(bot.pid, signal.SIGTERM)
            while "draining" not in log.read_text():
                await asyncio.sleep(0.01)
            os.kill(bot.pid, signal.SIGTERM)
            async with asyncio.timeout(3):
                await bot.ended.wait()
            code, text = await deploy
            assert code != 0
            assert "The job goes on when it is back" in text
        assert "left to the next start" in log.read_text()
        async with running(world.config, tmp_path / "second.log"):
            async with asyncio.timeout(40):
                while True:
                    code, text = await _asked(world, "jobs", "--all")
                    if "done" in text:
                        break
                    await asyncio.sleep(0.05)
            code, text = await _asked(world, "history", "parse")
            assert "1 revision" in text


@pytest.mark.slow
async def test_a_start_that_fails_half_way_lets_operations_end_as_well(tmp_path: Path) -> None:
    """What was cut off goes on before the last port is bound."""
    async with World.start(directory=tmp_path / "world", limits=Limits.off()) as world:
        async with running(world.config, tmp_path / "first.log") as bot:
            deploy = asyncio.create_task(_asked(world, "deploy", "parse"))
            await _helm_hangs(world, 2.0)
            os.kill(bot.pid, signal.SIGKILL)
            await bot.ended.wait()
            await deploy
        with closing(socket.socket()) as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            config = yaml.safe_load(world.config.read_text())
            config["metrics"] = {"listen": f"127.0.0.1:{taken.getsockname()[1]}"}
            path = world.config.with_name("taken.yaml")
            path.write_text(yaml.safe_dump(config))
            with pytest.raises(BotFailed, match="in use"):
                async with running(path, tmp_path / "second.log"):
                    pass
        state = Path(config["state"]["directory"]) / "onprem.db"
        with closing(sqlite3.connect(state)) as db:
            ended = db.execute("SELECT command, state FROM requests").fetchall()
        assert ended == [("deploy", "done")]
