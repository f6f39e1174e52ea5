"""The resource metrics API of the practice cluster, and its checks of itself."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import NotFound, StatusError
from integrations.kubernetes.kinds import Kind
from integrations.kubernetes.sdk import Access
from sandbox.cluster import PracticeCluster
from sandbox.kube.resources import DEPLOYMENTS, NAMESPACES, PODS
from sandbox.kube.resources import NODES as MACHINES
from sandbox.world import PACES
from tests.sandbox.kube.test_kubectl import find_kubectl

NODES = Kind("metrics.k8s.io/v1beta1", "nodes", "NodeMetrics", namespaced=False)
PODS_USED = Kind("metrics.k8s.io/v1beta1", "pods", "PodMetrics")


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[PracticeCluster]:
    made = await PracticeCluster.started("main", tmp_path / "kubeconfig", pace=PACES["fast"])
    made.store.create(NAMESPACES, {"metadata": {"name": "shop"}})
    requests = {"cpu": "200m", "memory": "100Mi"}
    container = {"name": "main", "image": "nginx:1", "resources": {"requests": requests}}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    made.store.create(DEPLOYMENTS, {"metadata": {"name": "web", "namespace": "shop"}, "spec": spec})

    def running() -> bool:
        phases = [(pod.get("status") or {}).get("phase") for pod in made.store.list(PODS, "shop")]
        return phases == ["Running", "Running"]

    await made.wait_for(running, 10)
    yield made
    await made.close()


@pytest.fixture
async def client(cluster: PracticeCluster) -> AsyncIterator[KubeClient]:
    async with KubeClient(Access("main", cluster.kubeconfig)) as opened:
        yield opened


def steer(cluster: PracticeCluster, percent: float) -> None:
    cluster.controllers.ctx.load.steer("shop", "web", percent)


async def test_without_a_measured_load_there_is_no_metrics_api(client: KubeClient) -> None:
    with pytest.raises(NotFound):
        await client.list(NODES)


async def test_usage_follows_the_load_that_was_steered(
    cluster: PracticeCluster, client: KubeClient
) -> None:
    steer(cluster, 160)
    pods = (await client.list(PODS_USED, "shop")).items
    used = [pod["containers"][0]["usage"]["cpu"] for pod in pods]
    assert used == ["160000000n", "160000000n"]  # 160 % of 200m, over two pods
    nodes = (await client.list(NODES)).items
    assert len(nodes) == len(cluster.store.list(MACHINES))
    assert sum(int(n["usage"]["cpu"].removesuffix("n")) for n in nodes) > 320_000_000
    assert (await client.list(PODS_USED, "other")).items == []
    with pytest.raises(StatusError):
        await client.get(NODES, None, "nowhere")


@pytest.mark.kubectl
async def test_kubectl_top_reads_it(cluster: PracticeCluster) -> None:
    kubectl = find_kubectl()
    if kubectl is None:
        pytest.skip("no kubectl: set ONPREM_KUBECTL to one")
    steer(cluster, 160)

    def top(*words: str) -> Any:
        run = [kubectl, "--kubeconfig", cluster.kubeconfig, "top", *words]
        return subprocess.run(run, capture_output=True, text=True, timeout=30, check=False)

    pods = await asyncio.to_thread(top, "pods", "-n", "shop")
    assert pods.stdout.count("160m") == 2, pods.stderr
    others = await asyncio.to_thread(top, "pods", "-n", "shop", "-l", "app=other")
    assert "No resources found in shop namespace" in others.stderr
    by_field = await asyncio.to_thread(top, "pods", "--field-selector", "metadata.name=x")
    assert "does not know the query parameter 'fieldSelector'" in by_field.stderr
    nodes = await asyncio.to_thread(top, "nodes")
    assert "%" in nodes.stdout, nodes.stderr


async def test_a_check_of_the_server_that_fails_is_named(
    cluster: PracticeCluster, client: KubeClient
) -> None:
    assert await client.transport.failed_checks() == ()
    cluster.server.faults.checks.add("etcd")
    assert await client.transport.failed_checks() == ("etcd",)
    assert json.dumps(cluster.server.faults.to_json()) == "[]"
