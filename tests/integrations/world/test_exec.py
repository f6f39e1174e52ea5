"""Commands in pods, and a Mongo replica set changed through them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from integrations import mongodb, probes
from integrations.kubernetes.exec import ExecFailed, ExecResult, exec_in_pod
from integrations.kubernetes.follow import Target, follow_workloads
from integrations.kubernetes.kinds import NAMESPACE, SERVICE, STATEFUL_SET
from tests.integrations.world.conftest import Cluster

NS = "parse"
PODS = [f"parse-mongodb-{n}" for n in range(3)]


def host(number: int) -> str:
    return f"parse-mongodb-{number}.parse-mongodb:27017"


@pytest.fixture
async def database(cluster: Cluster) -> Cluster:
    """Three initiated members with a root user, as the chart leaves them."""
    labels = {"app": "mongodb"}
    env = {"MONGO_INITDB_ROOT_USERNAME": "root", "MONGO_INITDB_ROOT_PASSWORD": "pa55w0rd"}
    container = {
        "name": "mongodb",
        "image": "docker.io/library/mongo:8",
        "args": ["--replSet", "rs0", "--keyFile", "/keys/key"],
        "env": [{"name": k, "value": v} for k, v in env.items()],
    }
    await cluster.client.create(NAMESPACE, None, {"metadata": {"name": NS}})
    service = {"clusterIP": "None", "selector": labels, "ports": [{"port": 27017}]}
    await cluster.client.create(
        SERVICE, NS, {"metadata": {"name": "parse-mongodb"}, "spec": service}
    )
    spec: dict[str, Any] = {
        "replicas": 3,
        "serviceName": "parse-mongodb",
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    await cluster.client.create(
        STATEFUL_SET, NS, {"metadata": {"name": "parse-mongodb"}, "spec": spec}
    )
    target = Target("StatefulSet", "parse-mongodb", 1)
    assert (await follow_workloads(cluster.client, NS, [target], timeout=20)).ok
    members = json.dumps([{"_id": n, "host": host(n)} for n in range(3)])
    for script in (
        f'rs.initiate({{"_id":"rs0","members":{members}}})',
        'db.getSiblingDB("admin").createUser({"user":"root","pwd":"pa55w0rd","roles":["root"]})',
    ):
        result = await run(cluster, PODS[0], ["mongosh", "--quiet", "--eval", script])
        assert result.exit_code == 0, result.stderr
    return cluster


async def run(cluster: Cluster, pod: str, command: Sequence[str]) -> ExecResult:
    return await exec_in_pod(cluster.client, NS, pod, "mongodb", command, timeout=10)


def shell(cluster: Cluster) -> mongodb.Exec:
    async def call(pod: str, command: Sequence[str], *, timeout: float) -> ExecResult:
        return await exec_in_pod(cluster.client, NS, pod, "mongodb", command, timeout=timeout)

    return call


async def test_membership_follows_a_scale(database: Cluster) -> None:
    exec_ = shell(database)
    before = await mongodb.status(exec_, PODS)
    assert before.name == "rs0"
    assert {m.host for m in before.members} == {host(0), host(1), host(2)}
    assert before.primary == host(0)

    after = await mongodb.remove_member(exec_, PODS, host(2))
    assert not after.has(host(2))
    assert after.config_version == before.config_version + 1
    assert await mongodb.remove_member(exec_, PODS, host(2)) == after
    assert (await mongodb.add_member(exec_, PODS, host(2))).has(host(2))


async def test_a_leaving_primary_hands_over_first(database: Cluster) -> None:
    exec_ = shell(database)
    after = await mongodb.step_down(exec_, PODS, host(0))
    assert after.primary != host(0)
    assert not (await mongodb.remove_member(exec_, PODS, host(0))).has(host(0))


async def test_commands_end_as_they_end(database: Cluster) -> None:
    missing = await run(database, PODS[0], ["no-such-program"])
    assert missing.exit_code in (126, 127)
    with pytest.raises(ExecFailed, match="no-such-container"):
        await exec_in_pod(database.client, NS, PODS[0], "no-such-container", ["true"])


async def test_probes_of_the_cluster(cluster: Cluster) -> None:
    found = await probes.probe_kubernetes(cluster.client)
    assert found.ok
    assert found.version.startswith("v1.")
    velero = await probes.probe_velero(cluster.client)
    assert not velero.ok
    assert "not installed" in velero.message
