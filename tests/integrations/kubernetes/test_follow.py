"""Following workloads against a server that plays a roll-out's events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from integrations.kubernetes import errors
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.follow import (
    FollowResult,
    Target,
    WorkloadState,
    follow_workloads,
    workload_targets,
)
from tests.integrations.kubernetes.conftest import Api

Object = dict[str, Any]


class World:
    """Objects by plural, whose changes reach the open watches at once."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Object]] = {}
        self.version = 0
        self._queues: dict[str, list[asyncio.Queue[Object]]] = {}
        self.watching = asyncio.Event()
        self.expected_watches = 3

    def put(self, plural: str, item: Object) -> None:
        self.version += 1
        name = item["metadata"]["name"]
        known = self.objects.setdefault(plural, {})
        kind = "MODIFIED" if name in known else "ADDED"
        item = json.loads(json.dumps(item))
        item["metadata"]["resourceVersion"] = str(self.version)
        known[name] = item
        for queue in self._queues.get(plural, []):
            queue.put_nowait({"type": kind, "object": item})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        plural = request.path.rsplit("/", 1)[-1]
        if "watch" not in request.query:
            return web.json_response(
                {
                    "metadata": {"resourceVersion": str(self.version)},
                    "items": list(self.objects.get(plural, {}).values()),
                }
            )
        queue: asyncio.Queue[Object] = asyncio.Queue()
        self._queues.setdefault(plural, []).append(queue)
        if sum(map(len, self._queues.values())) >= self.expected_watches:
            self.watching.set()
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(json.dumps(await queue.get()).encode() + b"\n")


@pytest.fixture
def world(api: Api) -> World:
    world = World()
    api.will(world.answer)
    return world


def deployment(generation: int, observed: int, ready: int, *, revision: str = "1") -> Object:
    return {
        "kind": "Deployment",
        "metadata": {
            "name": "server",
            "uid": "d",
            "generation": generation,
            "annotations": {"deployment.kubernetes.io/revision": revision},
        },
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "server"}}},
        "status": {
            "observedGeneration": observed,
            "replicas": 2,
            "updatedReplicas": 2,
            "availableReplicas": ready,
            "readyReplicas": ready,
        },
    }


def replica_set(revision: str) -> Object:
    return {
        "metadata": {
            "name": f"server-{revision}",
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "labels": {"pod-template-hash": revision},
            "ownerReferences": [{"uid": "d"}],
        }
    }


def broken_pod(revision: str, reason: str = "ImagePullBackOff", restarts: int = 0) -> Object:
    container = {
        "name": "main",
        "image": "x:bad",
        "restartCount": restarts,
        "state": {"waiting": {"reason": reason}},
    }
    return {
        "metadata": {
            "name": f"server-{revision}-x",
            "labels": {"app": "server", "pod-template-hash": revision},
        },
        "status": {"phase": "Pending", "containerStatuses": [container]},
    }


TARGET = Target("Deployment", "server")


def following(
    client: KubeClient, target: Target = TARGET, timeout: float = 5.0, **more: Any
) -> asyncio.Task[FollowResult]:
    return asyncio.create_task(follow_workloads(client, "parse", [target], timeout=timeout, **more))


async def test_success_is_told_by_the_event_that_makes_it(world: World, client: KubeClient) -> None:
    world.put("deployments", deployment(2, 1, 2))
    pictures: list[tuple[WorkloadState, ...]] = []
    task = following(client, on_change=pictures.append)
    await world.watching.wait()
    world.put("deployments", deployment(2, 2, 1))
    world.put("deployments", deployment(2, 2, 2))
    started = time.monotonic()
    result = await task
    assert time.monotonic() - started < 0.3
    assert result.ok
    assert not result.message
    done = [p[0].rollout.done for p in pictures if p[0].rollout]
    assert done == [False] * (len(done) - 1) + [True]
    assert pictures[0][0].rollout is not None
    assert "noticed" in pictures[0][0].rollout.message


async def test_events_that_come_together_are_judged_together(
    world: World, client: KubeClient
) -> None:
    world.put("deployments", deployment(2, 2, 1))
    pictures: list[tuple[WorkloadState, ...]] = []
    task = following(client, on_change=pictures.append)
    await world.watching.wait()
    for ready in [0, 1] * 25 + [2]:
        world.put("deployments", deployment(2, 2, ready))
    assert (await task).ok
    assert 2 <= len(pictures) < 25


async def test_what_is_shown_may_fail_and_is_not_swallowed(
    world: World, client: KubeClient
) -> None:
    def broken(states: tuple[WorkloadState, ...]) -> None:
        raise LookupError("no such message")

    world.put("deployments", deployment(2, 1, 2))
    with pytest.raises(LookupError):
        await following(client, on_change=broken)


async def test_what_is_ready_already_is_done_at_once(world: World, client: KubeClient) -> None:
    world.put("deployments", deployment(2, 2, 2))
    assert (await following(client)).ok


