"""The client where there is no Velero, and where there is no cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import ClusterUnreachable
from integrations.kubernetes.sdk import Access
from integrations.velero.client import Velero
from integrations.velero.errors import RequestRefused, VeleroMissing
from integrations.velero.models import BackupSpec, RestoreSpec
from sandbox.cluster import PracticeCluster
from sandbox.world import PACES


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[PracticeCluster]:
    made = await PracticeCluster.started("bare", tmp_path / "kubeconfig", pace=PACES["fast"])
    yield made
    await made.close()


@pytest.fixture
async def bare(cluster: PracticeCluster) -> AsyncIterator[Velero]:
    async with KubeClient(Access("bare", cluster.kubeconfig)) as kube:
        yield Velero(kube)


ASKS: dict[str, Callable[[Velero], Awaitable[object]]] = {
    "backups": lambda v: v.backups(),
    "backup": lambda v: v.backup("a"),
    "restores": lambda v: v.restores(),
    "schedules": lambda v: v.schedules(),
    "locations": lambda v: v.locations(),
    "create": lambda v: v.create_backup("a", BackupSpec()),
    "restore": lambda v: v.create_restore("a", RestoreSpec("a")),
    "pause": lambda v: v.pause_schedule("a", True),
    "delete": lambda v: v.delete_schedule("a"),
    "logs": lambda v: v.logs("Backup", "a"),
    "server": lambda v: v.server(),
}


@pytest.mark.parametrize("ask", ASKS)
async def test_a_cluster_without_velero_is_told(bare: Velero, ask: str) -> None:
    with pytest.raises(VeleroMissing, match="Cluster bare has no Velero in namespace velero"):
        await ASKS[ask](bare)


@pytest.mark.parametrize("ask", ASKS)
async def test_a_cluster_that_is_away_is_told(
    bare: Velero, cluster: PracticeCluster, ask: str
) -> None:
    await cluster.server.close()
    with pytest.raises(ClusterUnreachable):
        await ASKS[ask](bare)


NAME = "a'; kubectl delete ns x --all # velero.io/backup-name in (a,b)"


@pytest.mark.parametrize(
    "ask",
    [
        lambda v: v.backup(NAME),
        lambda v: v.restore(NAME),
        lambda v: v.schedule(NAME),
        lambda v: v.location(NAME),
        lambda v: v.create_backup(NAME, BackupSpec()),
        lambda v: v.create_restore(NAME, RestoreSpec("a")),
        lambda v: v.create_schedule(NAME, "@daily", BackupSpec()),
        lambda v: v.keep(NAME, 0),
        lambda v: v.delete_schedule(NAME),
        lambda v: v.results("Restore", NAME),
    ],
)
async def test_a_name_with_other_characters_is_never_sent(
    bare: Velero, cluster: PracticeCluster, ask: Callable[[Velero], Awaitable[object]]
) -> None:
    await cluster.server.close()  # whatever is sent would fail otherwise
    with pytest.raises(RequestRefused, match="is not a name"):
        await ask(bare)
