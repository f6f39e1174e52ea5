"""The server away or restarted, the API server restarted."""

from __future__ import annotations

import asyncio
import time

import pytest

from integrations.kubernetes import kinds as kube_kinds
from integrations.velero import kinds
from integrations.velero.errors import ServerAway, TookTooLong
from integrations.velero.models import BackupSpec, Restore, RestoreSpec
from tests.cluster.recovery import VeleroServer
from tests.contract.velero.world import APP, Hands, eventually


async def test_a_living_server_tells_version_and_plugins(hands: Hands) -> None:
    found = await hands.velero.server()
    assert found.version.startswith("v1.")
    assert "ObjectStore velero.io/aws" in found.plugins
    assert len(set(found.plugins)) == len(found.plugins)


async def test_every_question_to_a_server_that_is_down_ends_within_ten_seconds(
    hands: Hands,
) -> None:
    await hands.velero.create_backup(hands.name("a"), BackupSpec([hands.namespace], [APP]))
    backup = await hands.velero.follow_backup(hands.name("a"))
    await hands.world.server_stop()
    try:
        request = await hands.velero.request_deletion(backup)
        await hands.velero.create_restore(hands.name("r"), RestoreSpec(backup.name))
        began = time.monotonic()
        answers = await asyncio.gather(
            hands.velero.server(),
            hands.velero.logs("Backup", backup.name),
            hands.velero.follow_gone(backup.name, request=request),
            hands.velero.follow_restore(hands.name("r")),
            return_exceptions=True,
        )
        assert [type(a) for a in answers] == [ServerAway] * 4
        assert time.monotonic() - began < hands.world.soon
    finally:
        await hands.world.server_start()


async def test_a_run_that_takes_too_long_is_told_and_goes_on(hands: Hands) -> None:
    await hands.velero.create_backup(hands.name("a"), BackupSpec([hands.namespace], [APP]))
    with pytest.raises(TookTooLong, match=hands.name("a")):
        await hands.velero.follow_backup(hands.name("a"), timeout=0.01)
    assert (await hands.velero.follow_backup(hands.name("a"))).completed


async def test_a_restart_fails_what_was_under_way(hands: Hands) -> None:
    """The server cannot go on with it; the object is as the killed one left it."""
    await hands.velero.create_backup(hands.name("good"), BackupSpec([hands.namespace], [APP]))
    await hands.velero.follow_backup(hands.name("good"))
    await hands.world.server_stop()
    try:
        for kind, spec in (
            (kinds.BACKUP, {"storageLocation": "default"}),
            (kinds.RESTORE, {"backupName": hands.name("good")}),
        ):
            body = {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "metadata": {
                    "name": hands.name("cut"),
                    "labels": {"velero.io/storage-location": "default"},
                },
                "spec": spec,
                "status": {"phase": "InProgress", "startTimestamp": "2026-01-01T00:00:00Z"},
            }
            await hands.kube.create(kind, hands.world.namespace, body)
    finally:
        await hands.world.server_start()
    backup = await hands.velero.follow_backup(hands.name("cut"))
    restore = await hands.velero.follow_restore(hands.name("cut"))
    for run in (backup, restore):
        assert run.phase == "Failed"
        assert "InProgress" in run.failure
        assert not run.usable


@pytest.mark.lab
@pytest.mark.timeout(180)
async def test_following_survives_a_restart_of_the_api_server(
    lab_hands: Hands, lab_velero: VeleroServer
) -> None:
    hands = lab_hands
    for number in range(20):
        await hands.config_map(f"settings-{number}", {"colour": "red"})
    await hands.velero.create_backup(hands.name("a"), BackupSpec([hands.namespace], [APP]))
    await hands.velero.follow_backup(hands.name("a"))
    await hands.delete_namespace()
    await hands.velero.create_restore(hands.name("r"), RestoreSpec(hands.name("a")))
    restarted: list[Restore] = []

    async def told(restore: Restore) -> None:
        if not restarted and restore.phase == "InProgress":
            restarted.append(restore)
            lab_velero.lab.apiserver.kill()
            lab_velero.lab.start_apiserver()

    done = await hands.velero.follow_restore(hands.name("r"), on_progress=told)
    assert restarted
    assert done.finished

    async def settled() -> bool:
        return bool(await hands.velero.server())

    assert await eventually(settled)


@pytest.mark.lab
async def test_without_node_agents_a_volume_is_an_error(lab_hands: Hands) -> None:
    """On the lab alone: kwok's nodes run no agents. The practice world has them."""
    hands = lab_hands
    claim = {
        "metadata": {"name": "data", "labels": APP},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    pod = {
        "metadata": {"name": "db", "labels": APP},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "main", "image": "example.com/db:1"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        },
    }
    await hands.kube.create(kube_kinds.PERSISTENT_VOLUME_CLAIM, hands.namespace, claim)
    await hands.kube.create(kube_kinds.POD, hands.namespace, pod)

    async def running() -> bool:
        found = await hands.get(kube_kinds.POD, "db")
        return bool(found and (found.get("status") or {}).get("phase") == "Running")

    await eventually(running)
    asked = BackupSpec([hands.namespace], [APP], fs_backup=True)
    await hands.velero.create_backup(hands.name("a"), asked)
    done = await hands.velero.follow_backup(hands.name("a"))
    assert (done.phase, done.errors) == ("PartiallyFailed", 1)
    (error,) = (await hands.velero.results("Backup", done.name)).errors
    assert "daemonset pod not found" in error.text
    (volume,) = await hands.velero.volume_infos(done.name)
    assert not volume.stored
    assert "daemonset pod not found" in volume.reason
