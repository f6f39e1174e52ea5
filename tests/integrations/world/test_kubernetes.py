"""The client, watch and following on a practice cluster that lives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from integrations.kubernetes import errors
from integrations.kubernetes.follow import Target, follow_workloads
from integrations.kubernetes.kinds import CONFIG_MAP, DEPLOYMENT, POD, STATEFUL_SET
from integrations.kubernetes.watch import watch
from sandbox.kube.faults import Fault
from tests.integrations.world.conftest import Cluster

NS = "default"


def workload(kind: str, name: str = "app", replicas: int = 2, image: str = "a:1") -> dict[str, Any]:
    spec: dict[str, Any] = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "main", "image": image}]},
        },
    }
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


async def started(cluster: Cluster, kind: str, replicas: int = 2) -> Target:
    resource = DEPLOYMENT if kind == "Deployment" else STATEFUL_SET
    await cluster.client.create(resource, NS, workload(kind, replicas=replicas))
    target = Target(kind, "app", generation=1)
    result = await follow_workloads(cluster.client, NS, [target], timeout=20)
    assert result.ok, result.message
    return target


async def test_reads(cluster: Cluster) -> None:
    await started(cluster, "Deployment")
    assert (await cluster.client.version()).startswith("v1.")
    table = await cluster.client.table(POD, metadata=True)
    assert table.columns[0] == "Name"
    assert len(table.rows) == 2
    assert table.rows[0].namespace == NS
    found = await cluster.client.list(POD, NS, labels={"app": "app"})
    assert {i["metadata"]["name"] for i in found.items} == {r.name for r in table.rows}
    assert (await cluster.client.list(POD, NS, labels={"app": "other"})).items == []
    assert (await cluster.client.can_i("get", POD, NS)).allowed
    with pytest.raises(errors.NotFound):
        await cluster.client.get(POD, NS, "absent")


async def test_long_lists_are_paged(cluster: Cluster) -> None:
    for number in range(501):
        await cluster.client.create(
            CONFIG_MAP, NS, {"metadata": {"name": f"c-{number}", "labels": {"many": "yes"}}}
        )
    assert len((await cluster.client.list(CONFIG_MAP, NS, labels={"many": "yes"})).items) == 501


async def test_patches(cluster: Cluster) -> None:
    await started(cluster, "Deployment")
    client = cluster.client

    async def image() -> str:
        found = await client.get(DEPLOYMENT, NS, "app")
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"])

    containers = [{"name": "main", "image": "a:2"}]
    strategic = {"spec": {"template": {"spec": {"containers": containers}}}}
    dry = await client.patch(DEPLOYMENT, NS, "app", strategic, type="strategic", dry_run=True)
    assert dry["spec"]["template"]["spec"]["containers"][0]["image"] == "a:2"
    assert await image() == "a:1"
    await client.patch(DEPLOYMENT, NS, "app", strategic, type="strategic")
    assert await image() == "a:2"
    path = "/spec/template/spec/containers/0/image"
    await client.patch(
        DEPLOYMENT, NS, "app", [{"op": "replace", "path": path, "value": "a:3"}], type="json"
    )
    assert await image() == "a:3"
    await client.patch(DEPLOYMENT, NS, "app", {"metadata": {"labels": {"x": "y"}}})
    assert (await client.get(DEPLOYMENT, NS, "app"))["metadata"]["labels"] == {"x": "y"}


async def test_a_field_of_another_manager_is_not_taken(cluster: Cluster) -> None:
    mine = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "one"}}
    await cluster.client.create(CONFIG_MAP, NS, {**mine, "metadata": {"name": "c"}})
    cluster_patch = {**mine, "data": {"key": "two"}}
    # Creating was an Update by the same manager name, which still is another manager entry.
    with pytest.raises(errors.Conflict) as caught:
        await cluster.client.patch(CONFIG_MAP, NS, "c", cluster_patch, type="apply")
    assert caught.value.manager
    forced = await cluster.client.patch(
        CONFIG_MAP, NS, "c", cluster_patch, type="apply", force=True
    )
    assert forced["data"] == {"key": "two"}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
@pytest.mark.parametrize("wanted", [1, 3])
async def test_scaling_is_followed(cluster: Cluster, kind: str, wanted: int) -> None:
    target = await started(cluster, kind)
    resource = DEPLOYMENT if kind == "Deployment" else STATEFUL_SET
    await cluster.client.set_scale(resource, NS, "app", wanted)
    assert (await cluster.client.scale(resource, NS, "app")).wanted == wanted
    generation = (await cluster.client.get(resource, NS, "app"))["metadata"]["generation"]
    target = Target(kind, "app", generation=generation)
    result = await follow_workloads(cluster.client, NS, [target], timeout=20)
    assert result.ok, result.message
    pods = (await cluster.client.list(POD, NS)).items
    assert len([p for p in pods if not p["metadata"].get("deletionTimestamp")]) == wanted


def _ready(pods: list[dict[str, Any]]) -> int:
    return sum(
        any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"]["conditions"])
        for p in pods
    )


async def test_a_restart_is_not_done_before_its_last_pod(cluster: Cluster) -> None:
    target = await started(cluster, "StatefulSet", replicas=3)
    before = {p["metadata"]["uid"] for p in (await cluster.client.list(POD, NS)).items}
    stamp = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    body = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    patched = await cluster.client.patch(STATEFUL_SET, NS, "app", body, type="strategic")
    target = Target(target.kind, target.name, patched["metadata"]["generation"])
    result = await follow_workloads(cluster.client, NS, [target], timeout=20)
    assert result.ok, result.message
    pods = (await cluster.client.list(POD, NS)).items
    assert not before & {p["metadata"]["uid"] for p in pods}
    assert _ready(pods) == 3


async def test_success_is_told_within_300_ms_of_the_last_readiness(cluster: Cluster) -> None:
    await cluster.client.create(DEPLOYMENT, NS, workload("Deployment", replicas=5))
    ready_at: list[float] = []

    async def observe() -> None:
        async with aclosing(watch(cluster.client, DEPLOYMENT, namespace=NS).events()) as events:
            async for event in events:
                if (event.object.get("status") or {}).get("availableReplicas") == 5:
                    ready_at.append(time.monotonic())
                    return

    observer = asyncio.create_task(observe())
    target = Target("Deployment", "app", 1)
    assert (await follow_workloads(cluster.client, NS, [target], timeout=20)).ok
    told = time.monotonic()
    await observer
    assert told - ready_at[0] < 0.3


async def test_following_survives_dropped_watches(cluster: Cluster) -> None:
    cluster.controllers.world.slow("slow:*", 0.5)
    await cluster.client.create(DEPLOYMENT, NS, workload("Deployment", image="slow:1"))
    pictures: list[Any] = []
    task = asyncio.create_task(
        follow_workloads(
            cluster.client, NS, [Target("Deployment", "app", 1)], timeout=20,
            on_change=pictures.append,
        )
    )  # fmt: skip
    async with asyncio.timeout(10):
        while not pictures:
            await asyncio.sleep(0.01)
    assert cluster.server.drop_watches()
    assert (await task).ok


async def test_a_crash_loop_is_told(cluster: Cluster) -> None:
    # Never ready in between: without a probe kubectl, too, would call the first run a success.
    cluster.controllers.world.slow("app:crash", 60)
    await cluster.client.create(DEPLOYMENT, NS, workload("Deployment", image="app:crash"))
    result = await follow_workloads(
        cluster.client, NS, [Target("Deployment", "app", 1)], timeout=40
    )
    assert not result.ok
    assert not result.timed_out
    assert result.problems[0].reason == "CrashLoopBackOff"


async def test_faults_of_the_api_are_borne_by_reads(cluster: Cluster) -> None:
    cluster.faults.add(Fault(503, times=2, method="GET"))
    assert (await cluster.client.list(POD, NS)).items == []


async def _collect(cluster: Cluster, enough: Callable[[list[str]], bool]) -> list[str]:
    seen: list[str] = []
    async with (
        asyncio.timeout(15),
        aclosing(watch(cluster.client, CONFIG_MAP, namespace=NS).events()) as events,
    ):
        async for event in events:
            seen.append(f"{event.type} {event.object.get('metadata', {}).get('name', '')}".strip())
            if enough(seen):
                break
    return seen


async def test_no_change_is_missed_over_a_dropped_watch(cluster: Cluster) -> None:
    client = cluster.client
    await client.create(CONFIG_MAP, NS, {"metadata": {"name": "one"}})
    task = asyncio.create_task(_collect(cluster, lambda seen: "DELETED one" in seen))
    await client.create(CONFIG_MAP, NS, {"metadata": {"name": "two"}})
    cluster.server.drop_watches()
    await client.delete(CONFIG_MAP, NS, "one")
    seen = await task
    assert seen.count("ADDED two") <= 1
    assert seen[-1] == "DELETED one"
