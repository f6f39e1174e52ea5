"""The same tests against the practice cluster and a real control plane.

The real one is started once for all tests, and only when a test marked ``lab`` runs. Each test
gets a namespace of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.sdk import Access
from sandbox.cluster import PracticeCluster
from sandbox.kube.controllers import Pace
from tests.cluster.fixtures import lab  # noqa: F401
from tests.contract.client import Api, Json

QUICK = Pace().scaled(0.05)


@dataclass(frozen=True)
class Cluster:
    """What a test may ask of either world.

    Attributes:
        name: ``sandbox`` or ``lab``.
        kubeconfig: An administrator's.
        forget: Loses all history up to now, as after some time: old versions and page tokens
            end with 410.
    """

    name: str
    kubeconfig: Path
    forget: Callable[[], Awaitable[None]]


@pytest.fixture(params=["sandbox", pytest.param("lab", marks=pytest.mark.lab)])
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
    if request.param == "lab":
        lab = request.getfixturevalue("lab")

        async def restart() -> None:
            lab.compact()
            # The API server's caches remember longer than its store.
            lab.apiserver.kill()
            lab.start_apiserver()

        yield Cluster("lab", lab.kubeconfig, restart)
        return
    kubeconfig = tmp_path / "kubeconfig"
    practice = await PracticeCluster.started("sandbox", kubeconfig, pace=QUICK)
    store = practice.store

    async def forget() -> None:
        store.log.compact(store.version)

    yield Cluster("sandbox", kubeconfig, forget)
    await practice.close()


@pytest.fixture
async def api(cluster: Cluster) -> AsyncIterator[Api]:
    namespace = f"contract-{secrets.token_hex(4)}"
    async with Api.connected(cluster.kubeconfig, namespace) as made:
        body = {"metadata": {"name": namespace}}
        await made("POST", "/api/v1/namespaces", body, expect=201)
        yield made
        await made("DELETE", f"/api/v1/namespaces/{namespace}")


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[KubeClient]:
    async with KubeClient(Access(cluster.name, cluster.kubeconfig)) as made:
        yield made


@pytest.fixture
def config_map() -> Callable[..., Json]:
    def make(name: str, data: dict[str, str] | None = None, **metadata: Any) -> Json:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, **metadata},
            "data": data or {"colour": "red"},
        }

    return make


@pytest.fixture
def workload() -> Callable[..., Json]:
    """Makes Deployments and StatefulSets as a user writes them."""

    def make(
        kind: str, name: str = "web", *, image: str = "example.com/web:1", **spec: Any
    ) -> Json:
        labels = {"app": name}
        template = {
            "metadata": {"labels": labels},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "main", "image": image}],
            },
        }
        return {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": name, "labels": labels},
            "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
        }

    return make


@pytest.fixture
def pod() -> Callable[..., Json]:
    def make(name: str, *, image: str = "example.com/web:1", **labels: str) -> Json:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "main", "image": image}],
            },
        }

    return make
