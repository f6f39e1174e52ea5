"""deploy, diff, history, rollback, status against a practice cluster with real helm."""

from __future__ import annotations

import time

import pytest

from bot.errors import Failed
from integrations.kubernetes.kinds import SECRET
from tests.commands.conftest import Office, text_of
from tests.commands.world import World

pytestmark = pytest.mark.helm


async def test_a_first_deploy_makes_credentials_once_and_never_shows_them(
    shop: Office, world: World
) -> None:
    plan = await shop.plan("deploy parse")
    assert plan.facts["make"] == {"namespace": "create", "credentials": "create"}
    t = time.perf_counter()
    result, document = await shop.run("deploy parse", plan)
    print("deploy", time.perf_counter() - t)
    secret = await world.kube.get(SECRET, "parse", "parse-credentials")
    assert result.revision == 1
    print(text_of(document))
    for value in secret["data"].values():
        assert value not in text_of(document)
    t = time.perf_counter()
    _, document = await shop.read("status parse")
    print("status", time.perf_counter() - t, text_of(document))
    t = time.perf_counter()
    plan = await shop.plan("deploy parse --version 9.9.9")
    print("plan", time.perf_counter() - t, plan.changes, plan.warnings)
    result, document = await shop.run("deploy parse --version 8.2.0")
    print(document)
    with pytest.raises(Failed) as told:
        await shop.run("deploy parse --version broken")
    print(told.value)
    _, document = await shop.read("history parse")
    print(document)
    _, document = await shop.run("rollback parse")
    print(document)
