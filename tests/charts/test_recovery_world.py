"""The chart backed up and restored by Velero in the practice world: its documents come back."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.kube.controllers import Pace
from sandbox.kube.resources import NAMESPACES, PODS
from sandbox.velero import ObjectStore, PracticeVelero
from sandbox.velero.definitions import BACKUPS, RESTORES

from .practice import NAMESPACE, Cluster, name, ready, started

pytestmark = [pytest.mark.helm, pytest.mark.timeout(120)]

Object = dict[str, Any]

LOGIN = (
    'db.getSiblingDB("admin").auth('
    "process.env.MONGO_INITDB_ROOT_USERNAME, process.env.MONGO_INITDB_ROOT_PASSWORD);"
)
USERS = 'db.getSiblingDB("parse").getCollection("_User")'
SPEC = {
    "includedNamespaces": [NAMESPACE],
    "orLabelSelectors": [
        {"matchLabels": {"app": "parseserver"}},
        {"matchLabels": {"owner": "helm", "name": "parse"}},
    ],
    "storageLocation": "default",
    "snapshotVolumes": False,
    "defaultVolumesToFsBackup": True,
}


@pytest.fixture
async def cluster(helm: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    """The app with five members and three documents, and Velero."""
    async with started(helm, tmp_path) as found:
        objects = ObjectStore(clock=found.store.clock)
        await objects.start()
        velero = PracticeVelero.installed(
            found.store, found.runtime, found.behaviours, objects, pace=Pace().scaled(0)
        )
        try:
            await found.upgrade(mongodb__replicaCount=5)
            await found.until(lambda: velero.ready and up(found, NAMESPACE), "all is ready")
            await script(found, NAMESPACE, "insertMany([{ a: 1 }, { a: 2 }, { a: 3 }])")
            yield found
        finally:
            await velero.close()
            await objects.close()


def pods(cluster: Cluster, namespace: str) -> list[Object]:
    return [p for p in cluster.store.list(PODS, namespace) if "-init-" not in name(p)]


def up(cluster: Cluster, namespace: str) -> bool:
    found = pods(cluster, namespace)
    return len(found) == 7 and all(map(ready, found))


async def script(cluster: Cluster, namespace: str, call: str, pod: str = "parse-mongodb-0") -> str:
    found = cluster.store.get(PODS, namespace, pod)
    command = ["mongosh", "--quiet", "--norc", "--eval", f"{LOGIN} print({USERS}.{call})"]
    said = await cluster.runtime.exec(found, "mongodb", command, None)
    assert said.exit_code == 0, said.stderr
    return said.stdout.decode().splitlines()[-1]


async def velero(cluster: Cluster, resource: Any, run: str, **spec: Any) -> Object:
    """Ask for a backup or a restore and return it at its end."""
    meta = {"name": run, "namespace": "velero"}
    cluster.store.create(resource, {"metadata": meta, "spec": spec})

    def ended() -> bool:
        status = cluster.store.get(resource, "velero", run).get("status") or {}
        return "completionTimestamp" in status

    await cluster.until(ended, f"{run} ends")
    return cluster.store.get(resource, "velero", run)


async def backup(cluster: Cluster) -> Object:
    return await velero(cluster, BACKUPS, "saved", **SPEC)


async def test_documents_and_members_survive_the_loss_of_the_namespace(cluster: Cluster) -> None:
    status = (await backup(cluster))["status"]
    assert status["phase"] == "Completed", json.dumps(status)
    assert "warnings" not in status
    assert status["hookStatus"] == {"hooksAttempted": 5}

    cluster.store.delete(NAMESPACES, None, NAMESPACE)
    await cluster.until(
        lambda: cluster.store.find(NAMESPACES, None, NAMESPACE) is None, "the namespace is gone"
    )
    status = (await velero(cluster, RESTORES, "back", backupName="saved"))["status"]
    assert status["phase"] == "Completed", json.dumps(status)
    await cluster.until(lambda: up(cluster, NAMESPACE), "all is ready again")
    assert await script(cluster, NAMESPACE, "countDocuments({})") == "3"
    assert await script(cluster, NAMESPACE, "countDocuments({})", "parse-mongodb-4") == "3"


async def test_a_copy_beside_the_original_touches_only_itself(cluster: Cluster) -> None:
    await backup(cluster)
    await script(cluster, NAMESPACE, "insertOne({ a: 4 })")
    status = (
        await velero(
            cluster,
            RESTORES,
            "copy",
            backupName="saved",
            namespaceMapping={NAMESPACE: "drill"},
        )
    )["status"]
    assert status["phase"] == "Completed", json.dumps(status)
    await cluster.until(lambda: up(cluster, "drill"), "the copy is ready")
    assert await script(cluster, "drill", "countDocuments({})") == "3"
    await script(cluster, "drill", "deleteMany({})")
    assert await script(cluster, NAMESPACE, "countDocuments({})") == "4"


async def test_a_backup_whose_dump_fails_is_not_called_complete(cluster: Cluster) -> None:
    secrets = cluster.resource("secrets")
    secret = cluster.store.get(secrets, NAMESPACE, "parse-credentials")
    secret["data"]["mongodb-root-password"] = base64.b64encode(b"changed").decode()
    cluster.store.update(secrets, secret)
    status = (await backup(cluster))["status"]
    assert status["phase"] == "PartiallyFailed", json.dumps(status)
    assert status["hookStatus"] == {"hooksAttempted": 5, "hooksFailed": 1}
