"""The chart installed in the practice cluster by the real helm: it comes up, changes, and goes."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.kube.controllers import Behaviours, Pace, start
from sandbox.kube.pods import Runtime
from sandbox.kube.resources import NAMESPACES, PODS, Resource
from sandbox.kube.server import KubeServer
from sandbox.kube.store import Store

pytestmark = [pytest.mark.helm, pytest.mark.timeout(120)]

CHART = Path(__file__).parents[2] / "charts" / "parse-server"
NAMESPACE = "parse"

Object = dict[str, Any]


class Cluster:
    """A practice cluster and the helm that talks to it."""

    def __init__(self, store: Store, runtime: Runtime, helm: str, kubeconfig: Path) -> None:
        self.store, self.runtime = store, runtime
        self._helm, self._kubeconfig = helm, kubeconfig
        self._by_plural = {r.plural: r for r in store.registry if r.stored and not r.alias_of}

    async def helm(self, *args: str, code: int = 0) -> str:
        """Run helm and return what it wrote; its exit code must be `code`."""
        process = await asyncio.create_subprocess_exec(
            self._helm,
            *args,
            "--namespace",
            NAMESPACE,
            "--kubeconfig",
            str(self._kubeconfig),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"HOME": str(self._kubeconfig.parent)},
        )
        output = (await process.communicate())[0].decode()
        assert process.returncode == code, output
        return output

    async def upgrade(self, **values: Any) -> None:
        """Install or upgrade release `parse`, without waiting for it."""
        flags = [
            f"--set-json={key.replace('__', '.')}={json.dumps(v)}" for key, v in values.items()
        ]
        await self.helm("upgrade", "--install", "parse", str(CHART), *flags)

    def resource(self, plural: str) -> Resource:
        return self._by_plural[plural]

    def all(self, plural: str) -> list[Object]:
        return self.store.list(self.resource(plural), NAMESPACE)

    def get(self, plural: str, name: str) -> Object:
        found = self.store.find(self.resource(plural), NAMESPACE, name)
        assert found is not None, (
            f"{plural}/{name} in {[o['metadata']['name'] for o in self.all(plural)]}"
        )
        return found

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until the condition holds; it is looked at after every change."""
        changed = asyncio.Event()
        end = self.store.subscribe(lambda _event: changed.set())
        try:
            async with asyncio.timeout(30):
                while not condition():
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            states = {p["metadata"]["name"]: p.get("status") for p in self.all("pods")}
            pytest.fail(f"{what}: {json.dumps(states, indent=1)[:4000]}")
        finally:
            end()

    def images(self, component: str) -> set[tuple[str, bool]]:
        """Image and readiness of a component's pods."""
        return {
            (pod["spec"]["containers"][0]["image"], _ready(pod))
            for pod in self.all("pods")
            if pod["metadata"]["labels"].get("app.kubernetes.io/component") == component
        }

    def settled(self, tag: str) -> bool:
        deployment = self.get("deployments", "parse-server")["status"]
        return (
            deployment.get("readyReplicas") == deployment.get("replicas") == 2
            and self.images("server") == {(f"docker.io/parseplatform/parse-server:{tag}", True)}
            and self.images("mongodb") == {("docker.io/library/mongo:8.0", True)}
            and len([p for p in self.all("pods") if _ready(p)]) == 5
        )


def _ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@pytest.fixture
async def cluster(helm: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    store = Store()
    behaviours = Behaviours()
    runtime = Runtime(store, behaviours)
    server = KubeServer(store, runtime)
    store.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
    await server.start()
    controllers = start(store, pace=Pace().scaled(0), behaviours=behaviours)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(server.kubeconfig()))
    kubeconfig.chmod(0o600)
    try:
        yield Cluster(store, runtime, helm, kubeconfig)
    finally:
        await controllers.close()
        await server.close()
        runtime.close()


async def test_install_upgrade_test_and_uninstall(cluster: Cluster) -> None:
    await cluster.upgrade()
    await cluster.until(lambda: cluster.settled("8.6.94"), "all pods are ready")
    secret = cluster.get("secrets", "parse-credentials")["data"]
    mongodb_pods = {p["metadata"]["uid"] for p in cluster.all("pods") if "mongodb-" in _name(p)}
    jobs = {_name(job) for job in cluster.all("jobs")}

    await cluster.upgrade(image__tag="8.6.93")
    await cluster.until(lambda: cluster.settled("8.6.93"), "the new version is ready")
    assert cluster.get("secrets", "parse-credentials")["data"] == secret
    assert {_name(job) for job in cluster.all("jobs")} == jobs
    after = {p["metadata"]["uid"] for p in cluster.all("pods") if "mongodb-" in _name(p)}
    assert after == mongodb_pods, "a new server restarted MongoDB"

    assert "Phase:          Succeeded" in await cluster.helm("test", "parse")

    await cluster.helm("uninstall", "parse")
    await cluster.until(
        lambda: not [p for p in cluster.all("pods") if _name(p) != "parse-test"], "pods are gone"
    )
    assert cluster.get("secrets", "parse-credentials")["data"] == secret
    assert {_name(claim) for claim in cluster.all("persistentvolumeclaims")} == {
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
    assert "parse-credentials" not in {_name(secret) for secret in cluster.all("secrets")}


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])
