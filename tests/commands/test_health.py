"""`health`: words for the control plane, nodes, pods and warnings, without Prometheus."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bot.clock import now
from bot.health import Finding, of_nodes, picture
from bot.render.document import Image, Note, Table, Title
from commands.health import Health, headline
from integrations.kubernetes.health import node_state
from integrations.kubernetes.kinds import EVENT, NODE
from sandbox.kube.faults import Fault
from sandbox.kube.resources import NODES
from tests.commands.conftest import Office
from tests.commands.world import World, deployment, namespace


@pytest.fixture
async def well(shop: Office, world: World) -> Office:
    """Commands whose clock is the cluster's, and one app that runs."""
    shop.now = now()
    await world.apply(namespace("parse"), deployment("web", "parse", 2))
    await world.settled("parse", "Deployment", "web")
    return shop


async def event(world: World, reason: str, name: str, ago: float, times: int = 1) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": "e-", "namespace": "parse"},
        "involvedObject": {"kind": "Pod", "name": name, "namespace": "parse"},
        "type": "Warning",
        "reason": reason,
        "message": f"{reason} of {name}",
        "count": times,
        "lastTimestamp": at,
    }
    await world.kube.create(EVENT, "parse", body)


def said(result: Health) -> str:
    return "\n".join(f"{f.part}: {f.text}" for f in result.findings)


async def test_a_cluster_that_is_well_is_said_to_be(well: Office) -> None:
    result, document = await well.read("health")
    assert headline(result) == "main is well"
    assert document.elements[0] == Title("main is well", "good")
    assert "v1.35.4, ready, answers in" in said(result)
    assert "all ready" in said(result)
    assert "2 pods, all well." in said(result)
    assert not [e for e in document.elements if isinstance(e, Note | Image)]


async def test_checks_of_the_api_server_that_fail_are_named(well: Office, world: World) -> None:
    world.server.faults.checks |= {"etcd", "informer-sync"}
    result, document = await well.read("health")
    assert "etcd and informer-sync failed" in said(result)
    assert "should be restarted" in said(result)
    assert document.headline == "main: the API server is not ready"


async def test_an_api_server_that_does_not_answer_is_the_answer(well: Office, world: World) -> None:
    await world.server.close()
    result, document = await well.read("health")
    assert document.headline == "main: the API server does not answer"
    assert result.tone == "bad"
    assert len(result.findings) == 1


async def test_nodes_that_are_away_or_cordoned_are_named(well: Office, world: World) -> None:
    first, second, *_ = sorted(n["metadata"]["name"] for n in world.store.list(NODES))
    await world.kube.patch(NODE, None, second, {"spec": {"unschedulable": True}})
    world.controllers.world.node_down(first)
    result, document = await well.read("health")
    assert f"Node: {first} is not ready: Kubelet stopped posting node status." in said(result)
    assert f"{second} is cordoned" in said(result)
    assert "2 ready" in said(result)
    assert "1 node not ready" in document.headline
    assert result.tone == "bad"


def test_a_node_under_pressure_is_told_with_what_it_lacks() -> None:
    ready = {"type": "Ready", "status": "True"}
    conditions = [ready, {"type": "DiskPressure", "status": "True"}]
    conditions.append({"type": "MemoryPressure", "status": "False"})
    status = {"conditions": conditions, "allocatable": {"pods": "10"}}
    state = node_state({"metadata": {"name": "w1"}, "status": status})
    told = [*of_nodes((state,))]
    assert told[0] == Finding("Node", "w1 is short of disk space.", "bad")
    assert told[-1].brief == "1 node under pressure"
    [bar] = picture("", (state,), {"w1": 5}).bars
    assert (bar.share, bar.tone) == (0.5, "bad")
    assert bar.text == "ready, short of disk space, 5 of 10 pods"
    new = node_state({"metadata": {"name": "w2"}})
    assert (new.ready, new.room) == (False, 0)
    assert [f.brief for f in of_nodes(())] == ["no nodes"]


async def test_pods_that_are_not_well_are_told_by_their_cause(well: Office, world: World) -> None:
    world.controllers.world.fail_image("example.org/none*")
    for name in ("bad", "worse"):
        body = deployment(name, "parse")
        body["spec"]["template"]["spec"]["containers"][0]["image"] = "example.org/none:missing"
        await world.apply(body)
    deadline = time.monotonic() + 10
    while True:
        result, document = await well.read("health")
        if "So is it with" in said(result):
            break
        assert time.monotonic() < deadline, said(result)
    assert "in parse, bad-" in said(result) or "in parse, worse-" in said(result)
    assert "pull image example.org/none:missing: the registry has no such image" in said(result)
    assert "2 pods not well" in document.headline
    assert "4 pods, 2 well." in said(result)


async def test_a_pod_that_is_not_ready_is_starting_while_it_is_new(
    well: Office, world: World
) -> None:
    world.controllers.world.never_ready("example.org/slow*")
    body = deployment("slow", "parse")
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "example.org/slow:1"
    await world.apply(body)
    deadline = time.monotonic() + 10
    while "3 pods" not in said((await well.read("health"))[0]):
        assert time.monotonic() < deadline
    new, document = await well.read("health")
    assert "3 pods, 2 well, 1 starting." in said(new)
    assert document.headline == "main is well"
    well.now += 600_000_000
    while "is not ready" not in said((await well.read("health"))[0]):
        assert time.monotonic() < deadline
    later, document = await well.read("health")
    assert "starting" not in said(later)
    assert document.headline == "main: 1 pod not well"


async def test_warnings_of_the_last_hour_are_grouped(well: Office, world: World) -> None:
    await event(world, "BackOff", "web-1", 60, times=7)
    await event(world, "BackOff", "web-2", 30)
    await event(world, "Unhealthy", "web-1", 20)
    await event(world, "FailedMount", "web-9", 7200)
    result, document = await well.read("health")
    groups = {w.reason: w for w in result.warnings}
    assert "FailedMount" not in groups
    assert groups["BackOff"].times == 8
    assert groups["BackOff"].objects == ("Pod parse/web-2", "Pod parse/web-1")
    assert groups["BackOff"].message == "BackOff of web-2"
    table = next(e for e in document.elements if isinstance(e, Table))
    assert table.rows[0][:2] == ("8", "BackOff")


async def test_what_cannot_be_read_does_not_keep_from_the_rest(well: Office, world: World) -> None:
    world.server.faults.add(Fault(403, None, path="/api/v1/nodes"))
    result, document = await well.read("health")
    assert "Nodes: cannot be looked at" in said(result)
    assert document.headline == "main: nodes unknown"
    assert "2 pods, all well" in said(result)


async def test_a_picture_shows_the_nodes_in_a_channel(well: Office, world: World) -> None:
    drawn: list[Any] = []

    class Hand:
        async def draw(self, picture: Any) -> bytes:
            drawn.append(picture)
            return b"\x89PNG"

    well.artist = Hand()  # type: ignore[assignment]
    command, params, ctx = well.parsed("health", channel="C1")
    result = await command.run(ctx, params)
    image = next(e for e in command.view(result, now()).elements if isinstance(e, Image))
    assert image.png == b"\x89PNG"
    assert image.alt.startswith("main is well.")
    [bars] = drawn
    assert len(bars.bars) == len(world.store.list(NODES))
    assert sum(int(bar.text.split(", ")[-1].split(" of ")[0]) for bar in bars.bars) == 2
