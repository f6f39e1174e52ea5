"""The chart installed in the practice cluster by the real helm: it comes up, changes, and goes."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.kube.resources import PODS

from .practice import CHART, NAMESPACE, Cluster, name, started

pytestmark = [pytest.mark.helm, pytest.mark.timeout(120)]

Object = dict[str, Any]


@pytest.fixture
async def cluster(helm: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with started(helm, tmp_path) as found:
        yield found


async def test_install_upgrade_test_and_uninstall(cluster: Cluster) -> None:
    await cluster.upgrade()
    await cluster.until(lambda: cluster.settled("8.6.94"), "all pods are ready")
    secret = cluster.get("secrets", "parse-credentials")["data"]
    mongodb_pods = {p["metadata"]["uid"] for p in cluster.all("pods") if "mongodb-" in name(p)}
    jobs = {name(job) for job in cluster.all("jobs")}

    await cluster.upgrade(image__tag="8.6.93")
    await cluster.until(lambda: cluster.settled("8.6.93"), "the new version is ready")
    assert cluster.get("secrets", "parse-credentials")["data"] == secret
    assert {name(job) for job in cluster.all("jobs")} == jobs
    after = {p["metadata"]["uid"] for p in cluster.all("pods") if "mongodb-" in name(p)}
    assert after == mongodb_pods, "a new server restarted MongoDB"

    assert "Phase:          Succeeded" in await cluster.helm("test", "parse")

    await cluster.helm("uninstall", "parse")
    await cluster.until(
        lambda: not [p for p in cluster.all("pods") if name(p) != "parse-test"], "pods are gone"
    )
    assert cluster.get("secrets", "parse-credentials")["data"] == secret
    assert {name(claim) for claim in cluster.all("persistentvolumeclaims")} == {
        f"data-parse-mongodb-{i}" for i in range(3)
    }
    assert not cluster.all("deployments") + cluster.all("statefulsets") + cluster.all("jobs")

    await cluster.upgrade()
    await cluster.until(lambda: cluster.settled("8.6.94"), "it comes back on its old volumes")
    assert cluster.get("secrets", "parse-credentials")["data"] == secret


async def test_wait_does_not_deadlock(cluster: Cluster) -> None:
    await cluster.helm("upgrade", "--install", "parse", str(CHART), "--wait", "--timeout", "60s")
    assert cluster.settled("8.6.94")


async def test_the_set_has_all_members_and_answers_by_exec(cluster: Cluster) -> None:
    await cluster.upgrade()
    await cluster.until(lambda: cluster.settled("8.6.94"), "all pods are ready")
    script = (
        'db.getSiblingDB("admin").auth(process.env.MONGO_INITDB_ROOT_USERNAME, '
        "process.env.MONGO_INITDB_ROOT_PASSWORD); print(JSON.stringify(rs.status()))"
    )
    pod = cluster.store.find(PODS, NAMESPACE, "parse-mongodb-1")
    assert pod is not None
    command = ["mongosh", "--quiet", "--norc", "--eval", script]
    result = await cluster.runtime.exec(pod, "mongodb", command, None)
    assert result.exit_code == 0, result.stderr
    status = json.loads(result.stdout.decode().splitlines()[-1])
    assert status["set"] == "rs0"
    assert [m["name"] for m in status["members"]] == [
        f"parse-mongodb-{i}.parse-mongodb:27017" for i in range(3)
    ]
    assert sorted(m["stateStr"] for m in status["members"]) == ["PRIMARY", "SECONDARY", "SECONDARY"]


async def test_an_image_that_never_comes_leaves_the_old_server_in_service(
    cluster: Cluster,
) -> None:
    await cluster.upgrade()
    await cluster.until(lambda: cluster.settled("8.6.94"), "all pods are ready")
    await cluster.upgrade(image__tag="broken")

    def stuck() -> bool:
        return any(
            (status.get("state", {}).get("waiting") or {}).get("reason") == "ImagePullBackOff"
            for pod in cluster.all("pods")
            for status in pod.get("status", {}).get("initContainerStatuses", [])
        )

    await cluster.until(stuck, "the new pod waits for its image")
    ready = {image for image, is_ready in cluster.images("server") if is_ready}
    assert ready == {"docker.io/parseplatform/parse-server:8.6.94"}
    assert cluster.get("deployments", "parse-server")["status"]["availableReplicas"] == 2

    await cluster.helm("rollback", "parse")
    await cluster.until(lambda: cluster.settled("8.6.94"), "the rollback is ready")


async def test_own_secret_is_used_as_it_is(cluster: Cluster) -> None:
    hosts = ",".join(f"parse-mongodb-{i}.parse-mongodb:27017" for i in range(3))
    uri = f"mongodb://root:pw@{hosts}/parse?replicaSet=rs0&authSource=admin"
    data = {
        "PARSE_SERVER_APPLICATION_ID": "app",
        "PARSE_SERVER_MASTER_KEY": "key",
        "PARSE_SERVER_DATABASE_URI": uri,
        "mongodb-root-username": "root",
        "mongodb-root-password": "pw",
        "mongodb-keyfile": "a" * 64,
    }
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    metadata = {"name": "mine", "namespace": NAMESPACE}
    cluster.store.create(cluster.resource("secrets"), {"metadata": metadata, "data": encoded})
    await cluster.upgrade(existingSecret="mine")
    await cluster.until(lambda: cluster.settled("8.6.94"), "all pods are ready")
    assert "parse-credentials" not in {name(secret) for secret in cluster.all("secrets")}
