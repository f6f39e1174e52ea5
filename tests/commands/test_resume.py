"""Operations that are cut at every boundary of every step end right, and act exactly once."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import OnpremError
from bot.store import requests
from integrations.kubernetes.kinds import DEPLOYMENT, SECRET, STATEFUL_SET
from tests.commands.conftest import Cut, Journal, Killed, Office
from tests.commands.test_scale import members
from tests.commands.world import World, deployment, namespace

EDGES = (
    pytest.param("before", marks=pytest.mark.slow),
    "acted",
    pytest.param("after", marks=pytest.mark.slow),
)

FIRST_DEPLOY = (
    "create namespace parse",
    "make the credentials",
    "helm upgrade",
    "wait for revision 1",
    "remember it",
)
BAD_DEPLOY = (
    "helm upgrade",
    "wait for revision 2",
    "helm rollback to revision 1",
    "remove pods that block the roll-out",
    "wait for revision 3",
    "bring back the overrides of revision 1",
)
ROLLBACK = (
    "helm rollback to revision 1",
    "remove pods that block the roll-out",
    "wait for revision 3",
    "bring back the overrides of revision 1",
)
SCALE_DOWN = (
    "remove member parse-mongodb-2",
    "scale to 2",
    "wait for pods",
    "remember it for the next deploy",
)
SCALE_UP = (
    "scale to 4",
    "wait for pods",
    "add member parse-mongodb-3",
    "wait until the new members have the data",
    "remember it for the next deploy",
)
UNINSTALL = (
    "helm uninstall",
    "wait until its pods are gone",
    "delete PersistentVolumeClaim data-parse-mongodb-0",
    "delete Secret parse-credentials",
    "forget its overrides",
)


async def revisions(world: World) -> list[tuple[int, str]]:
    found = await world.helm.history("parse", namespace="parse")
    return [(r.number, r.status) for r in found]


@pytest.mark.helm
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("step", FIRST_DEPLOY)
async def test_a_cut_first_deploy(shop: Office, world: World, step: str, edge: str) -> None:
    result, _ = await shop.run_cut("deploy parse --version 8.2.0", step, edge)
    assert await revisions(world) == [(1, "deployed")]
    assert (result.revision, result.made) == (1, ("namespace", "credentials"))
    kept = await shop.desk.overrides(shop.parsed("status parse")[2].target)
    assert (kept.revision, kept.version) == (1, "8.2.0")


@pytest.mark.helm
@pytest.mark.slow
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("step", BAD_DEPLOY)
async def test_a_cut_deploy_that_fails(shop: Office, world: World, step: str, edge: str) -> None:
    await shop.run("deploy parse --version 8.2.0")
    with pytest.raises(OnpremError, match="rolled back to revision 1"):
        await shop.run_cut("deploy parse --version broken", step, edge)
    assert [n for n, _ in await revisions(world)] == [1, 2, 3]
    kept = await shop.desk.overrides(shop.parsed("status parse")[2].target)
    assert (kept.revision, kept.version) == (3, "8.2.0")


@pytest.mark.helm
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("step", ROLLBACK)
async def test_a_cut_rollback(shop: Office, world: World, step: str, edge: str) -> None:
    await shop.run("deploy parse --version 8.2.0")
    await shop.run("deploy parse --version 8.3.0")
    result, _ = await shop.run_cut("rollback parse", step, edge)
    assert [n for n, _ in await revisions(world)] == [1, 2, 3]
    assert (result.revision, result.wishes) == (3, ("version 8.2.0",))


@pytest.mark.helm
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize(
    ("line", "step", "left"),
    [("scale mongodb 2", step, 2) for step in SCALE_DOWN]
    + [("scale mongodb 4", step, 4) for step in SCALE_UP],
)
async def test_a_cut_scale(
    shop: Office, world: World, line: str, step: str, left: int, edge: str
) -> None:
    await shop.run("deploy parse")
    result, _ = await shop.run_cut(line, step, edge)
    assert await members(shop, world) == [f"parse-mongodb-{n}" for n in range(left)]
    item = await world.kube.get(STATEFUL_SET, "parse", "parse-mongodb")
    assert item["status"]["readyReplicas"] == left
    assert result.after == left


@pytest.mark.helm
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("step", UNINSTALL)
async def test_a_cut_uninstall(shop: Office, world: World, step: str, edge: str) -> None:
    await shop.run("deploy parse")
    result, _ = await shop.run_cut("uninstall parse --data", step, edge)
    assert await revisions(world) == []
    assert len(result.deleted) == 4
    assert [s["metadata"]["name"] for s in (await world.kube.list(SECRET, "parse")).items] == []


@pytest.mark.parametrize("edge", ["before", "acted", "after"])
@pytest.mark.parametrize("step", ["restart deployment/front", "wait for deployment/front"])
async def test_a_cut_restart(shop: Office, world: World, step: str, edge: str) -> None:
    await world.apply(namespace("web"), deployment("front", "web", 2))
    await world.settled("web", "Deployment", "front")
    before = await world.kube.get(DEPLOYMENT, "web", "front")
    await shop.run_cut("restart deployment/front -n web", step, edge)
    after = await world.kube.get(DEPLOYMENT, "web", "front")
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1


class Blind:
    """A command's run whose step is told, after a cut, that it was not done yet."""

    def __init__(self, shop: Office, step: str) -> None:
        self.shop, self.step = shop, step

    async def run(self, line: str) -> Any:
        plan, journal, ident = (
            await self.shop.plan(line),
            Journal(),
            requests.new_id(self.shop.clock),
        )
        with pytest.raises(Killed):
            await self.shop.run(
                line, plan, cut=Cut(self.step, "acted"), request_id=ident, journal=journal
            )
        return await self.shop.run(
            line, plan, resumed=True, request_id=ident, journal=journal, blind=self.step
        )


@pytest.mark.helm
@pytest.mark.parametrize("step", ["create namespace parse", "make the credentials", "helm upgrade"])
async def test_without_its_look_a_deploys_step_does_not_pass_for_done(
    shop: Office, step: str
) -> None:
    with pytest.raises(OnpremError, match=r"exists|changed since"):
        await Blind(shop, step).run("deploy parse")


@pytest.mark.helm
async def test_without_its_look_a_rollback_does_not_pass_for_done(shop: Office) -> None:
    await shop.run("deploy parse --version 8.2.0")
    await shop.run("deploy parse --version 8.3.0")
    with pytest.raises(OnpremError, match="changed since"):
        await Blind(shop, "helm rollback to revision 1").run("rollback parse")


async def test_without_its_look_a_restart_would_happen_twice(shop: Office, world: World) -> None:
    await world.apply(namespace("web"), deployment("front", "web"))
    await world.settled("web", "Deployment", "front")
    before = await world.kube.get(DEPLOYMENT, "web", "front")
    await Blind(shop, "restart deployment/front").run("restart deployment/front -n web")
    after = await world.kube.get(DEPLOYMENT, "web", "front")
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 2