async def test_an_older_picture_than_the_change_is_not_believed(
    world: World, client: KubeClient
) -> None:
    # The list comes from before the patch, which made generation 3.
    world.put("deployments", deployment(2, 2, 2))
    task = following(client, Target("Deployment", "server", generation=3))
    await world.watching.wait()
    assert not task.done()
    world.put("deployments", deployment(3, 2, 2))
    world.put("deployments", deployment(3, 3, 2))
    assert (await task).ok


async def test_an_image_that_cannot_be_pulled_fails_at_once(
    world: World, client: KubeClient
) -> None:
    world.put("deployments", deployment(2, 2, 1))
    world.put("replicasets", replica_set("1"))
    task = following(client)
    await world.watching.wait()
    world.put("pods", broken_pod("1"))
    result = await task
    assert not result.ok
    assert not result.timed_out
    assert "x:bad" in result.message
    assert result.problems[0].reason == "ImagePullBackOff"


async def test_a_broken_pod_of_the_old_revision_does_not_fail_the_new_one(
    world: World, client: KubeClient
) -> None:
    world.put("deployments", deployment(3, 3, 1, revision="2"))
    world.put("replicasets", replica_set("1"))
    world.put("replicasets", replica_set("2"))
    world.put("pods", broken_pod("1", "CrashLoopBackOff", 9))
    task = following(client)
    await world.watching.wait()
    world.put("pods", broken_pod("1", "CrashLoopBackOff", 10))
    world.put("deployments", deployment(3, 3, 2, revision="2"))
    assert (await task).ok


async def test_a_broken_pod_does_not_count_before_the_change_is_observed(
    world: World, client: KubeClient
) -> None:
    # Revision 1 is broken; the change that mends it is not yet seen by the controller.
    world.put("deployments", deployment(3, 2, 1, revision="1"))
    world.put("replicasets", replica_set("1"))
    world.put("pods", broken_pod("1"))
    task = following(client)
    await world.watching.wait()
    assert not task.done()
    world.put("deployments", deployment(3, 3, 2, revision="2"))
    assert (await task).ok


async def test_crashes_are_fatal_only_after_three(world: World, client: KubeClient) -> None:
    world.put("deployments", deployment(2, 2, 1))
    world.put("replicasets", replica_set("1"))
    seen = asyncio.Event()

    def on_change(states: tuple[WorkloadState, ...]) -> None:
        if states[0].problems:
            seen.set()

    task = following(client, on_change=on_change)
    await world.watching.wait()
    world.put("pods", broken_pod("1", "CrashLoopBackOff", 2))
    await seen.wait()
    assert not task.done()
    world.put("pods", broken_pod("1", "CrashLoopBackOff", 3))
    assert "3 times" in (await task).message


async def test_time_being_up_is_a_result_with_words(world: World, client: KubeClient) -> None:
    world.put("deployments", deployment(2, 2, 1))
    result = await following(client, timeout=0.3)
    assert result.timed_out
    assert not result.ok
    assert "Deployment server: 1 of 2" in result.message


async def test_losing_the_cluster_is_said_when_time_is_up(
    world: World, api: Api, client: KubeClient
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    api.handlers[:] = [refuse]
    result = await following(client, timeout=0.5)
    assert result.timed_out
    assert "unknown" in result.message
    assert "Cluster test" in result.message


async def test_a_workload_that_is_not_there_fails(world: World, client: KubeClient) -> None:
    result = await following(client)
    assert not result.ok
    assert "does not exist" in result.message


async def test_a_surplus_pod_of_a_stateful_set_is_waited_for(
    world: World, client: KubeClient
) -> None:
    def database(present: int) -> Object:
        same = {"currentRevision": "a", "updateRevision": "a"}
        return {
            "kind": "StatefulSet",
            "metadata": {"name": "db", "generation": 2},
            "spec": {"replicas": 2},
            "status": {
                "observedGeneration": 2,
                "replicas": present,
                "readyReplicas": present,
                **same,
            },
        }

    world.expected_watches = 2
    world.put("statefulsets", database(3))
    task = following(client, Target("StatefulSet", "db"))
    await world.watching.wait()
    assert not task.done()
    world.put("statefulsets", database(2))
    assert (await task).ok


async def test_a_missing_right_is_an_error(api: Api, client: KubeClient) -> None:
    async def forbidden(_: web.Request) -> web.Response:
        return web.json_response({"kind": "Status", "message": "no"}, status=403)

    api.will(forbidden)
    with pytest.raises(errors.Forbidden):
        await following(client)


async def test_nothing_to_follow_is_a_success(client: KubeClient) -> None:
    assert (await follow_workloads(client, "parse", [], timeout=1)).ok


def test_targets_of_a_manifest() -> None:
    def named(version: str, kind: str, name: str) -> Mapping[str, Any]:
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}

    objects = [
        named("v1", "Service", "s"),
        named("apps/v1", "StatefulSet", "db"),
        named("batch/v1", "Job", "j"),
        named("apps/v1", "Deployment", "server"),
    ]
    assert workload_targets(objects) == [Target("StatefulSet", "db"), TARGET]
