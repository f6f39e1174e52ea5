"""Drills of apps on volumes that outlive their claims (reclaim policy Retain)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integrations.kubernetes.kinds import Kind
from sandbox.kube.resources import PERSISTENTVOLUMES
from tests.commands.conftest import Office
from tests.commands.recovery import Recovery, shop_config
from tests.commands.test_restore import lost
from tests.commands.test_restore_retained import VOLUME, dumping, kept

CLASS = Kind("storage.k8s.io/v1", "storageclasses", "StorageClass", namespaced=False)
pytestmark = pytest.mark.timeout(60)


def volumes(recovery: Recovery) -> dict[str, Any]:
    return {v["metadata"]["name"]: v for v in recovery.practice.store.list(PERSISTENTVOLUMES)}


async def test_a_dump_alone_is_proved_on_a_new_volume(
    tmp_path: Path, recoverable: Office, recovery: Recovery
) -> None:
    """The copy's claim names the live volume, and would wait for it for ever."""
    name = await dumping(recoverable, recovery)
    before = volumes(recovery)
    recoverable.config = shop_config(tmp_path, drill={"timeout": 10})
    result, _ = await recoverable.run("restore drill shop")
    assert result.ok, result.why
    assert f"PersistentVolume {name}" in result.left_out
    assert volumes(recovery) == before, "nothing of the copy is left, the live volume is as it was"


async def test_a_volume_that_is_gone_is_not_made_anew_for_a_copy(
    tmp_path: Path, recoverable: Office, recovery: Recovery
) -> None:
    """It would be the old storage itself, and the copy would write to it."""
    name = await dumping(recoverable, recovery)
    await lost(recovery)
    await recovery.kube.patch(VOLUME, None, name, {"metadata": {"finalizers": None}})
    await recovery.kube.delete(VOLUME, None, name)
    recoverable.config = shop_config(tmp_path, drill={"timeout": 10})
    result, _ = await recoverable.run("restore drill shop")
    assert not result.ok
    assert result.why.startswith("The copy was not made, for it would work on the old data itself")
    assert f"{name} (the volume of data-db-0, reclaim policy Retain) is not in the" in result.why
    assert "Back up again" in result.why
    assert await recovery.velero.restores() == ()


async def test_a_free_volume_that_the_copy_was_given_is_not_deleted_with_it(
    tmp_path: Path, recoverable: Office, recovery: Recovery
) -> None:
    await dumping(recoverable, recovery)
    (live, *_) = volumes(recovery).values()
    spec = {k: v for k, v in live["spec"].items() if k != "claimRef"}
    spec |= {"persistentVolumeReclaimPolicy": "Retain", "csi": {**spec["csi"], "volumeHandle": "x"}}
    await recovery.kube.create(VOLUME, None, {"metadata": {"name": "spare"}, "spec": spec})
    free = {"status": {"phase": "Available"}}  # which the practice world leaves to be said
    await recovery.kube.patch(VOLUME, None, "spare", free, subresource="status")
    recoverable.config = shop_config(tmp_path, drill={"timeout": 10})
    result, _ = await recoverable.run("restore drill shop")
    assert result.ok, result.why
    spare = volumes(recovery)["spare"]
    assert "-drill-" in spare["spec"]["claimRef"]["namespace"], "the copy had it"
    assert spare["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


async def test_a_claim_that_gets_no_volume_is_told_with_what_mends_it(
    tmp_path: Path, recoverable: Office, recovery: Recovery
) -> None:
    left_out = {"backup.velero.io/backup-volumes-excludes": "data,dump"}
    name = await kept(recoverable, recovery, annotations=left_out)
    kind = volumes(recovery)[name]["spec"]["storageClassName"]
    await recovery.kube.delete(CLASS, None, kind)
    recoverable.config = shop_config(tmp_path, drill={"timeout": 2})
    result, _ = await recoverable.run("restore drill shop")
    assert not result.ok
    assert f"a claim has no volume (data-db-0: storage class {kind} is not in this" in result.why
    assert result.why.endswith(f"Make storage class {kind} here, then drill again.")
    assert "backup.drill.timeout" not in result.why, "more time does not help"
    assert result.left_behind == ""
