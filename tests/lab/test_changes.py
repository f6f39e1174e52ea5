"""What people do with real kubectl and helm on a real control plane is told as what it was."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.clock import now
from bot.config import Config
from bot.context import Cluster
from bot.store.db import Store
from bot.store.keys import AuditKey
from integrations.helm.binary import find_helm
from integrations.helm.client import Helm
from integrations.kubernetes import health, usage
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.kinds import DEPLOYMENT
from integrations.kubernetes.sdk import Access
from tests.bot.changes.conftest import HOUR, Scene
from tests.cluster.build import Builder, tools
from tests.cluster.fixtures import need
from tests.cluster.lab import Lab
from tests.cluster.metrics import metrics_server
from tests.commands.world import World
from tests.lab.grounds import kubectl

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

IMAGE = "example.com/web:1"


@pytest.fixture(params=["", "helm4"], ids=["helm-3", "helm-4"])
def helm_path(request: pytest.FixtureRequest) -> str:
    if request.param:
        need([request.param])
        return str(Builder().build([request.param])[request.param])
    return ""


@pytest.fixture
async def scene(lab: Lab, tmp_path: Path, helm_path: str) -> AsyncIterator[Scene]:
    path = tmp_path / "kubeconfig"
    shutil.copy(lab.kubeconfig, path)
    settings: dict[str, Any] = {
        "state": {"directory": str(tmp_path / "state")},
        "clusters": {"main": {}},
        "apps": {"tiny": {"namespace": "shop", "chart": "oci://example.org/tiny"}},
    }
    config = Config.model_validate(settings)
    (tmp_path / "state").mkdir()
    store = await Store.open(
        tmp_path / "state" / "onprem.db", clock=now, audit_key=AuditKey(bytes(32))
    )
    binary = await find_helm(helm_path or None)
    kubectl(lab, "create", "namespace", "shop")
    try:
        async with KubeClient(Access("main", path)) as kube:
            helm = Helm(binary, run_directory=tmp_path / "helm", kubeconfig=path, timeout=30)
            cluster = Cluster("main", config.clusters["main"], kube, helm)
            world: Any = World(None, None, None, cluster)  # type: ignore[arg-type]
            yield Scene(world, store, settings, tmp_path)
    finally:
        await store.close()
        kubectl(lab, "delete", "namespace", "shop")


async def say(lab: Lab, *words: str) -> None:
    await asyncio.to_thread(kubectl, lab, "--namespace", "shop", *words)


@pytest.mark.parametrize("helm_path", [""], ids=["kubectl"])
async def test_each_thing_that_people_do_with_kubectl_is_told_once(lab: Lab, scene: Scene) -> None:
    web = "deployment/web"
    async with scene.watched():
        await say(lab, "create", "deployment", "web", f"--image={IMAGE}")
        made = await scene.told(web, "made")
        await say(lab, "scale", web, "--replicas=3")
        scaled = await scene.told("scaled from 1 to 3")
        await say(lab, "set", "image", web, "web=example.com/web:2")
        image = await scene.told("example.com/web:1 → example.com/web:2")
        await say(lab, "rollout", "restart", web)
        again = await scene.told("restarted")
        await scene.world.kube.set_scale(DEPLOYMENT, "shop", "web", 2)
        await scene.noticed(web, "replicas", 2)
        await say(lab, "set", "env", web, "A=1")
        env = await scene.told("settings changed")
    # kubectl calls itself by its file's name, which here has a version.
    who = [one.manager.split("-f")[0] for one in (made, scaled, image, again, env)]
    assert who[0] == "kubectl-create"
    assert who[1].startswith(f"kubectl-{tools()['kubectl'].version}")
    assert who[2:] == ["kubectl-set", "kubectl-rollout", "kubectl-set"]
    assert {one.app for one in await scene.seen()} == {"tiny"}
    assert len(await scene.seen()) == 5
    await say(lab, "scale", web, "--replicas=5")
    scene.ahead = 3 * HOUR
    async with scene.watched():
        late = await scene.told("scaled from 2 to 5")
        await say(lab, "set", "env", web, "A-")  # a field that is gone has no owner
        await scene.until(lambda: number(scene, 7))
        await say(lab, "autoscale", web, "--min=7", "--max=9")
        auto = await scene.told("scaled from 5 to 7")
        await say(lab, "delete", web)
        await scene.told(web, "deleted")
    assert scene.clock() - late.at > 2 * HOUR
    assert auto.automatic
    assert auto.manager.startswith("kube-controller-manager")
    assert len(await scene.seen()) == 9


async def number(scene: Scene, wanted: int) -> bool:
    return len(await scene.seen()) == wanted


async def test_helm_in_other_hands_is_told_by_its_release_and_the_bots_own_is_not(
    scene: Scene,
) -> None:
    chart, helm = scene.chart(), scene.world.helm
    async with scene.watched():
        await scene.helm("install", "tiny", str(chart))
        first = await scene.told("release tiny installed with chart tiny-1.2.3")
        for image in ("nginx:2", "nginx:3"):
            id_ = await scene.operation("deploy")
            values = {"image": image, "replicas": 2}
            await helm.install_or_upgrade(*("tiny", chart, values), namespace="shop", operation=id_)
            await scene.ended(id_)
        await scene.noticed("release/tiny", "revision", 3)
        back = await scene.operation("rollback", to=2)
        await helm.rollback("tiny", 2, namespace="shop", operation=back)
        await scene.noticed("release/tiny", "revision", 4)
        await scene.ended(back)
        assert await scene.seen() == [first]
        await scene.helm("upgrade", "tiny", str(chart), "--set", "replicas=4")
        await scene.told("upgraded to revision 5")
    await scene.helm("rollback", "tiny", "1")
    await scene.ended(await scene.operation("deploy"))
    async with scene.watched():
        back_ = await scene.told("rolled back")
        await scene.helm("uninstall", "tiny")
        gone = await scene.told("uninstalled")
    assert back_.kind == "rollback"
    assert (gone.object, gone.kind) == ("release/tiny", "uninstall")
    seen = await scene.seen()
    assert len(seen) == 4, "\n".join(map(str, seen))


@pytest.mark.parametrize("helm_path", [""], ids=["health"])
async def test_health_and_top_of_a_real_cluster(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    need(["metrics-server"])
    kube = scene.world.kube
    await say(lab, "create", "deployment", "web", f"--image={IMAGE}")
    await say(lab, "rollout", "status", "deployment/web")
    plane = await health.control_plane(kube)
    assert (plane.failing, plane.silent) == ((), "")
    nodes = await health.nodes(kube)
    assert nodes
    assert all(node.ready and node.room for node in nodes)
    namespaces, everywhere = await health.namespaces_to_see(kube, [])
    assert everywhere
    found = await health.pods(kube, namespaces, [], now() / 1e6)
    assert sum(found.on.values()) == found.total > 0
    with pytest.raises(usage.MetricsMissing, match="it has none"):
        await usage.node_usage(kube)

    def measured() -> Any:
        return metrics_server(lab, tmp_path / "metrics-server")

    server = measured()
    await asyncio.to_thread(server.__enter__)
    try:
        assert {u.name for u in await usage.node_usage(kube)} == {n.name for n in nodes}
        [pod] = await usage.pod_usage(kube, "shop")
        assert pod.cpu > 0
        assert pod.memory > 0
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)
