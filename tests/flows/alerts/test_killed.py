"""The bot is killed in the middle of a storm: nothing is lost, at most one post is doubled."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from bot.clock import now
from sandbox.tour.bot import running
from tests.bot.alerts.payloads import alert, body
from tests.flows.alerts.conftest import TOKEN, Scene
from tests.flows.alerts.test_faults import identity

pytestmark = [pytest.mark.kill, pytest.mark.timeout(150)]
GROUPS, PODS = 24, 4
ROUTES = {"a": "ops", "b": "incidents", "c": "partners"}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def as_alertmanager(port: int, began: int) -> None:
    """Posts everything, each group's alerts in turn, and again until it is taken."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"http://127.0.0.1:{port}/alerts/main"
    async with aiohttp.ClientSession() as session:
        for pod in range(PODS):
            for group in range(GROUPS):
                labels = {"alertname": f"Rule{group}", "team": "abc"[group % 3]}
                content = body(alert(began, pod=f"web-{pod}", **labels), labels=labels)
                while not await taken(session, url, content, headers):
                    await asyncio.sleep(0.1)


async def taken(
    session: aiohttp.ClientSession, url: str, content: bytes, headers: dict[str, str]
) -> bool:
    try:
        async with session.post(url, data=content, headers=headers) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    database = folder / "state" / "onprem.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        return db.execute(sql).fetchall()


def wanted(folder: Path) -> Counter[str]:
    """What must stand in Slack, from the state."""
    found = Counter(name for (name,) in rows(folder, "SELECT id FROM episodes WHERE storm = ''"))
    sums = rows(
        folder, "SELECT sum(total), count(*) FROM episodes WHERE storm <> '' GROUP BY storm"
    )
    for total, groups in sums:
        found[f"Alert storm: {total} alerts in {groups} groups"] += 1
    return found


def told(scene: Scene) -> Counter[str]:
    return Counter(identity(root) for name in ROUTES.values() for root in scene.roots(name))


@pytest.mark.slow
async def test_a_kill_in_the_middle_of_a_storm(scene: Scene, tmp_path: Path) -> None:
    port, began = free_port(), now() - 60_000_000
    ids = {team: scene.slack.workspace.channel(name).id for team, name in ROUTES.items()}
    scene.settings = {
        "listen": f"127.0.0.1:{port}",
        "storm": {"threads": 4, "per": "1m"},
        "routes": [{"match": {"team": team}, "channel": channel} for team, channel in ids.items()],
    }
    (tmp_path / "none").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config"}))
    config = tmp_path / "onprem.yaml"
    config.write_text(yaml.safe_dump(json.loads(json.dumps(scene.content()))))
    config.chmod(0o600)
    async with running(config, tmp_path / "first.log") as bot:
        storm = asyncio.create_task(as_alertmanager(port, began))
        await scene.until(lambda: len(scene.said("ops")) >= 2 and scene.said("partners"))
        os.kill(bot.pid, signal.SIGKILL)
        await bot.ended.wait()
    async with running(config, tmp_path / "second.log"):
        await storm
        async with asyncio.timeout(90):
            while set(told(scene)) != set(wanted(tmp_path)):
                await asyncio.sleep(0.1)
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT fingerprint) FROM alerts") == [
        (GROUPS * PODS, GROUPS * PODS)
    ]
    assert rows(tmp_path, "SELECT count(*) FROM episodes") == [(GROUPS,)]
    for name in ROUTES.values():
        here = Counter(identity(root) for root in scene.roots(name))
        doubled = sum(number - 1 for number in here.values())
        assert doubled <= 1, name
    assert "Traceback" not in (tmp_path / "second.log").read_text()
