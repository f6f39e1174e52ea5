"""Drills that nobody asks for: once at their time, in the bot's own name, by the engine's rules."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.chores import drill_when_due
from bot.config import Config
from bot.context import Target
from bot.store import requests
from bot.store.requests import State
from bot.wiring import Product, build
from integrations.velero.models import BackupSpec
from tests.commands.recovery import Recovery, open_recovery, shop_config


@pytest.fixture
async def recovery(tmp_path: Path) -> AsyncIterator[Recovery]:
    async with open_recovery(tmp_path, shop_config(tmp_path)) as made:
        await made.shop()
        yield made


@asynccontextmanager
async def product(folder: Path, recovery: Recovery) -> AsyncIterator[Product]:
    just_now = time.strftime("%-M %-H * * *", time.gmtime())
    app: dict[str, Any] = {
        "namespace": "shop",
        "chart": "builtin:parse-server",
        "backup": {"name": "shop-backup", "selector": "app=shop", "drill": {"cron": just_now}},
    }
    body = {
        "state": {"directory": str(folder / "state")},
        "clusters": {"main": {"kubeconfig": str(recovery.practice.kubeconfig)}},
        "admins": [],
        "apps": {"shop": app},
    }
    config = Config.model_validate(json.loads(json.dumps(body)), context={"base": folder})
    made = await build(config, slack=False)
    try:
        await made.start()
        yield made
    finally:
        await made.close()


async def found(made: Product) -> list[requests.Request]:
    return await made.store.read(lambda db: requests.find(db, limit=10))


async def test_a_due_drill_runs_once_and_is_on_record(tmp_path: Path, recovery: Recovery) -> None:
    name = time.strftime("shop-backup-%Y%m%d%H%M%S", time.gmtime())
    spec = BackupSpec(namespaces=("shop",), selectors=({"app": "shop"},), fs_backup=True)
    await recovery.velero.create_backup(name, spec)
    await recovery.velero.follow_backup(name)
    async with product(tmp_path, recovery) as made:
        await drill_when_due(made)
        await drill_when_due(made)
        assert await made.engine.drain(30)
        (request,) = await found(made)
        assert (request.command, request.actor) == ("restore drill", "system:onprem")
        assert request.state is State.DONE
        (kept,) = await made.desk.drills(Target("main", "shop", "shop"))
        assert (kept.proved, kept.backup, kept.actor) == (True, name, "system:onprem")
    async with product(tmp_path, recovery) as again:
        await drill_when_due(again)
        assert len(await found(again)) == 1


async def test_a_drill_without_a_backup_is_refused_and_not_asked_for_again(
    tmp_path: Path, recovery: Recovery
) -> None:
    async with product(tmp_path, recovery) as made:
        await drill_when_due(made)
        await drill_when_due(made)
        (request,) = await found(made)
        assert request.state is State.REFUSED


async def test_the_bots_own_name_allows_nothing_else(tmp_path: Path, recovery: Recovery) -> None:
    from bot.engine import Incoming
    from bot.recovery.drills.drill_times import ASKER

    async with product(tmp_path, recovery) as made:
        for words in ("deploy shop", "restore shop", "uninstall shop"):
            incoming = Incoming(words, words, ASKER, {"kind": "system"}, made.clock())
            admission = await made.engine.admit(incoming)
            assert admission.exit_code == 3, words
