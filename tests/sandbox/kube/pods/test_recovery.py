"""The chart's own hook scripts in pods of a living cluster: a dump, a loss, a restore."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.kube.pods.mongo.recovery import Hooks
from sandbox.kube.resources import (
    CONFIGMAPS,
    PERSISTENTVOLUMECLAIMS,
    PODS,
    SECRETS,
    STATEFULSETS,
)

from ..living import Cluster, Json
from .test_mongo import LOGIN, Output, bot, install, mongo, mongosh, scale, up

FILES = Path(__file__).parents[4] / "charts" / "parse-server" / "files"
SETTINGS = "service=db\ntimeout=30m\ndump=/dump\nkeyfile=/run/keyfile\n"
MEMBERS = [f"db-{i}.db:27017" for i in range(3)]


def with_hooks(replicas: int = 3) -> Json:
    """The StatefulSet of the other tests, with the volumes that the chart gives it."""
    db = mongo(replicas)
    spec = db["spec"]["template"]["spec"]
    [container] = spec["containers"]
    container["env"] = [*container["env"], {"name": "MONGODB_REPLICA_SET", "value": "rs0"}]
    container["volumeMounts"] += [
        {"name": "dump", "mountPath": "/dump"},
        {"name": "recovery", "mountPath": "/etc/parse-recovery"},
    ]
    spec["volumes"] = [
        {"name": "dump", "emptyDir": {}},
        {"name": "recovery", "configMap": {"name": "recovery"}},
    ]
    return db


@pytest.fixture
async def db(cluster: Cluster) -> Cluster:
    """Three members with three documents."""
    files = {name: (FILES / name).read_text() for name in ("dump.sh", "restore.sh")}
    meta = {"name": "recovery", "namespace": "default"}
    cluster.store.create(CONFIGMAPS, {"metadata": meta, "data": {**files, "settings": SETTINGS}})
    await install(cluster, with_hooks())
    await write(cluster, 'insertMany([{ "name": "ada" }, { "name": "bob" }, { "name": "eve" }])')
    return cluster


async def write(cluster: Cluster, call: str) -> None:
    for pod in ("db-0", "db-1", "db-2"):
        script = f'{LOGIN} db.getSiblingDB("parse").getCollection("_User").{call}'
        said = await mongosh(cluster, pod, script)
        if "NotWritablePrimary" not in said.stderr:
            assert said.exit_code == 0, said.stderr
            return
    pytest.fail("nobody is the primary")


async def count(cluster: Cluster, pod: str = "db-0") -> int:
    said = await mongosh(
        cluster, pod, f'{LOGIN} print(db.getSiblingDB("parse")._User.countDocuments({{}}))'
    )
    assert said.exit_code == 0, said.stderr
    return int(said.stdout.splitlines()[-1])


async def hook(cluster: Cluster, pod: str, script: str) -> Output:
    found: Output = await bot(cluster)(pod, ["sh", f"/etc/parse-recovery/{script}"], timeout=1)
    return found


def disk(cluster: Cluster, pod: str) -> str:
    return cluster.runtime.disks.key(cluster.store.get(PODS, "default", pod), "dump")


async def lose(cluster: Cluster, replicas: int = 3) -> None:
    """Everything goes but the ConfigMap and the Secret; an empty set comes in its place."""
    cluster.store.delete(STATEFULSETS, "default", "db", propagation="Foreground")
    await cluster.until(lambda: not [p for p in cluster.pods() if "db-" in p["metadata"]["name"]])
    for claim in cluster.store.list(PERSISTENTVOLUMECLAIMS, "default"):
        cluster.store.delete(PERSISTENTVOLUMECLAIMS, "default", claim["metadata"]["name"])
    await cluster.until(lambda: not cluster.store.scan(PERSISTENTVOLUMECLAIMS))
    cluster.store.create(STATEFULSETS, with_hooks(replicas))
    await up(cluster, replicas)


async def test_documents_come_back_in_a_set_that_was_lost(db: Cluster) -> None:
    said = [await hook(db, f"db-{i}", "dump.sh") for i in range(3)]
    assert [one.exit_code for one in said] == [0, 0, 0]
    assert said[0].stdout == f"Dumped 3 documents; members {','.join(MEMBERS)}.\n"
    assert said[1].stdout == "The primary db-0.db:27017 dumps; nothing to save here.\n"
    content = db.runtime.disks.read(disk(db, "db-0"))
    assert db.runtime.disks.read(disk(db, "db-1")) == {}
    json.dumps(content)  # what lies on a volume is plain JSON

    await lose(db)
    assert db.runtime.disks.read(disk(db, "db-0")) == {}
    # Velero puts the volume back into the pod that had it.
    db.runtime.disks.write(disk(db, "db-0"), content)
    nothing = await hook(db, "db-1", "restore.sh")
    assert nothing.stdout == "This pod brought no dump; nothing to restore here.\n"
    done = await hook(db, "db-0", "restore.sh")
    assert done.stdout == f"Restored 3 documents; members {','.join(MEMBERS)}.\n"
    assert await count(db) == await count(db, "db-2") == 3

    await write(db, 'insertOne({ "name": "new" })')
    again = await hook(db, "db-0", "restore.sh")
    assert again.stdout == "The set holds this dump already; nothing to do.\n"
    assert await count(db) == 4


async def test_a_restore_waits_for_the_other_members(db: Cluster) -> None:
    await hook(db, "db-0", "dump.sh")
    content = db.runtime.disks.read(disk(db, "db-0"))
    await lose(db, replicas=1)
    db.runtime.disks.write(disk(db, "db-0"), content)
    pod = db.store.get(PODS, "default", "db-0")
    impatient = Hooks(db.store, db.runtime.sets, db.runtime.disks, patience=0.0)
    container = pod["spec"]["containers"][0]
    said = await impatient.run(pod, container, "/etc/parse-recovery/restore.sh", {})
    assert said is not None
    assert b"Gave up waiting for all members to answer" in said.stderr
    waiting = asyncio.create_task(hook(db, "db-0", "restore.sh"))
    scale(db, 3)
    assert (await waiting).stdout.startswith("Restored 3 documents")


async def test_pods_that_come_back_before_their_owner_become_one_set(db: Cluster) -> None:
    # Velero's order: claims, pods, and only then the StatefulSet that adopts them.
    await hook(db, "db-0", "dump.sh")
    content = db.runtime.disks.read(disk(db, "db-0"))
    saved = [p for p in db.pods() if p["metadata"]["name"].startswith("db-")]
    await lose(db, replicas=0)
    db.store.delete(STATEFULSETS, "default", "db")
    for pod in saved:
        meta = {k: pod["metadata"][k] for k in ("name", "namespace", "labels")}
        spec = {k: v for k, v in pod["spec"].items() if k != "nodeName"}
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        named = {"name": f"data-{meta['name']}", "namespace": "default"}
        db.store.create(PERSISTENTVOLUMECLAIMS, {"metadata": named, "spec": claim})
        db.store.create(PODS, {"metadata": meta, "spec": spec})
    await up(db, 3)
    uid = db.store.get(PODS, "default", "db-0")["metadata"]["uid"]
    db.runtime.disks.write(disk(db, "db-0"), content)
    waiting = asyncio.create_task(hook(db, "db-0", "restore.sh"))
    await asyncio.sleep(0)
    db.store.create(STATEFULSETS, with_hooks())
    done = await waiting
    assert done.stdout.startswith("Restored 3 documents"), done.stderr
    assert await count(db, "db-2") == 3
    assert db.store.get(PODS, "default", "db-0")["metadata"]["uid"] == uid


async def test_what_came_after_the_dump_goes(db: Cluster) -> None:
    await hook(db, "db-0", "dump.sh")
    await write(db, "deleteMany({})")
    await write(db, 'insertOne({ "name": "mallory" })')
    assert await count(db) == 1
    assert (await hook(db, "db-0", "restore.sh")).exit_code == 0
    assert await count(db) == 3


async def test_without_a_primary_there_is_no_dump(db: Cluster) -> None:
    await hook(db, "db-0", "dump.sh")
    scale(db, 1)
    await up(db, 1)
    said = await hook(db, "db-0", "dump.sh")
    assert said.exit_code == 1
    assert said.stderr.startswith("No dump: the replica set has no primary.")
    assert db.runtime.disks.read(disk(db, "db-0")) == {}


async def test_a_wrong_password_is_told(db: Cluster) -> None:
    secret = db.store.get(SECRETS, "default", "creds")
    secret["data"]["password"] = "Z3Vlc3M="
    db.store.update(SECRETS, secret)
    said = await hook(db, "db-0", "dump.sh")
    assert said.exit_code == 1
    assert "AuthenticationFailed" in said.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"members": ["db-0.db.default.svc:27017"]}, "is not the one that was saved"),
        ({"archive": {}}, "is not the one that was saved"),
    ],
)
async def test_a_damaged_dump_is_refused(db: Cluster, change: Any, said: str) -> None:
    await hook(db, "db-0", "dump.sh")
    volume = disk(db, "db-0")
    db.runtime.disks.write(volume, {**db.runtime.disks.read(volume), **change})
    done = await hook(db, "db-0", "restore.sh")
    assert done.exit_code == 1
    assert said in done.stderr
    assert await count(db) == 3


async def test_members_elsewhere_are_refused(db: Cluster) -> None:
    run = bot(db)
    script = f'{LOGIN} rs.remove("db-2.db:27017"); rs.add("db-2.db.default:27017")'
    said = await run("db-0", ["mongosh", "--eval", script], timeout=1)
    assert said.exit_code == 0, said.stderr
    await hook(db, "db-0", "dump.sh")
    done = await hook(db, "db-0", "restore.sh")
    assert done.exit_code == 1
    assert "member db-2.db.default:27017 is none of the StatefulSet db" in done.stderr


async def test_an_ordinary_script_is_still_refused(db: Cluster) -> None:
    said = await bot(db)("db-0", ["sh", "/etc/parse-recovery/settings"], timeout=1)
    assert said.exit_code == 126
    assert "no shell scripts" in said.stderr


async def test_documents_as_a_script_sees_them(db: Cluster) -> None:
    users = 'db.getSiblingDB("parse").getCollection("_User")'

    async def said(call: str, pod: str = "db-0") -> str:
        out = await mongosh(db, pod, f"{LOGIN} print({users}.{call})")
        return (out.stdout + out.stderr).splitlines()[-1]

    assert await said('countDocuments({ "name": "bob" })') == "1"
    assert await said("estimatedDocumentCount()", "db-1") == "3"
    assert "name: 'ada'" in await said("findOne({})")
    assert (await said('insertOne({ "a": 1 })', "db-1")).startswith(
        "MongoServerError[NotWritablePrimary]"
    )
    await said('insertOne({ "_id": "x" })')
    assert "E11000" in await said('insertOne({ "_id": "x" })')
    assert await said("drop()") == "true"
    assert await said("countDocuments({})") == "0"
    refused = await mongosh(db, "db-0", f"{users}.countDocuments({{}})")
    assert "Command find requires authentication" in refused.stderr
