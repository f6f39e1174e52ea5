"""A practice cluster for charts: the real helm installs into it, and Velero can be there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.kube.controllers import Behaviours, Pace, start
from sandbox.kube.pods import Runtime
from sandbox.kube.resources import NAMESPACES, Resource
from sandbox.kube.server import KubeServer
from sandbox.kube.store import Store

CHART = Path(__file__).parents[2] / "charts" / "parse-server"
NAMESPACE = "parse"

Object = dict[str, Any]


class Cluster:
    """A practice cluster and the helm that talks to it."""

    def __init__(
        self, store: Store, runtime: Runtime, behaviours: Behaviours, helm: str, kubeconfig: Path
    ) -> None:
        self.store, self.runtime, self.behaviours = store, runtime, behaviours
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
            (pod["spec"]["containers"][0]["image"], ready(pod))
            for pod in self.all("pods")
            if pod["metadata"]["labels"].get("app.kubernetes.io/component") == component
        }

    def settled(self, tag: str) -> bool:
        deployment = self.get("deployments", "parse-server")["status"]
        return (
            deployment.get("readyReplicas") == deployment.get("replicas") == 2
            and self.images("server") == {(f"docker.io/parseplatform/parse-server:{tag}", True)}
            and self.images("mongodb") == {("docker.io/library/mongo:8.0", True)}
            and len([p for p in self.all("pods") if ready(p)]) == 5
        )


def ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


@asynccontextmanager
async def started(helm: str, folder: Path) -> AsyncIterator[Cluster]:
    """A cluster in which everything happens at once, with one empty namespace."""
    store = Store()
    behaviours = Behaviours()
    runtime = Runtime(store, behaviours)
    server = KubeServer(store, runtime)
    store.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
    await server.start()
    controllers = start(store, pace=Pace().scaled(0), behaviours=behaviours)
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(server.kubeconfig()))
    kubeconfig.chmod(0o600)
    try:
        yield Cluster(store, runtime, behaviours, helm, kubeconfig)
    finally:
        await controllers.close()
        await server.close()
        runtime.close()
