"""The practice world's Velero as a world of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.cluster import PracticeCluster
from sandbox.velero import ObjectStore
from sandbox.world import PACES
from tests.contract.velero.world import World


@dataclass(frozen=True)
class _Practice(World):
    objects: ObjectStore


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[World]:
    """A practice cluster with Velero and its store."""
    objects = ObjectStore()
    await objects.start()
    try:
        async with _cluster(folder / "kubeconfig", objects) as made:
            yield made
    finally:
        await objects.close()


@asynccontextmanager
async def another(world: World, folder: Path) -> AsyncIterator[World]:
    """A second practice cluster on the store of ``world``."""
    assert isinstance(world, _Practice)
    async with _cluster(folder / "kubeconfig-other", world.objects) as made:
        yield made


@asynccontextmanager
async def _cluster(kubeconfig: Path, objects: ObjectStore) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        cluster = await PracticeCluster.started(
            "sandbox", kubeconfig, pace=PACES["fast"], objects=objects
        )
        stack.push_async_callback(cluster.close)
        velero = cluster.velero
        assert velero is not None
        await cluster.wait_for(lambda: velero.ready, 10)

        async def server_stop() -> None:
            velero.fault("away")

        async def server_start() -> None:
            velero.fault("away", False)

        yield _Practice(
            "sandbox",
            kubeconfig,
            "velero",
            objects.away,
            objects.back,
            server_stop,
            server_start,
            objects,
        )
