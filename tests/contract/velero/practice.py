"""The practice world's Velero as a world of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from sandbox.cluster import PracticeCluster
from sandbox.velero import ObjectStore
from sandbox.world import PACES
from tests.contract.velero.world import World


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[World]:
    """A practice cluster with Velero and its store."""
    async with AsyncExitStack() as stack:
        objects = ObjectStore()
        await objects.start()
        stack.push_async_callback(objects.close)
        cluster = await PracticeCluster.started(
            "sandbox", folder / "kubeconfig", pace=PACES["fast"], objects=objects
        )
        stack.push_async_callback(cluster.close)
        velero = cluster.velero
        assert velero is not None
        await cluster.wait_for(lambda: velero.ready, 10)

        async def server_stop() -> None:
            velero.fault("away")

        async def server_start() -> None:
            velero.fault("away", False)

        yield World(
            "sandbox",
            cluster.kubeconfig,
            "velero",
            objects.away,
            objects.back,
            server_stop,
            server_start,
        )
