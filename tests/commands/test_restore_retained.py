"""Volumes with the reclaim policy Retain, of whose data the backup holds no copy of its own."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import Refused
from integrations.kubernetes.kinds import PERSISTENT_VOLUME_CLAIM, STATEFUL_SET, Kind
from sandbox.kube.resources import PODS
from tests.commands.conftest import Office
from tests.commands.recovery import LABELS, Recovery
from tests.commands.test_restore import lost

VOLUME = Kind("v1", "persistentvolumes", "PersistentVolume", namespaced=False)
LEFT_OUT = {"backup.velero.io/backup-volumes-excludes": "data"}
DUMPED = {
    **LEFT_OUT,
    "pre.hook.backup.velero.io/command": '["true"]',
    "backup.velero.io/backup-volumes": "dump",
}


async def kept(office: Office, recovery: Recovery, **pod: Any) -> str:
    """The shop on a volume that outlives its claim, backed up; returns the volume's name."""
    await recovery.shop(**pod)
    return await backed_up(office, recovery)


async def backed_up(office: Office, recovery: Recovery) -> str:
    recovery.server.write_volume("shop", "data-db-0", {"rows": [1]})
    claim = await recovery.kube.get(PERSISTENT_VOLUME_CLAIM, "shop", "data-db-0")
    name = str(claim["spec"]["volumeName"])
    body = {"spec": {"persistentVolumeReclaimPolicy": "Retain"}}
    await recovery.kube.patch(VOLUME, None, name, body)
    await office.run("backup create shop")
    return name


async def dumping(office: Office, recovery: Recovery) -> str:
    """The same, where a hook dumps the data into a volume that is copied."""
    await recovery.shop(annotations=DUMPED)
    size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    await recovery.make(PERSISTENT_VOLUME_CLAIM, "dumps", LABELS, spec=size)
    volumes = [{"name": "dump", "persistentVolumeClaim": {"claimName": "dumps"}}]
    body = {"spec": {"template": {"spec": {"volumes": volumes}}}}
    await recovery.kube.patch(STATEFUL_SET, "shop", "db", body)

    def moved() -> bool:
        pod = recovery.practice.store.peek(PODS, "shop", "db-0") or {"spec": {}}
        return "dumps" in str(pod["spec"].get("volumes"))

    await recovery.practice.wait_for(moved, 20)
    await recovery.settled("db-0")
    return await backed_up(office, recovery)


async def test_a_claim_that_will_wait_is_told_with_what_mends_it(
    recoverable: Office, recovery: Recovery
) -> None:
    name = await kept(recoverable, recovery, annotations=LEFT_OUT)
    await lost(recovery)
    plan = await recoverable.plan("restore shop")
    (said,) = plan.warnings
    assert said.startswith(f"Claim data-db-0 will wait for volume {name} (reclaim policy Retain)")
    assert f'`kubectl patch pv {name} -p \'{{"spec":{{"claimRef":{{"uid":null}}}}}}\'`' in said
    assert "`kubectl -n shop delete pvc data-db-0` once it waits" in said

    await recovery.kube.patch(VOLUME, None, name, {"spec": {"claimRef": {"uid": None}}})
    plan = await recoverable.plan("restore shop")
    assert "will wait" not in "".join(plan.warnings)
    result, _ = await recoverable.run("restore shop", plan)
    assert result.ok
    claim = await recovery.kube.get(PERSISTENT_VOLUME_CLAIM, "shop", "data-db-0")
    assert (claim["spec"]["volumeName"], claim["status"]["phase"]) == (name, "Bound")


async def test_it_does_wait(recoverable: Office, recovery: Recovery) -> None:
    """What the warning says is so."""
    name = await kept(recoverable, recovery, annotations=LEFT_OUT)
    await lost(recovery)
    plan = await recoverable.plan("restore shop --only persistentvolumeclaims")
    assert "will wait" in "".join(plan.warnings)
    await recoverable.run("restore shop --only persistentvolumeclaims", plan)
    claim = await recovery.kube.get(PERSISTENT_VOLUME_CLAIM, "shop", "data-db-0")
    assert (claim["spec"]["volumeName"], claim["status"]["phase"]) == (name, "Pending")


async def test_a_copy_beside_it_is_told_that_the_volume_is_in_use(
    recoverable: Office, recovery: Recovery
) -> None:
    name = await kept(recoverable, recovery, annotations=LEFT_OUT)
    said = "".join((await recoverable.plan("restore shop --to copy")).warnings)
    assert f"will wait for volume {name} (reclaim policy Retain), which shop/data-db-0 uses" in said
    assert "kubectl patch" not in said, "it would be taken from the living"


async def test_a_volume_that_was_copied_is_made_anew(
    recoverable: Office, recovery: Recovery
) -> None:
    await kept(recoverable, recovery)
    result, _ = await recoverable.run("restore shop --replace")
    assert result.ok
    assert recovery.server.volume("shop", "data-db-0")["rows"] == [1]


async def test_a_replace_that_could_not_refill_is_refused(
    recoverable: Office, recovery: Recovery
) -> None:
    """A dump stands for the data; the volume itself would never bind again."""
    name = await dumping(recoverable, recovery)
    with pytest.raises(Refused, match="cannot refill data-db-0") as caught:
        await recoverable.plan("restore shop --replace")
    assert f"{name} outlives its claim (reclaim policy Retain)" in caught.value.why
    claim = await recovery.kube.get(PERSISTENT_VOLUME_CLAIM, "shop", "data-db-0")
    assert claim["status"]["phase"] == "Bound"


async def test_a_plan_offers_no_replace_that_would_be_refused(
    recoverable: Office, recovery: Recovery
) -> None:
    await dumping(recoverable, recovery)
    said = "".join((await recoverable.plan("restore shop")).warnings)
    assert "Nor can --replace alone do that for data-db-0 (reclaim policy Retain" in said
    assert "deletes and refills" not in said


async def test_a_plan_offers_no_replace_where_the_backup_has_no_data(
    recoverable: Office, recovery: Recovery
) -> None:
    await kept(recoverable, recovery, annotations=LEFT_OUT)
    said = "".join((await recoverable.plan("restore shop")).warnings)
    assert "its data is NOT rolled back. The backup has none of it." in said


async def test_a_volume_that_is_made_as_it_was_is_not_called_empty(
    recoverable: Office, recovery: Recovery
) -> None:
    name = await kept(recoverable, recovery, annotations=LEFT_OUT)
    await lost(recovery)
    await recovery.kube.patch(VOLUME, None, name, {"metadata": {"finalizers": None}})
    await recovery.kube.delete(VOLUME, None, name)
    said = "".join((await recoverable.plan("restore shop")).warnings)
    assert f"data-db-0 (volume {name}), and the reclaim policy is Retain" in said
    assert "on its OLD storage" in said
    assert "EMPTY" not in said
    assert "BOTH" not in said
