"""The bot's way to a replica set, against the pods of a living cluster."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from integrations import mongodb
from sandbox.kube.controllers import Pace
from sandbox.kube.errors import ApiError
from sandbox.kube.resources import (
    CONFIGMAPS,
    JOBS,
    PERSISTENTVOLUMECLAIMS,
    PODS,
    SECRETS,
    SERVICES,
    STATEFULSETS,
)

from ..living import Cluster, Json, condition, living, ready, statefulset

PODS_NAMED = ["db-0", "db-1", "db-2"]
CREDENTIALS = {"user": "root", "password": "s3cret", "uri": "mongodb://app:pw@db-0.db:27017/app"}


def secret_env(name: str, key: str) -> Json:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": "creds", "key": key}}}


ENV = [
    secret_env("MONGO_INITDB_ROOT_USERNAME", "user"),
    secret_env("MONGO_INITDB_ROOT_PASSWORD", "password"),
]


def mongo(replicas: int = 3) -> Json:
    db = statefulset(replicas=replicas, image="docker.io/library/mongo:8.0")
    db["spec"]["podManagementPolicy"] = "Parallel"
    [container] = db["spec"]["template"]["spec"]["containers"]
    container |= {
        "name": "mongodb",
        "command": ["mongod"],
        "args": ["--replSet=rs0", "--keyFile=/run/keyfile"],
        "env": ENV,
        "volumeMounts": [{"name": "data", "mountPath": "/data/db"}],
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    db["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": claim}]
    return db


def init_job() -> Json:
    env = [
        *ENV,
        secret_env("PARSE_SERVER_DATABASE_URI", "uri"),
        {"name": "MONGODB_REPLICA_SET", "value": "rs0"},
        {"name": "MONGODB_HOSTS_FILE", "value": "/etc/init/hosts"},
    ]
    command = ["mongosh", "--quiet", "--norc", "--nodb", "--file", "/etc/init/init.js"]
    mounts = [{"name": "script", "mountPath": "/etc/init"}]
    container = {"name": "init", "image": "mongo:8.0", "command": command, "env": env}
    spec = {
        "restartPolicy": "OnFailure",
        "containers": [{**container, "volumeMounts": mounts}],
        "volumes": [{"name": "script", "configMap": {"name": "init"}}],
    }
    return {
        "metadata": {"name": "init", "namespace": "default"},
        "spec": {"template": {"spec": spec}},
    }


async def install(cluster: Cluster, database: Json | None = None) -> None:
    data = {k: base64.b64encode(v.encode()).decode() for k, v in CREDENTIALS.items()}
    meta = {"namespace": "default"}
    cluster.store.create(SECRETS, {"metadata": {"name": "creds", **meta}, "data": data})
    service = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": {"app": "db"}}
    cluster.store.create(
        SERVICES,
        {"metadata": {"name": "db", **meta}, "spec": {**service, "ports": [{"port": 27017}]}},
    )
    hosts = ",".join(f"{name}.db:27017" for name in PODS_NAMED)
    script = "db.adminCommand({ replSetInitiate: config })"
    files = {"hosts": hosts, "init.js": script}
    cluster.store.create(CONFIGMAPS, {"metadata": {"name": "init", **meta}, "data": files})
    cluster.store.create(JOBS, init_job())
    cluster.store.create(STATEFULSETS, database or mongo())
    await cluster.until(lambda: (j := cluster.get(JOBS, "init")) and condition(j, "Complete"))
    await up(cluster, 3)


async def up(cluster: Cluster, count: int) -> None:
    def look() -> bool:
        found = [p for p in cluster.pods() if p["metadata"]["name"].startswith("db-")]
        return len(found) == count == sum(ready(p) for p in found)

    await cluster.until(look)


@dataclass
class Output:
    stdout: str
    stderr: str
    exit_code: int


def bot(cluster: Cluster) -> Any:
    """Exec as the bot has it: text in, text out."""

    async def run(pod: str, command: Sequence[str], *, timeout: float) -> Output:
        found = cluster.get(PODS, pod)
        assert found is not None, f"{pod} is not there"
        result = await cluster.runtime.exec(found, "mongodb", list(command), None)
        return Output(result.stdout.decode(), result.stderr.decode(), result.exit_code)

    return run


async def mongosh(cluster: Cluster, pod: str, script: str) -> Output:
    found: Output = await bot(cluster)(
        pod, ["mongosh", "--quiet", "--norc", "--eval", script], timeout=1
    )
    return found


def scale(cluster: Cluster, replicas: int) -> None:
    copy = cluster.store.get(STATEFULSETS, "default", "db")
    copy["spec"]["replicas"] = replicas
    cluster.store.update(STATEFULSETS, copy)


LOGIN = (
    'db.getSiblingDB("admin").auth('
    "process.env.MONGO_INITDB_ROOT_USERNAME, process.env.MONGO_INITDB_ROOT_PASSWORD);"
)


async def test_the_init_job_makes_the_set_once(cluster: Cluster) -> None:
    await install(cluster)
    found = await mongodb.status(bot(cluster), PODS_NAMED)
    assert found.name == "rs0"
    assert [m.state for m in found.members] == ["PRIMARY", "SECONDARY", "SECONDARY"]
    assert all(m.healthy for m in found.members)
    assert found.config_version == 1
    cluster.store.delete(JOBS, "default", "init", propagation="Background")
    await cluster.until(lambda: cluster.get(JOBS, "init") is None)
    cluster.store.create(JOBS, init_job())
    await cluster.until(lambda: (j := cluster.get(JOBS, "init")) and condition(j, "Complete"))
    assert (await mongodb.status(bot(cluster), PODS_NAMED)).config_version == 1


async def test_scaling_down_and_up_again_as_the_bot_does_it(cluster: Cluster) -> None:
    await install(cluster)
    run, leaving = bot(cluster), "db-2.db:27017"
    after = await mongodb.remove_member(run, PODS_NAMED, leaving)
    assert not after.has(leaving)
    scale(cluster, 2)
    await up(cluster, 2)
    found = await mongodb.status(run, PODS_NAMED[:2])
    assert [m.healthy for m in found.members] == [True, True]
    scale(cluster, 3)
    await up(cluster, 3)
    found = await mongodb.add_member(run, PODS_NAMED[:2], leaving)
    assert found.has(leaving)
    assert [m.state for m in found.members].count("SECONDARY") == 2
    again = await mongodb.add_member(run, PODS_NAMED, leaving)
    assert again.config_version == found.config_version


async def test_a_primary_steps_down_before_it_leaves(cluster: Cluster) -> None:
    await install(cluster)
    run = bot(cluster)
    with pytest.raises(mongodb.MongoError, match="cannot remove itself"):
        await mongodb.remove_member(run, PODS_NAMED, "db-0.db:27017")
    found = await mongodb.step_down(run, PODS_NAMED, "db-0.db:27017")
    assert found.primary == "db-1.db:27017"
    await mongodb.remove_member(run, PODS_NAMED, "db-0.db:27017")


async def test_without_a_majority_nothing_can_be_changed(cluster: Cluster) -> None:
    await install(cluster)
    run = bot(cluster)
    for name in ("db-0", "db-1"):
        cluster.world.node_down(cluster.get(PODS, name)["spec"]["nodeName"])  # type: ignore[index]
    await cluster.until(
        lambda: all(
            "deletionTimestamp" in cluster.get(PODS, n)["metadata"]  # type: ignore[index]
            for n in ("db-0", "db-1")
        )
    )
    found = await mongodb.status(run, ["db-2"])
    assert found.primary is None
    assert not found.has_majority
    with pytest.raises(mongodb.NoPrimary, match="has no primary now"):
        await mongodb.add_member(run, ["db-2"], "db-3.db:27017")
    said = await mongosh(cluster, "db-2", f"{LOGIN} rs.add('db-3.db:27017')")
    assert said.exit_code == 1
    assert said.stderr.startswith("MongoServerError[NotWritablePrimary]: New config is rejected")


async def test_a_lost_node_takes_its_member_down_at_once() -> None:
    async with living(replace(Pace().scaled(0), eviction=300)) as cluster:
        await install(cluster)
        home = cluster.store.get(PODS, "default", "db-0")["spec"]["nodeName"]
        cluster.world.node_down(home)
        await cluster.until(lambda: not ready(cluster.store.get(PODS, "default", "db-0")))
        found = await mongodb.status(bot(cluster), ["db-1"])
        assert [m.healthy for m in found.members] == [False, True, True]
        assert found.primary == "db-1.db:27017"
        with pytest.raises(ApiError, match="error dialing backend"):
            await mongosh(cluster, "db-0", "db.hello()")
        cluster.world.calm()
        await cluster.until(lambda: ready(cluster.store.get(PODS, "default", "db-0")))
        found = await mongodb.status(bot(cluster), ["db-0"])
        assert [m.healthy for m in found.members] == [True, True, True]


async def test_the_set_outlives_its_pods_but_not_its_volumes(cluster: Cluster) -> None:
    await install(cluster)
    for name in PODS_NAMED:
        cluster.store.delete(PODS, "default", name)
    await cluster.until(
        lambda: all(
            "deletionTimestamp" not in p["metadata"] and ready(p)
            for p in cluster.pods()
            if p["metadata"]["name"].startswith("db-")
        )
    )
    await up(cluster, 3)
    assert (await mongodb.status(bot(cluster), PODS_NAMED)).primary is not None
    scale(cluster, 0)
    await up(cluster, 0)
    for name in PODS_NAMED:
        cluster.store.delete(PERSISTENTVOLUMECLAIMS, "default", f"data-{name}")
    await cluster.until(lambda: not cluster.store.scan(PERSISTENTVOLUMECLAIMS))
    scale(cluster, 3)
    await up(cluster, 3)
    said = await mongosh(cluster, "db-0", LOGIN)
    assert said.stderr == "MongoServerError[AuthenticationFailed]: Authentication failed.\n"
    assert "isreplicaset" in (await mongosh(cluster, "db-0", "print(db.hello())")).stdout


async def test_who_may_ask_what(cluster: Cluster) -> None:
    await install(cluster)
    ping = await mongosh(cluster, "db-0", "db.adminCommand({ping: 1})")
    assert (ping.stdout, ping.exit_code) == ("{ ok: 1 }\n", 0)
    refused = await mongosh(cluster, "db-0", "rs.status()")
    assert refused.exit_code == 1
    assert refused.stderr == (
        "MongoServerError[Unauthorized]: Command replSetGetStatus requires authentication\n"
    )
    wrong = await mongosh(cluster, "db-0", "db.auth('root', 'guess')")
    assert wrong.exit_code == 1
    caught = "try { rs.status() } catch (e) { print(e.codeName) }"
    assert (await mongosh(cluster, "db-0", caught)).stdout == "Unauthorized\n"


async def test_the_charts_probe_and_unknown_scripts(cluster: Cluster) -> None:
    await install(cluster)
    probe = "const h = db.hello();\nquit(h.isWritablePrimary || h.secondary ? 0 : 1);"
    assert (await mongosh(cluster, "db-1", probe)).exit_code == 0
    assert (await mongosh(cluster, "db-1", probe.replace("? 0 : 1", "? 4 : 1"))).exit_code == 4
    unknown = await mongosh(cluster, "db-1", "db.users.find()")
    assert unknown.exit_code == 1
    assert "db.users.find is not known to it" in unknown.stderr
    run = bot(cluster)
    said = await run("db-1", ["sh", "-c", "mongosh --quiet --eval 'db.version()'"], timeout=1)
    assert said.stdout == "8.0.15\n"
    assert (await run("db-1", ["mongosh", "--tls"], timeout=1)).exit_code == 1
