"""What `check` asks: Velero too, wherever an app is backed up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.config import load
from bot.probing import probe_all
from integrations.helm.binary import find_helm
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.sdk import Access
from integrations.probes import probe_velero
from integrations.velero.models import BackupSpec
from sandbox.trouble import Trouble
from sandbox.velero.definitions import LOCATIONS
from sandbox.world import World
from tests.commands.recovery import Recovery, open_recovery, shop_config


@pytest.mark.helm
async def test_velero_is_asked_where_an_app_is_backed_up() -> None:
    async with World.start() as world:
        config, practice = load(world.config), world.clusters[0]
        assert "velero_namespace" not in config.clusters["main"].model_fields_set
        assert practice.velero is not None
        await practice.wait_for(lambda: practice.velero and practice.velero.ready, 10)
        kube = KubeClient(Access("main", practice.kubeconfig))

        async def asked() -> dict[str, str]:
            clusters: Any = lambda _: SimpleNamespace(kube=kube)  # noqa: E731
            rows = await probe_all(config, clusters, await find_helm())
            return {system: state for system, state, _ in rows}

        def unavailable() -> bool:
            found = practice.store.peek(LOCATIONS, "velero", "default") or {}
            return bool(found.get("status", {}).get("phase") == "Unavailable")

        try:
            assert await asked() == {
                "helm": "works", "Kubernetes main": "works", "Velero in main": "works",
                "Prometheus": "works", "Alertmanager": "works",
            }  # fmt: skip
            await world.trouble([Trouble.parse("store-away")])
            await practice.wait_for(unavailable, 10)
            assert (await asked())["Velero in main"] == "fails"
            apps = {"parse": config.apps["parse"].model_copy(update={"backup": None})}
            config = config.model_copy(update={"apps": apps})
            assert "Velero in main" not in await asked()
        finally:
            await kube.close()


async def test_an_address_of_the_store_that_only_velero_reaches_is_told(recovery: Recovery) -> None:
    """Before the worst day: a restore reads what a backup holds from the store itself."""
    await recovery.shop()
    found = await probe_velero(recovery.kube)
    assert found.ok
    assert "There is no backup yet to read" in found.message
    await recovery.velero.create_backup("saved", BackupSpec(namespaces=("shop",)))
    await recovery.velero.follow_backup("saved")
    found = await probe_velero(recovery.kube)
    assert found.ok, found
    assert "What saved stored can be read" in found.message
    await recovery.objects.away()  # Velero does not know yet, as if it had another way there
    found = await probe_velero(recovery.kube)
    assert not found.ok
    assert "could not be fetched from 127.0.0.1" in found.message
    assert "publicUrl" in found.hint


@pytest.fixture
async def recovery(tmp_path: Path) -> AsyncIterator[Recovery]:
    async with open_recovery(tmp_path, shop_config(tmp_path)) as made:
        yield made
