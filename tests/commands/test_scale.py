"""scale, restart and status of workloads on a practice cluster."""

from __future__ import annotations

from typing import Any

import pytest

from bot.context import Weight
from bot.errors import Refused, UsageError
from bot.releases.membership import Members
from bot.releases.restarting import MARK
from bot.releases.targets import workload_ref
from bot.releases.workloads import load
from integrations.kubernetes.kinds import DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER, STATEFUL_SET
from integrations.mongodb import step_down
from sandbox.kube.faults import Fault
from tests.commands.conftest import Office, text_of
from tests.commands.world import World, deployment, namespace


async def the_set(shop: Office, world: World) -> Members:
    ref = workload_ref(shop.config, "mongodb", "", "main")
    return Members(world.cluster, await load(world.cluster, ref))


async def members(shop: Office, world: World) -> list[str]:
    found = await the_set(shop, world)
    now = await found.status(found.found.replicas)
    return [m.host.partition(".")[0] for m in now.members]


async def hand_over(shop: Office, world: World) -> None:
    """Lets the first member step down, so that another one is primary."""
    found = await the_set(shop, world)
    pods = found.pods(3)
    now = await step_down(found.run, pods, found.host(0))
    while now.primary in (None, found.host(0)):
        now = await found.status(3)
    login = (
        'db.getSiblingDB("admin").auth(process.env.MONGO_INITDB_ROOT_USERNAME, '
        "process.env.MONGO_INITDB_ROOT_PASSWORD);"
    )
    script = f"{login} print(JSON.stringify(rs.freeze(0)))"  # it may be elected again at once
    command = ["mongosh", "--quiet", "--norc", "--eval", script]
    assert (await found.run(pods[0], command, timeout=10)).exit_code == 0


async def replicas(world: World, kind: Any, ns: str, name: str) -> int:
    return int((await world.kube.get(kind, ns, name))["spec"]["replicas"])


@pytest.mark.helm
async def test_members_leave_before_their_pods_end_and_join_after(
    shop: Office, world: World
) -> None:
    await shop.run("deploy parse")
    down = await shop.plan("scale mongodb 2")
    assert down.weight is Weight.CONFIRM
    assert down.facts["members"]["leaving"] == ["parse-mongodb-2.parse-mongodb:27017"]
    assert "no majority" in down.warnings[0]
    result, document = await shop.run("scale mongodb 2", down)
    assert [name for name, state in shop.recorder.said if state == "running"] == [
        "remove member parse-mongodb-2",
        "scale to 2",
        "wait for pods",
        "remember it for the next deploy",
    ]
    assert await members(shop, world) == ["parse-mongodb-0", "parse-mongodb-1"]
    assert document.headline == "Scaled statefulset/parse-mongodb from 3 to 2"
    up = await shop.plan("scale mongodb 4")
    assert up.weight is Weight.RUN
    result, _ = await shop.run("scale mongodb 4", up)
    assert result.members == (
        "+parse-mongodb-2.parse-mongodb:27017",
        "+parse-mongodb-3.parse-mongodb:27017",
    )
    assert await members(shop, world) == [f"parse-mongodb-{n}" for n in range(4)]
    await shop.run("deploy parse --version 8.2.0")
    assert await replicas(world, STATEFUL_SET, "parse", "parse-mongodb") == 4


@pytest.mark.helm
async def test_a_leaving_primary_hands_over_first(shop: Office, world: World) -> None:
    await shop.run("deploy parse")
    await hand_over(shop, world)
    plan = await shop.plan("scale mongodb 1")
    assert "is the primary; it hands over before it leaves" in plan.warnings[-1]
    result, _ = await shop.run("scale mongodb 1", plan)
    assert await members(shop, world) == ["parse-mongodb-0"]
    assert len(result.members) == 2


@pytest.mark.helm
async def test_to_zero_is_typed_and_from_zero_the_members_come_back(
    shop: Office, world: World
) -> None:
    await shop.run("deploy parse")
    plan = await shop.plan("scale mongodb 0")
    assert (plan.weight, plan.typed) == (Weight.TYPE, "parse-mongodb")
    await shop.run("scale mongodb 0", plan)
    assert await replicas(world, STATEFUL_SET, "parse", "parse-mongodb") == 0
    await shop.run("scale mongodb 2")
    assert await members(shop, world) == ["parse-mongodb-0", "parse-mongodb-1"]
    with pytest.raises(Refused, match="at most 7"):
        await shop.plan("scale mongodb 9")


@pytest.mark.helm
async def test_an_app_with_several_workloads_lists_them(shop: Office) -> None:
    await shop.run("deploy parse")
    with pytest.raises(UsageError) as told:
        await shop.plan("scale parse 3")
    assert "statefulset/parse-mongodb (mongodb)" in told.value.what
    assert "deployment/parse-server (server)" in told.value.what


async def test_a_raw_workload_scales_in_its_namespace(shop: Office, world: World) -> None:
    await world.apply(namespace("web"), deployment("front", "web", 2))
    await world.settled("web", "Deployment", "front")
    with pytest.raises(UsageError) as told:
        await shop.plan("scale deployment/nope 3 -n web")
    assert "There are front" in told.value.hint
    with pytest.raises(UsageError, match="deployment/front --namespace web"):
        await _plan_anywhere(shop, "scale front 3 --namespace web")
    result, _ = await shop.run("scale deployment/front 3 -n web")
    assert (result.before, result.after) == (2, 3)
    assert await replicas(world, DEPLOYMENT, "web", "front") == 3
    assert (await shop.plan("scale deployment/front 3 -n web")).nothing


