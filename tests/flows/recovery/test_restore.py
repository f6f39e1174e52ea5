"""A restore as people see it: typed in Slack, confirmed by the name, told, and on record."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.kube.resources import CONFIGMAPS, NAMESPACES
from sandbox.slack import Limits
from sandbox.slack.entities import Message
from sandbox.tour.bot import running
from sandbox.velero.definitions import BACKUPS, RESTORES
from sandbox.world import World

pytestmark = [pytest.mark.kill, pytest.mark.timeout(120)]
NAME = "parseserver-backup-20261122010000"
ASKED = "/onprem restore parseserver-backup --update"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A living namespace with something of the app, and a backup of it from before it changed."""
    async with World.start(directory=tmp_path / "world", limits=Limits.off()) as world:
        cluster = world.clusters[0]
        velero = cluster.velero
        assert velero is not None
        await cluster.wait_for(lambda: velero.ready, 20)
        labels = {"app": "parseserver"}
        settings = {"metadata": {"name": "settings", "namespace": "parse", "labels": labels}}
        cluster.store.create(NAMESPACES, {"metadata": {"name": "parse"}})
        cluster.store.create(CONFIGMAPS, {**settings, "data": {"mode": "good"}})
        spec = {"includedNamespaces": ["parse"], "orLabelSelectors": [{"matchLabels": labels}]}
        meta = {"name": NAME, "namespace": "velero"}
        cluster.store.create(BACKUPS, {"metadata": meta, "spec": spec})
        await cluster.wait_for(lambda: phase(world) == "Completed", 20)
        there = cluster.store.peek(CONFIGMAPS, "parse", "settings")
        assert there is not None
        cluster.store.update(CONFIGMAPS, {**there, "data": {"mode": "bad"}})
        yield world


def phase(world: World) -> str:
    found = world.clusters[0].store.peek(BACKUPS, "velero", NAME) or {}
    return str((found.get("status") or {}).get("phase"))


async def seen(world: World, *words: str) -> Message:
    """The message in #parse that holds all these words."""

    def fits(message: Message) -> bool:
        text = f"{message.text} {message.blocks}"
        return all(word in text for word in words)

    return await world.slack.wait_for_message("adam", "parse", fits, 30)


def recorded(world: World) -> list[tuple[str, str, str]]:
    """Kind, person and outcome of the audit rows about the restore."""
    path = next(world.directory.rglob("onprem.db"))
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "select kind, person, body from audit where action = 'restore' order by seq"
        ).fetchall()
    return [(str(kind), str(person), str(body)) for kind, person, body in rows]


async def test_from_the_words_to_the_record(world: World, tmp_path: Path) -> None:
    slack, store = world.slack, world.clusters[0].store
    async with running(world.config, tmp_path / "bot.log"):
        assert (await slack.slash("adam", "parse", ASKED)).ok
        question = await seen(world, "Go on …", f"from {NAME}")
        assert "ConfigMap settings" in str(question.blocks)
        assert "patched where it differs" in str(question.blocks)

        assert (await slack.click("adam", question, "Go on …", where="parse")).ok
        await slack.wait_for(lambda: slack.workspace.open_modal(user(world)), 10)
        await slack.submit_view("adam", values={"name": "prase"})
        view = slack.workspace.open_modal(user(world))
        assert view is not None, "another name keeps the modal open"
        assert view.errors
        assert store.scan(RESTORES, "velero") == []

        await slack.submit_view("adam", values={"name": "parse"})
        told = await seen(world, "parse is restored on main", "1 patched")
        assert told.ts == question.ts, "one message from the question to the result"
        settings = store.peek(CONFIGMAPS, "parse", "settings")
        assert settings is not None
        assert settings["data"] == {"mode": "good"}
        line = await slack.wait_for_message(
            "adam", "ops", lambda m: "parse is restored on main" in f"{m.text} {m.blocks}", 30
        )
        assert line
    rows = recorded(world)
    assert [kind for kind, _, _ in rows][:1] == ["intent"]
    assert rows[-1][0] == "outcome"
    assert "parse is restored on main" in rows[-1][2]
    assert {person for _, person, _ in rows} == {"adam"}
    (restore,) = store.scan(RESTORES, "velero")
    assert restore["metadata"]["annotations"]["onprem.io/asked-by"].startswith("slack:")


def user(world: World) -> str:
    return str(world.slack.workspace.person("adam").id)
