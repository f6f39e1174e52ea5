"""A practice cluster that real helm and the real client work against."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.config import Config
from bot.context import Cluster
from integrations.helm.binary import find_helm
from integrations.helm.client import Helm
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.sdk import Access
from sandbox.kube.controllers import Behaviours, Controllers, Pace, start
from sandbox.kube.pods import Runtime
from sandbox.kube.server import KubeServer
from sandbox.kube.store import Store

QUICK = Pace(
    schedule=0.0,
    pull=0.0,
    start=0.01,
    ready=0.02,
    terminate=0.01,
    complete=0.01,
    crash=0.01,
    backoff=0.05,
    backoff_limit=0.2,
    bind=0.0,
    scale=0.2,
)


@dataclass
class World:
    """The cluster, what is in it, and the clients."""

    store: Store
    controllers: Controllers
    server: KubeServer
    cluster: Cluster

    @property
    def kube(self) -> KubeClient:
        return self.cluster.kube

    @property
    def helm(self) -> Helm:
        return self.cluster.helm

    async def apply(self, *objects: dict[str, Any]) -> None:
        """Creates objects as somebody else would."""
        from integrations.kubernetes.kinds import NAMESPACE, WORKLOADS, Kind

        plural = {"HorizontalPodAutoscaler": "horizontalpodautoscalers"}
        for item in objects:
            kind = NAMESPACE if item["kind"] == "Namespace" else WORKLOADS.get(item["kind"])
            kind = kind or Kind(item["apiVersion"], plural[item["kind"]], item["kind"])
            await self.kube.create(kind, item["metadata"].get("namespace"), item)

    async def settled(self, namespace: str, kind: str, name: str) -> None:
        """Waits until a workload is rolled out."""
        from integrations.kubernetes.follow import Target, follow_workloads

        done = await follow_workloads(self.kube, namespace, [Target(kind, name)], timeout=20)
        assert done.ok, done.message


@asynccontextmanager
async def open_world(tmp_path: Path, config: Config) -> AsyncIterator[World]:
    store, behaviours = Store(), Behaviours()
    runtime = Runtime(store, behaviours)
    controllers = start(store, pace=QUICK, behaviours=behaviours)
    server = KubeServer(store, runtime)
    await server.start()
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(server.kubeconfig()))
    kube = KubeClient(Access("main", path))
    helm = Helm(await find_helm(), run_directory=tmp_path / "helm", kubeconfig=path, timeout=30)
    cluster = Cluster("main", config.clusters["main"], kube, helm)
    try:
        yield World(store, controllers, server, cluster)
    finally:
        await kube.close()
        await server.close()
        await controllers.close()
        runtime.close()


def deployment(name: str, namespace: str, replicas: int = 1, **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "nginx:1"}]},
            },
            **spec,
        },
    }


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
