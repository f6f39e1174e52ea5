"""The same tests of Velero against the practice world and the real server with a real store."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from integrations.kubernetes import kinds
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import NotFound
from integrations.kubernetes.sdk import Access
from tests.cluster.recovery import ObjectStore, VeleroServer
from tests.contract.velero import practice
from tests.contract.velero.world import Hands, World

WORLDS = ["sandbox", pytest.param("lab", marks=pytest.mark.lab)]


@pytest.fixture(params=WORLDS)
async def velero_world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "sandbox":
        async with practice.started(tmp_path) as made:
            yield made
        return
    server = request.getfixturevalue("lab_velero")
    yield _world(server, request.getfixturevalue("object_store"))


@pytest.fixture
async def hands(velero_world: World) -> AsyncIterator[Hands]:
    async with _hands(velero_world) as made:
        yield made


@pytest.fixture
async def lab_hands(lab_velero: VeleroServer, object_store: ObjectStore) -> AsyncIterator[Hands]:
    """The real server's alone, for what the practice world does otherwise by intention."""
    async with _hands(_world(lab_velero, object_store)) as made:
        yield made


@pytest.fixture
async def others_hands(
    request: pytest.FixtureRequest, velero_world: World, tmp_path: Path
) -> AsyncIterator[Hands]:
    """A second cluster on the store of the first."""
    if velero_world.name == "sandbox":
        async with practice.another(velero_world, tmp_path) as made, _hands(made) as found:
            yield found
        return
    server, store = (request.getfixturevalue(n) for n in ("second_velero", "object_store"))
    async with _hands(_world(server, store)) as found:
        yield found


def _world(server: VeleroServer, store: ObjectStore) -> World:
    async def store_away() -> None:
        store.stop()

    async def store_back() -> None:
        store.start()

    async def server_stop() -> None:
        server.stop()

    async def server_start() -> None:
        server.start()

    return World(
        "lab",
        server.lab.kubeconfig,
        server.namespace,
        store_away,
        store_back,
        server_stop,
        server_start,
    )


@asynccontextmanager
async def _hands(world: World) -> AsyncIterator[Hands]:
    async with KubeClient(Access(world.name, world.kubeconfig)) as kube:
        namespace = f"v-{secrets.token_hex(4)}"
        await kube.create(kinds.NAMESPACE, None, {"metadata": {"name": namespace}})
        yield Hands(world, kube, namespace)
        with suppress(NotFound):
            await kube.delete(kinds.NAMESPACE, None, namespace)
