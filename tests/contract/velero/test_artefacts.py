"""What the server hands out about a run: addresses, results, lists, logs."""

from __future__ import annotations

import gzip
import json
import secrets

import aiohttp
import pytest
from yarl import URL

from integrations.kubernetes import kinds as kube_kinds
from integrations.velero import kinds
from integrations.velero.errors import NoSuchBackup, NotReadyYet
from integrations.velero.models import Backup, BackupSpec, RestoreSpec
from tests.contract.velero.world import APP, Hands, eventually


@pytest.fixture
async def backup(hands: Hands) -> Backup:
    await hands.config_map("settings", {"colour": "red"})
    await hands.velero.create_backup(hands.name("a"), BackupSpec([hands.namespace], [APP]))
    return await hands.velero.follow_backup(hands.name("a"))


async def fetched(hands: Hands, kind: str, name: str) -> tuple[int, bytes]:
    """The status and bytes that the address of a DownloadRequest gives."""
    request = f"{name}-{secrets.token_hex(4)}"
    body = {
        "apiVersion": "velero.io/v1",
        "kind": "DownloadRequest",
        "metadata": {"name": request},
        "spec": {"target": {"kind": kind, "name": name}},
    }
    await hands.kube.create(kinds.DOWNLOAD_REQUEST, hands.world.namespace, body)

    async def signed() -> str:
        raw = await hands.kube.get(kinds.DOWNLOAD_REQUEST, hands.world.namespace, request)
        status = raw.get("status") or {}
        if status.get("phase") != "Processed":
            return ""
        assert status["expiration"]
        return str(status["downloadURL"])

    url = await eventually(signed)
    async with aiohttp.ClientSession() as http, http.get(URL(url, encoded=True)) as answer:
        return answer.status, await answer.read()


@pytest.mark.parametrize(
    ("kind", "empty"),
    [
        ("BackupResults", {"errors": {}, "warnings": {}}),
        ("BackupResourceList", None),
        ("BackupVolumeInfos", []),
        ("BackupItemOperations", []),
    ],
)
async def test_artefacts_are_packed_json(
    hands: Hands, backup: Backup, kind: str, empty: object
) -> None:
    status, content = await fetched(hands, kind, backup.name)
    assert status == 200
    found = json.loads(gzip.decompress(content))
    if empty is not None:
        assert found == empty
    else:
        assert found == {
            "v1/ConfigMap": [f"{hands.namespace}/settings"],
            "v1/Namespace": [hands.namespace],
        }


async def test_contents_are_a_packed_archive(hands: Hands, backup: Backup) -> None:
    status, content = await fetched(hands, "BackupContents", backup.name)
    assert status == 200
    assert gzip.decompress(content)[257:262] == b"ustar"


async def test_a_changed_address_is_refused(hands: Hands, backup: Backup) -> None:
    request = f"{backup.name}-{secrets.token_hex(4)}"
    body = {
        "apiVersion": "velero.io/v1",
        "kind": "DownloadRequest",
        "metadata": {"name": request},
        "spec": {"target": {"kind": "BackupLog", "name": backup.name}},
    }
    await hands.kube.create(kinds.DOWNLOAD_REQUEST, hands.world.namespace, body)

    async def signed() -> str:
        raw = await hands.kube.get(kinds.DOWNLOAD_REQUEST, hands.world.namespace, request)
        return str((raw.get("status") or {}).get("downloadURL") or "")

    url = (await eventually(signed)).replace("logs.gz", "results.gz")
    async with aiohttp.ClientSession() as http, http.get(URL(url, encoded=True)) as answer:
        assert answer.status == 403
        assert b"SignatureDoesNotMatch" in await answer.read()


async def test_logs_are_lines_of_the_run(hands: Hands, backup: Backup) -> None:
    lines = (await hands.velero.logs("Backup", backup.name)).splitlines()
    assert lines
    assert all(line.startswith('time="') for line in lines)
    assert any("level=info" in line and f"velero/{backup.name}" in line for line in lines)


async def test_a_restore_has_results_list_and_log(hands: Hands, backup: Backup) -> None:
    await hands.velero.create_restore(hands.name("r"), RestoreSpec(backup.name))
    await hands.velero.follow_restore(hands.name("r"))
    assert (await hands.velero.results("Restore", hands.name("r"))).errors == ()
    assert [e.action for e in await hands.velero.entries("Restore", hands.name("r"))]
    assert "level=info" in await hands.velero.logs("Restore", hands.name("r"))


async def test_a_refused_backup_has_no_artefacts(hands: Hands) -> None:
    await hands.velero.create_backup(hands.name("a"), BackupSpec(location="nowhere"))
    await hands.velero.follow_backup(hands.name("a"))
    with pytest.raises(NotReadyYet, match="FailedValidation"):
        await hands.velero.logs("Backup", hands.name("a"))


async def test_an_unknown_run_has_none_either(hands: Hands) -> None:
    with pytest.raises(NoSuchBackup):
        await hands.velero.logs("Backup", "nowhere")


async def test_a_missing_artefact_is_told(hands: Hands, backup: Backup) -> None:
    """The address of something that was never stored leads nowhere."""
    status, _ = await fetched(hands, "CSIBackupVolumeSnapshotContents", backup.name)
    assert status in (200, 404)


async def test_a_claim_without_stored_data_is_told(hands: Hands) -> None:
    """Nothing was asked to copy it, so Velero skips it; the backup is still Completed."""
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

    async def bound() -> bool:
        found = await hands.get(kube_kinds.PERSISTENT_VOLUME_CLAIM, "data")
        running = await hands.get(kube_kinds.POD, "db")
        phases = [(o or {}).get("status", {}).get("phase") for o in (found, running)]
        return phases == ["Bound", "Running"]

    await eventually(bound)
    asked = BackupSpec([hands.namespace], [APP], fs_backup=False, snapshot_volumes=False)
    await hands.velero.create_backup(hands.name("a"), asked)
    assert (await hands.velero.follow_backup(hands.name("a"))).completed

    (found,) = await hands.velero.volume_infos(hands.name("a"))
    assert (found.namespace, found.claim) == (hands.namespace, "data")
    assert found.volume.startswith("pvc-")
    assert found.skipped
    assert found.reason
    assert not found.stored
