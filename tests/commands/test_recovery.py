"""recovery on practice clusters: what is told of each app, and of a cluster that is away."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.config import Config
from bot.context import Cluster
from bot.render.document import Image
from bot.render.terminal import plain
from bot.store.db import Store
from integrations.helm.binary import find_helm
from integrations.helm.client import Helm
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.sdk import Access
from tests.commands.conftest import ANN, Office, text_of
from tests.commands.recovery import Recovery, open_recovery

PNG = b"\x89PNG\r\n"


def two_clusters(folder: Path) -> Config:
    def app(namespace: str, cluster: str) -> dict[str, Any]:
        return {
            "namespace": namespace,
            "chart": "builtin:parse-server",
            "clusters": [cluster],
            "backup": {"name": f"{namespace}-backup", "selector": f"app={namespace}"},
        }

    bare = {"namespace": "bare", "chart": "builtin:parse-server", "clusters": ["main"]}
    body = {
        "state": {"directory": str(folder / "state")},
        "clusters": {"main": {}, "spare": {}},
        "default_cluster": "main",
        "admins": [ANN.actor],
        "apps": {"shop": app("shop", "main"), "far": app("far", "spare"), "bare": bare},
    }
    return Config.model_validate(json.loads(json.dumps(body)), context={"base": folder})


@pytest.fixture
async def recovery(tmp_path: Path) -> AsyncIterator[Recovery]:
    async with open_recovery(tmp_path, two_clusters(tmp_path)) as made:
        await made.shop()
        yield made


@pytest.fixture
async def office(tmp_path: Path, store: Store, recovery: Recovery) -> AsyncIterator[Office]:
    """Cluster `spare` does not answer."""
    away = tmp_path / "away"
    away.write_text(
        recovery.practice.kubeconfig.read_text().replace(recovery.practice.server.url, NOBODY)
    )
    config = two_clusters(tmp_path)
    kube = KubeClient(Access("spare", away))
    helm = Helm(await find_helm(), run_directory=tmp_path / "h", kubeconfig=away, timeout=5)
    spare = Cluster("spare", config.clusters["spare"], kube, helm)
    made = Office(config, store, {"main": recovery.cluster, "spare": spare})
    made.now = time.time_ns() // 1000
    yield made
    await made.artist.close()
    await kube.close()


NOBODY = "https://127.0.0.1:1"


async def test_each_app_has_its_line_worst_first(office: Office, recovery: Recovery) -> None:
    recovery.server.write_volume("shop", "data-db-0", {"rows": [1]})
    await office.run("backup create shop")
    result, document = await office.read("recovery")
    states = [(line.app, line.state) for line in result.lines]
    assert states == [("bare", "at risk"), ("far", "unknown"), ("shop", "look at it")]
    shop = result.lines[2]
    assert shop.unprotected == ()
    assert shop.storage == "available"
    assert shop.why == (
        "No drill has proved a backup yet.",
        "No schedule makes its backups; `backup schedule create shop` does.",
    )
    assert document.headline == "Recovery: 1 at risk, 1 unknown and 1 to look at"
    assert not any(isinstance(e, Image) for e in document.elements)


async def test_a_cluster_that_is_away_costs_its_own_line(office: Office) -> None:
    began = time.monotonic()
    result, document = await office.read("recovery --cluster spare")
    assert time.monotonic() - began < 10
    (line,) = result.lines
    assert line.state == "unknown"
    assert "spare" in line.why[0]
    assert "far on spare" in plain(document)


async def test_one_app(office: Office) -> None:
    result, document = await office.read("recovery shop")
    (line,) = result.lines
    assert (line.app, line.state, line.backup) == ("shop", "at risk", "")
    assert "There is no good backup." in text_of(document)


async def test_what_a_drill_proved_is_shown(office: Office, recovery: Recovery) -> None:
    await office.run("backup create shop")
    drilled, _ = await office.run("restore drill shop")
    assert drilled.ok, drilled.why
    result, document = await office.read("recovery shop")
    (line,) = result.lines
    assert line.proved == drilled.backup
    assert line.ready_after == drilled.ready_after
    assert "ready in" in plain(document)


async def test_a_channel_gets_a_picture_with_the_same_in_words(office: Office) -> None:
    command, params, ctx = office.parsed("recovery shop", channel="C1")
    result = await command.run(ctx, params)
    document = command.view(result, office.clock())
    (image,) = [e for e in document.elements if isinstance(e, Image)]
    assert image.png.startswith(PNG)
    assert "shop on main: at risk, no good backup, proved never" in image.alt
