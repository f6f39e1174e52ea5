"""Backups: what comes along, what volumes say, the queue, and how they fail."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kube.resources import (
    CLUSTERROLEBINDINGS,
    CLUSTERROLES,
    CONFIGMAPS,
    DAEMONSETS,
    DEPLOYMENTS,
    PERSISTENTVOLUMECLAIMS,
    PERSISTENTVOLUMES,
    PODS,
    SERVICEACCOUNTS,
)
from sandbox.velero import SWITCHES
from sandbox.velero.definitions import BACKUPS, VOLUME_BACKUPS
from tests.sandbox.velero.conftest import LABELS, Hands

CLAIMS, VOLUMES = "v1/PersistentVolumeClaim", "v1/PersistentVolume"
SELECT: dict[str, Any] = {"labelSelector": {"matchLabels": LABELS}}


async def test_a_pod_brings_its_claim_and_the_claim_its_volume(hands: Hands) -> None:
    await hands.database()
    hands.store.update(
        PERSISTENTVOLUMECLAIMS, _unlabelled(hands.get(PERSISTENTVOLUMECLAIMS, "data"))
    )
    await hands.back_up(**SELECT)
    saved = hands.saved()
    assert saved["v1/Pod"] == ["shop/db"]
    assert saved[CLAIMS] == ["shop/data"]
    assert len(saved[VOLUMES]) == 1


async def test_a_claim_brings_all_pods_that_use_it(hands: Hands) -> None:
    await hands.database()
    hands.store.update(PODS, _unlabelled(hands.get(PODS, "db")))
    await hands.back_up(**SELECT)
    assert hands.saved()["v1/Pod"] == ["shop/db"]


async def test_a_kind_that_is_left_out_does_not_come_along(hands: Hands) -> None:
    await hands.database()
    await hands.back_up(excludedResources=["pvc"], **SELECT)
    assert CLAIMS not in hands.saved()


def _unlabelled(obj: Any) -> Any:
    del obj["metadata"]["labels"]
    return obj


@pytest.mark.parametrize(
    ("spec", "there", "missing"),
    [
        ({"includedNamespaceScopedResources": ["cm"]}, "v1/ConfigMap", "v1/ServiceAccount"),
        ({"excludedNamespaceScopedResources": ["configmaps"]}, "v1/ServiceAccount", "v1/ConfigMap"),
        ({"includedClusterScopedResources": ["nodes"]}, "v1/Node", "v1/PersistentVolume"),
        ({"includeClusterResources": True}, "storage.k8s.io/v1/StorageClass", "v1/Pod"),
        ({"includedNamespaces": ["sh*p"]}, "v1/ConfigMap", "v1/Node"),
        ({"includedNamespaces": ["*"], "excludedNamespaces": ["velero"]}, "v1/ConfigMap", "v1/Pod"),
    ],
    ids=["inside", "but", "outside", "everything-outside", "pattern", "all-but"],
)
async def test_filters(hands: Hands, spec: dict[str, Any], there: str, missing: str) -> None:
    await hands.back_up(**spec)
    assert there in hands.saved()
    assert missing not in hands.saved()


async def test_what_is_marked_to_be_left_out_is(hands: Hands) -> None:
    label = {"labels": {"velero.io/exclude-from-backup": "true"}}
    hands.make(CONFIGMAPS, "scratch", metadata=label, data={})
    await hands.back_up()
    assert "shop/scratch" not in hands.saved()["v1/ConfigMap"]


async def test_a_namespace_that_is_not_there_is_an_error(hands: Hands) -> None:
    status = await hands.back_up(includedNamespaces=["nowhere"])
    assert (status["phase"], status["errors"]) == ("PartiallyFailed", 1)
    (text,) = hands.artefacts.json("BackupResults", "b")["errors"]["velero"]
    assert "fail to get the namespace nowhere" in text


# --- volumes ----------------------------------------------------------------------------------


async def test_a_volume_is_copied_when_asked_for(hands: Hands) -> None:
    await hands.database()
    await hands.back_up(defaultVolumesToFsBackup=True)
    info = hands.volumes()["data"]
    assert (info["backupMethod"], info["result"], info["skipped"]) == (
        "PodVolumeBackup", "succeeded", False,
    )  # fmt: skip
    (copy,) = hands.store.scan(VOLUME_BACKUPS, "velero")
    assert copy["status"]["phase"] == "Completed"
    progress = copy["status"]["progress"]
    assert progress["bytesDone"] == progress["totalBytes"] == info["pvbInfo"]["size"] > 4096
    assert copy["metadata"]["annotations"]["velero.io/pvc-name"] == "data"


@pytest.mark.parametrize(
    ("notes", "spec", "reason"),
    [
        ({}, {"snapshotVolumes": False}, "not satisfy the criteria"),
        ({}, {}, "no applicable volumesnapshotter found"),
        (
            {"backup.velero.io/backup-volumes-excludes": "files"},
            {"defaultVolumesToFsBackup": True},
            "podvolume: opted out due to annotation in pod db;",
        ),
    ],
    ids=["nothing-asked", "no-snapshotter", "opted-out"],
)
async def test_an_unprotected_volume_says_why(
    hands: Hands, notes: dict[str, str], spec: dict[str, Any], reason: str
) -> None:
    await hands.database(annotations=notes)
    status = await hands.back_up(**spec)
    assert status["phase"] == "Completed", "Velero's silent trap"
    info = hands.volumes()["data"]
    assert info["skipped"]
    assert "result" not in info
    assert reason in info["skippedReason"]


async def test_a_volume_is_opted_in_by_the_pod(hands: Hands) -> None:
    await hands.database(annotations={"backup.velero.io/backup-volumes": "files"})
    await hands.back_up()
    assert hands.volumes()["data"]["result"] == "succeeded"


async def test_a_volume_on_its_host_is_skipped_with_a_warning(hands: Hands) -> None:
    await hands.database()
    (volume,) = hands.store.list(PERSISTENTVOLUMES)
    del volume["spec"]["csi"]
    volume["spec"]["hostPath"] = {"path": "/data"}
    hands.store.update(PERSISTENTVOLUMES, volume)
    status = await hands.back_up(defaultVolumesToFsBackup=True)
    assert (status["phase"], status["warnings"]) == ("Completed", 1)
    assert hands.volumes()["data"]["skipped"]


async def test_without_the_node_agent_the_pod_is_not_saved(hands: Hands) -> None:
    await hands.database()
    hands.store.delete(DAEMONSETS, "velero", "node-agent")
    await hands.until(lambda: len(hands.store.scan(PODS, "velero")) == 1)
    status = await hands.back_up(defaultVolumesToFsBackup=True)
    assert status["phase"] == "PartiallyFailed"
    assert "v1/Pod" not in hands.saved()
    found = hands.artefacts.json("BackupResults", "b")["errors"]["namespaces"]["shop"]
    assert "daemonset pod not found in running state in node" in found[0]


async def test_a_pod_that_does_not_run_yields_no_data(hands: Hands) -> None:
    hands.cluster.controllers.world.fail_image("db:*")
    request = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    hands.make(PERSISTENTVOLUMECLAIMS, "data", spec=request)
    volume = {"name": "files", "persistentVolumeClaim": {"claimName": "data"}}
    body = {"containers": [{"name": "db", "image": "db:1"}], "volumes": [volume]}
    hands.make(PODS, "db", spec=body)
    await hands.until(
        lambda: (hands.get(PERSISTENTVOLUMECLAIMS, "data") or {})["status"].get("phase") == "Bound"
    )
    await hands.back_up(defaultVolumesToFsBackup=True)
    assert "pod is not running" in hands.volumes()["data"]["skippedReason"]


async def test_a_copy_that_fails_makes_the_backup_partial(hands: Hands) -> None:
    await hands.database()
    hands.velero.fault("volumes_fail")
    status = await hands.back_up(defaultVolumesToFsBackup=True)
    assert status["phase"] == "PartiallyFailed"
    assert hands.volumes()["data"]["result"] == "failed"
    assert hands.status(VOLUME_BACKUPS, _only_copy(hands))["phase"] == "Failed"


def _only_copy(hands: Hands) -> str:
    (copy,) = hands.store.scan(VOLUME_BACKUPS, "velero")
    return str(copy["metadata"]["name"])


# --- hooks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "on_error", "phase", "saved", "failed"),
    [
        ('["true"]', "Fail", "Completed", True, 0),
        ('["false"]', "Fail", "PartiallyFailed", False, 1),
        ('["false"]', "Continue", "PartiallyFailed", True, 1),
    ],
)
async def test_hooks_run_before_a_pod_is_saved(
    hands: Hands, command: str, on_error: str, phase: str, saved: bool, failed: int
) -> None:
    head = "pre.hook.backup.velero.io"
    await hands.database(annotations={f"{head}/command": command, f"{head}/on-error": on_error})
    status = await hands.back_up()
    assert status["phase"] == phase
    assert ("v1/Pod" in hands.saved()) == saved
    assert status["hookStatus"].get("hooksFailed", 0) == failed
    assert status["hookStatus"]["hooksAttempted"] == 1


# --- the queue, and trouble ---------------------------------------------------------------------


async def test_a_backup_that_sticks_holds_up_the_others(hands: Hands) -> None:
    hands.velero.fault("sticks")
    for name in ("first", "second", "third"):
        hands.ask(BACKUPS, name, includedNamespaces=["shop"])
    await hands.until(lambda: hands.status(BACKUPS, "third").get("queuePosition") == 2)
    await hands.until(lambda: hands.status(BACKUPS, "first")["phase"] == "InProgress")
    assert hands.status(BACKUPS, "second")["queuePosition"] == 1
    hands.velero.fault("sticks", False)
    for name in ("first", "second", "third"):
        assert (await hands.ended(BACKUPS, name))["phase"] == "Completed"
    assert "queuePosition" not in hands.status(BACKUPS, "third")


@pytest.mark.parametrize(
    ("fault", "phase"), [("backup_fails", "Failed"), ("backup_partial", "PartiallyFailed")]
)
async def test_failures_on_request(hands: Hands, fault: str, phase: str) -> None:
    hands.velero.fault(fault)
    status = await hands.back_up()
    assert status["phase"] == phase
    assert status.get("failureReason", "").startswith("backup execution failed") == (
        phase == "Failed"
    )
    hands.velero.heal()
    assert (await hands.back_up("again"))["phase"] == "Completed"


async def test_a_store_lost_in_the_middle_fails_the_backup(hands: Hands) -> None:
    hands.velero.fault("sticks")
    hands.ask(BACKUPS, "b", includedNamespaces=["shop"])
    await hands.until(lambda: hands.status(BACKUPS, "b").get("phase") == "InProgress")
    await hands.objects.away()
    hands.velero.fault("sticks", False)
    status = await hands.ended(BACKUPS, "b")
    assert status["phase"] == "Failed"
    assert "connection refused" in status["failureReason"]


async def test_a_restart_gives_up_what_was_in_progress(hands: Hands) -> None:
    hands.velero.fault("sticks")
    for name in ("running", "waiting"):
        hands.ask(BACKUPS, name, includedNamespaces=["shop"])
    await hands.until(lambda: hands.status(BACKUPS, "waiting").get("phase") == "Queued")
    await hands.until(lambda: hands.status(BACKUPS, "running")["phase"] == "InProgress")
    hands.velero.fault("away")
    hands.velero.fault("sticks", False)
    assert not hands.velero.alive
    hands.velero.fault("away", False)
    assert (await hands.ended(BACKUPS, "waiting"))["phase"] == "Completed"
    assert "during the server starting" in hands.status(BACKUPS, "running")["failureReason"]


async def test_without_its_pod_the_server_is_away(hands: Hands) -> None:
    server = hands.get(DEPLOYMENTS, "velero", "velero")
    assert server is not None
    server["spec"]["replicas"] = 0
    hands.store.update(DEPLOYMENTS, server)
    await hands.until(lambda: not hands.velero.alive)
    hands.ask(BACKUPS, "b", includedNamespaces=["shop"])
    server = hands.get(DEPLOYMENTS, "velero", "velero")
    assert server is not None
    server["spec"]["replicas"] = 1
    hands.store.update(DEPLOYMENTS, server)
    assert (await hands.ended(BACKUPS, "b"))["phase"] == "Completed"


async def test_a_name_that_the_store_has_is_taken(hands: Hands) -> None:
    hands.artefacts.put_metadata({"metadata": {"name": "b"}, "status": {}})
    status = await hands.back_up()
    assert status["failureReason"] == (
        "backup execution failed: backup already exists in object storage"
    )


async def test_a_service_account_brings_its_cluster_wide_rights(hands: Hands) -> None:
    hands.make(SERVICEACCOUNTS, "robot")
    hands.make(CLUSTERROLES, "reader", rules=[])
    subject = {"kind": "ServiceAccount", "name": "robot", "namespace": "shop"}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"}
    hands.make(CLUSTERROLEBINDINGS, "robot", subjects=[subject], roleRef=ref)
    await hands.back_up(labelSelector={"matchLabels": LABELS})
    assert hands.saved()["rbac.authorization.k8s.io/v1/ClusterRole"] == ["reader"]


async def test_an_unknown_failure_is_refused(hands: Hands) -> None:
    with pytest.raises(ValueError, match="backup_fails"):
        hands.velero.fault("nonsense")
    for name in SWITCHES:
        hands.velero.fault(name)
    assert hands.velero.faults.active == list(SWITCHES)
    hands.velero.heal()
    assert hands.velero.faults.active == []
