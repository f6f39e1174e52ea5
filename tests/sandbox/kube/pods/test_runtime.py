"""Logs, commands and evictions as the API server asks for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.kube.errors import ApiError
from sandbox.kube.resources import CONFIGMAPS, PODS, SERVICES

from ..living import Cluster, Json, ready, waiting


def pod(name: str = "one", image: str = "nginx:1", **container: Any) -> Json:
    return {
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {"containers": [{"name": "app", "image": image, **container}]},
    }


async def started(cluster: Cluster, body: Json) -> Json:
    name = body["metadata"]["name"]
    cluster.store.create(PODS, body)
    await cluster.until(lambda: (p := cluster.get(PODS, name)) and ready(p))
    found = cluster.get(PODS, name)
    assert found is not None
    return found


async def logs(cluster: Cluster, of: Json, **options: Any) -> list[str]:
    wanted = {
        "follow": False,
        "tail_lines": None,
        "since_seconds": None,
        "timestamps": False,
        "previous": False,
        **options,
    }
    parts = [part async for part in cluster.runtime.logs(of, "app", **wanted)]
    return b"".join(parts).decode().splitlines()


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("nginx:1", "start worker processes"),
        ("parseplatform/parse-server:8.6.0", "parse-server running on"),
        ("mongo:8", "Waiting for connections"),
        ("something:1", "app started (something:1)"),
    ],
)
async def test_every_image_has_its_own_log(cluster: Cluster, image: str, says: str) -> None:
    found = await started(cluster, pod(image=image))
    lines = await logs(cluster, found)
    assert any(says in line for line in lines)
    assert await logs(cluster, found, tail_lines=1) == lines[-1:]
    assert (await logs(cluster, found, timestamps=True))[0].endswith(lines[0])
    for line in lines:
        assert not line.startswith("{") or json.loads(line)


async def test_a_log_grows_with_time_and_does_not_change(cluster: Cluster) -> None:
    found = await started(cluster, pod())
    running = found["status"]["containerStatuses"][0]["state"]["running"]
    running["startedAt"] = "2026-01-01T00:00:00Z"
    first = await logs(cluster, found, tail_lines=50)
    assert len(first) == 50
    assert first[:40] == (await logs(cluster, found, tail_lines=50))[:40]
    assert len(await logs(cluster, found, since_seconds=60)) in (5, 6, 7)


async def test_a_crashed_container_has_a_previous_log(cluster: Cluster) -> None:
    cluster.store.create(PODS, pod(image="app:crash"))
    found = await cluster.until(
        lambda: (p := cluster.get(PODS, "one")) and waiting(p) == "CrashLoopBackOff" and p
    )
    assert (await logs(cluster, found, previous=True))[-1] == "exit status 1"
    healthy = await started(cluster, pod("two"))
    with pytest.raises(ApiError) as error:
        await logs(cluster, healthy, previous=True)
    assert error.value.message == 'previous terminated container "app" in pod "two" not found'


async def test_a_container_that_has_not_started_has_no_log(cluster: Cluster) -> None:
    cluster.store.create(PODS, pod(image="nginx:broken"))
    found = await cluster.until(
        lambda: (p := cluster.get(PODS, "one")) and waiting(p) == "ImagePullBackOff" and p
    )
    with pytest.raises(ApiError) as error:
        await logs(cluster, found)
    assert error.value.code == 400
    assert "trying and failing to pull image" in error.value.message
    with pytest.raises(ApiError, match="container not found"):
        await cluster.runtime.exec(found, "app", ["true"], None)


async def test_the_log_of_a_program_is_what_it_wrote(cluster: Cluster) -> None:
    body = pod(command=["sh", "-c", "echo done"])
    body["spec"]["restartPolicy"] = "Never"
    cluster.store.create(PODS, body)
    found = await cluster.until(
        lambda: (p := cluster.get(PODS, "one")) and p["status"].get("phase") == "Succeeded" and p
    )
    assert await logs(cluster, found) == ["done"]


@pytest.mark.parametrize(
    ("command", "out", "code"),
    [
        (["echo", "hi"], "hi\n", 0),
        (["sh", "-c", "echo 'a b'"], "a b\n", 0),
        (["printenv", "COLOUR"], "red one\n", 0),
        (["printenv", "NOTHING"], "", 1),
        (["hostname"], "one\n", 0),
        (["cat", "/etc/app/name"], "practice", 0),
        (["cat", "/nowhere"], "", 1),
        (["false"], "", 1),
        (["nonsense"], "", 127),
        (["sh", "-c", "ls | wc -l"], "", 126),
        (["sh", "-c", "echo $COLOUR"], "", 126),
        (["wget", "-qO-", "http://self:80/"], "ok\n", 0),
        (["wget", "-qO-", "http://nobody:80/"], "", 1),
        (["curl", "http://empty"], "", 7),
        (["curl", "http://nobody"], "", 6),
    ],
)
async def test_commands(cluster: Cluster, command: list[str], out: str, code: int) -> None:
    meta = {"namespace": "default"}
    cluster.store.create(
        CONFIGMAPS, {"metadata": {"name": "c", **meta}, "data": {"name": "practice"}}
    )
    for name, app in (("self", "one"), ("empty", "zero")):
        spec = {"selector": {"app": app}, "ports": [{"port": 80}]}
        cluster.store.create(SERVICES, {"metadata": {"name": name, **meta}, "spec": spec})
    env = [{"name": "KIND", "value": "one"}, {"name": "COLOUR", "value": "red $(KIND)"}]
    body = pod(env=env, volumeMounts=[{"name": "v", "mountPath": "/etc/app"}])
    body["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "c"}}]
    found = await started(cluster, body)
    result = await cluster.runtime.exec(found, "app", command, None)
    assert (result.stdout.decode(), result.exit_code) == (out, code)
    assert bool(result.stderr) == (
        code not in (0, 1) or (command[0] in ("cat", "wget") and code == 1)
    )


async def test_input_is_passed_on(cluster: Cluster) -> None:
    found = await started(cluster, pod())
    assert (await cluster.runtime.exec(found, "app", ["cat"], b"text")).stdout == b"text"


async def test_a_test_pod_does_not_answer_for_the_service_it_tests(cluster: Cluster) -> None:
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}
    meta = {"name": "web", "namespace": "default"}
    cluster.store.create(SERVICES, {"metadata": meta, "spec": spec})

    async def outcome(name: str) -> str:
        body = pod(name, "busybox", command=["wget"], args=["web:80"])
        body["metadata"]["labels"] = {"app": "web"}
        body["spec"]["restartPolicy"] = "Never"
        cluster.store.create(PODS, body)
        found = await cluster.until(
            lambda: (
                (p := cluster.get(PODS, name))
                and p["status"].get("phase") in ("Succeeded", "Failed")
                and p
            )
        )
        return str(found["status"]["phase"])

    assert await outcome("first") == "Failed"
    await started(cluster, pod("web", ports=[{"name": "http", "containerPort": 8080}]))
    assert await outcome("second") == "Succeeded"
