"""With the rights of `deploy/rbac.yaml` and no others, the bot sees what it has to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.changes.mirror import Mirror
from integrations.kubernetes import health, kinds, usage, warned
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import Forbidden
from integrations.kubernetes.kinds import Kind
from integrations.kubernetes.sdk import Access
from integrations.kubernetes.transport import Request
from sandbox.cluster import PracticeCluster
from sandbox.kube.resources import CLUSTERROLES, NAMESPACES
from sandbox.world import PACES

MANIFEST = Path(__file__).parents[2] / "deploy" / "rbac.yaml"
PLURALS = {
    "ServiceAccount": ("serviceaccounts", True),
    "ClusterRole": ("clusterroles", False),
    "ClusterRoleBinding": ("clusterrolebindings", False),
    "RoleBinding": ("rolebindings", True),
}


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[PracticeCluster]:
    """A cluster prepared as the file says."""
    made = await PracticeCluster.started("main", tmp_path / "admin", pace=PACES["fast"])
    for name in ("onprem", "parse", "other"):
        made.store.create(NAMESPACES, {"metadata": {"name": name}})
    async with KubeClient(Access("main", made.kubeconfig)) as admin:
        for item in yaml.safe_load_all(MANIFEST.read_text()):
            plural, namespaced = PLURALS[item["kind"]]
            kind = Kind(item["apiVersion"], plural, item["kind"], namespaced)
            await admin.create(kind, item["metadata"].get("namespace"), item)
    yield made
    await made.close()


@pytest.fixture
async def bot(cluster: PracticeCluster, tmp_path: Path) -> AsyncIterator[KubeClient]:
    """The bot's account."""
    async with KubeClient(Access("main", cluster.kubeconfig)) as admin:
        path = "/api/v1/namespaces/onprem/serviceaccounts/onprem/token"
        kind = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        answer: Any = await admin.ask(Request("POST", path, "token", (), kind))
    config = cluster.server.kubeconfig()
    config["users"][0]["user"] = {"token": answer["status"]["token"]}
    (tmp_path / "bot").write_text(yaml.safe_dump(config))
    async with KubeClient(Access("main", tmp_path / "bot")) as client:
        yield client


async def test_health_and_top_see_the_whole_cluster(
    cluster: PracticeCluster, bot: KubeClient
) -> None:
    cluster.controllers.ctx.load.measured = True
    cluster.server.faults.checks.add("etcd")
    assert (await health.control_plane(bot)).failing == ("etcd",)
    cluster.server.faults.checks.clear()
    assert len(await health.nodes(bot)) == 3
    namespaces, everywhere = await health.namespaces_to_see(bot, ["parse"])
    assert everywhere
    assert {"kube-system", "other", "parse"} <= {*namespaces}
    await warned.warnings(bot, namespaces, everywhere=True)
    await health.pods(bot, namespaces, [], time.time())
    assert len(await usage.node_usage(bot)) == 3
    await usage.pod_usage(bot)
    await usage.pod_usage(bot, "parse")


async def test_without_the_rule_for_pods_health_looks_at_the_apps_namespaces(
    cluster: PracticeCluster, bot: KubeClient
) -> None:
    role = cluster.store.get(CLUSTERROLES, None, "onprem-cluster")
    kept = [rule for rule in role["rules"] if not {"pods", "events"} & {*rule.get("resources", ())}]
    async with KubeClient(Access("main", cluster.kubeconfig)) as admin:
        kind = Kind("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", False)
        await admin.patch(kind, None, "onprem-cluster", {"rules": kept})
    assert await health.namespaces_to_see(bot, ["parse"]) == (("parse",), False)
    await warned.warnings(bot, ["parse"], everywhere=False)
    await health.pods(bot, ["parse"], [], time.time())
    with pytest.raises(Forbidden):
        await bot.list(kinds.POD, "other")


async def test_what_others_change_is_watched_where_apps_live(bot: KubeClient) -> None:
    stirred = asyncio.Event()
    mirror = Mirror(bot, "parse", stirred.set)
    task = asyncio.create_task(mirror.run())
    try:
        async with asyncio.timeout(10):
            while len(mirror.sight(0, {}).kinds) < 4:
                stirred.clear()
                await stirred.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