async def _plan_anywhere(shop: Office, line: str) -> None:
    """Plans as in a cluster whose apps live in several namespaces."""
    apps = dict(shop.config.apps)
    apps["other"] = apps["parse"].model_copy(update={"namespace": "other", "aliases": {}})
    old, shop.config = shop.config, shop.config.model_copy(update={"apps": apps})
    try:
        await shop.plan(line.replace(" --namespace web", ""))
    finally:
        shop.config = old


async def test_an_autoscaler_gets_other_bounds_instead(shop: Office, world: World) -> None:
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "front", "namespace": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "front"},
            "minReplicas": 2,
            "maxReplicas": 4,
        },
    }
    await world.apply(namespace("web"), deployment("front", "web", 2), scaler)
    await world.settled("web", "Deployment", "front")
    plan = await shop.plan("scale deployment/front 6 -n web")
    assert "minimum is changed" in plan.warnings[-1]
    _, document = await shop.run("scale deployment/front 6 -n web", plan)
    spec = (await world.kube.get(HORIZONTAL_POD_AUTOSCALER, "web", "front"))["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (6, 6)
    assert "6 to 6 pods" in text_of(document)


async def test_a_restart_replaces_every_pod_and_marks_its_operation(
    shop: Office, world: World
) -> None:
    await world.apply(namespace("web"), deployment("front", "web", 2))
    await world.settled("web", "Deployment", "front")
    before = await world.kube.get(DEPLOYMENT, "web", "front")
    _, document = await shop.run("restart deployment/front -n web", request_id="0123456789abcd")
    after = await world.kube.get(DEPLOYMENT, "web", "front")
    marks = after["spec"]["template"]["metadata"]["annotations"]
    assert marks[MARK] == "0123456789abcd"
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert after["status"]["readyReplicas"] == after["status"]["updatedReplicas"] == 2
    assert document.headline == "Restarted deployment/front"


async def test_what_cannot_be_restarted_is_said(shop: Office, world: World) -> None:
    await world.apply(
        namespace("web"),
        deployment("held", "web", paused=True),
        deployment("empty", "web", 0),
    )
    with pytest.raises(Refused, match="is paused"):
        await shop.plan("restart deployment/held -n web")
    assert (await shop.plan("restart deployment/empty -n web")).nothing


async def test_a_workloads_trouble_is_told_in_words(shop: Office, world: World) -> None:
    sick = deployment("sick", "web")
    sick["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx:does-not-exist"
    await world.apply(namespace("web"), deployment("front", "web", 2), sick)
    await world.settled("web", "Deployment", "front")
    result, document = await shop.read("status deployment/front -n web")
    assert document.headline == "deployment/front: 2 of 2 pods ready on main"
    assert result.states[0].parts[0].image == "nginx:1"
    result, document = await shop.read("status sick -n web")
    assert "pull image nginx:does-not-exist" in text_of(document)


async def test_a_daemonset_restarts_and_has_no_size(shop: Office, world: World) -> None:
    agent = deployment("agent", "web")
    agent["kind"] = "DaemonSet"
    del agent["spec"]["replicas"]
    await world.apply(namespace("web"), agent)
    await world.settled("web", "DaemonSet", "agent")
    _, document = await shop.run("restart daemonset/agent -n web")
    assert document.headline == "Restarted daemonset/agent"
    with pytest.raises(UsageError, match="no workloads with a size"):
        await shop.plan("scale daemonset/agent 3 -n web")


@pytest.mark.helm
async def test_an_app_restarts_with_all_its_workloads(shop: Office) -> None:
    await shop.run("deploy parse")
    plan = await shop.plan("restart parse")
    assert [path for _, path, _ in plan.facts["workloads"]] == ["parse-server", "parse-mongodb"]
    result, _ = await shop.run("restart parse", plan)
    assert len(result.workloads) == 2


async def test_status_of_all_apps_asks_for_no_pods(shop: Office, world: World) -> None:
    await world.apply(namespace("parse"), namespace("web"), deployment("many", "web", 300))
    await world.settled("web", "Deployment", "many")
    world.server.faults.add(Fault(code=500, times=None, path="*/pods*"))
    _, document = await shop.read("status")
    assert document.headline == "1 app on main, no trouble"


async def test_an_overview_needs_no_right_on_all_namespaces(shop: Office, world: World) -> None:
    await shop.run("deploy parse")
    world.server.faults.add(Fault(code=403, times=None, path="/api/v1/secrets*"))
    for words in ("status", "apps"):
        _, document = await shop.read(words)
        assert "deployed" in text_of(document)


async def test_a_namespace_that_cannot_be_read_is_trouble_of_its_apps(
    shop: Office, world: World
) -> None:
    await shop.run("deploy parse")
    world.server.faults.add(Fault(code=403, times=None, path="*/namespaces/parse/secrets*"))
    _, document = await shop.read("status")
    assert document.headline == "Trouble on main: parse"
    assert "does not allow" in text_of(document)
    _, document = await shop.read("apps")
    assert "does not allow" in text_of(document)
