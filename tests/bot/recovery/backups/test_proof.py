"""Which volumes are stored, which are not, and why."""

from __future__ import annotations

from typing import Any

import pytest

from bot.recovery.backups.proof import (
    DUMP_HOOK,
    TAKEN,
    Evidence,
    Proof,
    Protected,
    Unprotected,
    prove,
)
from bot.recovery.words.causes import LEFT_OUT
from integrations.velero.models import VolumeBackup, VolumeInfo

COPY = {"defaultVolumesToFsBackup": True, "snapshotVolumes": False}
SNAPSHOT = {"defaultVolumesToFsBackup": False, "snapshotVolumes": True}
NOTHING = {"defaultVolumesToFsBackup": False, "snapshotVolumes": False}
DATA = ("parse", "data-db-0")


def pod(
    name: str = "db-0",
    claim: str = "data-db-0",
    phase: str = "Running",
    owner: str = "set",
    **notes: str,
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "parse",
            "annotations": {_KEYS[key]: value for key, value in notes.items()},
            "ownerReferences": [{"uid": owner}],
        },
        "spec": {
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": claim}},
                {"name": "dump", "emptyDir": {}},
            ]
        },
        "status": {"phase": phase},
    }


_KEYS = {"hook": DUMP_HOOK, "taken": TAKEN, "left_out": LEFT_OUT}


def info(claim: str = "data-db-0", **more: Any) -> VolumeInfo:
    values: dict[str, Any] = {
        "namespace": "parse",
        "claim": claim,
        "volume": "pvc-1",
        "method": "PodVolumeBackup",
        "skipped": False,
        "reason": "",
        "result": "succeeded",
        "size": 10,
        "stored": True,
        **more,
    }
    return VolumeInfo(**values)


def skipped(reason: str) -> VolumeInfo:
    return info(skipped=True, reason=reason, result="", size=None, stored=False, method="")


def copy(
    volume: str = "data",
    claim: str = "data-db-0",
    pod: str = "db-0",
    phase: str = "Completed",
    total: int = 10,
    message: str = "",
) -> VolumeBackup:
    return VolumeBackup("b-1", "b", "parse", pod, claim, volume, phase, total, total, message)


def causes(evidence: Evidence) -> list[tuple[str, str]]:
    return [(u.claim, u.cause) for u in prove(evidence).unprotected]


def test_a_claim_whose_data_velero_lists_as_stored_is_protected() -> None:
    evidence = Evidence([DATA], [info()], [copy()], [pod()], spec=COPY)
    assert prove(evidence) == Proof((Protected("data-db-0", "copied as files", 10),), (), 10)


def test_a_copy_on_record_suffices_when_the_list_could_not_be_fetched() -> None:
    assert prove(Evidence([DATA], [], [copy(total=7)], [pod()], spec=COPY)).protected == (
        Protected("data-db-0", "copied as files", 7),
    )


def test_a_snapshot_protects_too() -> None:
    found = prove(Evidence([DATA], [info(method="CSISnapshot", size=None)], spec=SNAPSHOT))
    assert found.protected == (Protected("data-db-0", "snapshot", None),)
    assert found.size is None


def test_a_claim_that_velero_never_mentions_is_not_protected() -> None:
    found = prove(Evidence([DATA], [info("another")], [], [pod()], spec=COPY))
    assert [u.claim for u in found.unprotected] == ["data-db-0"]


def test_only_the_claim_of_the_same_namespace_counts() -> None:
    found = prove(Evidence([DATA, ("shop", "data-db-0")], [info()], spec=COPY))
    assert [p.claim for p in found.protected] == ["parse/data-db-0"]
    assert [u.claim for u in found.unprotected] == ["shop/data-db-0"]


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (
            "podvolume: encountered a problem with backing up the PVC of pod parse/db-0: daemonset "
            "pod not found in running state in node node-2;volumeSnapshot: not satisfy the "
            "criteria for VolumePolicy or the legacy snapshot way;",
            "no node agent runs on node-2",
        ),
        (
            "podvolume: opted out due to annotation in pod db-0;volumeSnapshot: not satisfy the "
            "criteria for VolumePolicy or the legacy snapshot way;",
            "an annotation of pod db-0 leaves it out",
        ),
        (
            "podvolume: volume data is declared in pod db-0 but not mounted by any container, "
            "skipping;",
            "no container of pod db-0 mounts it",
        ),
        ("podvolume: … of pod parse/db-0: pod is not running;", "its pod is not running"),
        (
            "volumeSnapshot: no applicable volumesnapshotter found;",
            "nothing here can make snapshots of its storage",
        ),
        (
            "CSI: error getting VolumeSnapshotClass: no VolumeSnapshotClass found for driver x",
            "its storage has no VolumeSnapshotClass",
        ),
        ("something new", "something new"),
    ],
)
def test_veleros_reason_is_told_in_words(reason: str, cause: str) -> None:
    spec = SNAPSHOT if "napshot:" in reason and "podvolume" not in reason else COPY
    evidence = Evidence([DATA], [skipped(reason)], [], [pod()], spec=spec)
    (lost,) = prove(evidence).unprotected
    assert lost.cause == cause
    assert lost.mend


def test_a_directory_of_a_node_is_told_before_all_other_reasons() -> None:
    volumes = {DATA: {"spec": {"hostPath": {"path": "/var/lib/rancher/k3s/storage/x"}}}}
    unfit = "volumeSnapshot: not satisfy the criteria for VolumePolicy or the legacy snapshot way;"
    (lost,) = prove(Evidence([DATA], [skipped(unfit)], [], [pod()], volumes, COPY)).unprotected
    assert "hostPath" in lost.cause
    assert "defaultVolumeType: local" in lost.mend


def test_a_failed_copy_says_why() -> None:
    failed = copy(phase="Failed", message="error running backup: dial tcp: connection refused")
    evidence = Evidence([DATA], [info(stored=False, result="failed")], [failed], [pod()], spec=COPY)
    assert causes(evidence) == [("data-db-0", "its copy failed: the store cannot be reached")]


@pytest.mark.parametrize(
    ("pods", "cause"),
    [
        ([], "no pod mounts it, and Velero copies volumes of running pods only"),
        ([pod(phase="Pending")], "db-0 is not running"),
        ([pod()], "Velero says nothing of it"),
    ],
)
def test_what_the_cluster_shows_is_told_where_velero_is_silent(
    pods: list[dict[str, Any]], cause: str
) -> None:
    assert causes(Evidence([DATA], [], [], pods, spec=COPY)) == [("data-db-0", cause)]


def test_a_backup_without_volumes_says_so() -> None:
    (lost,) = prove(Evidence([DATA], [], [], [pod()], spec=NOTHING)).unprotected
    assert lost == Unprotected(
        "data-db-0",
        "this backup saves no volumes",
        "Set `backup.volumes: copy` for the app in onprem.yaml, or annotate its pods with "
        "`backup.velero.io/backup-volumes`",
    )


NOTES = {"hook": '["sh", "/dump.sh"]', "taken": "dump", "left_out": "data,tmp"}
LEFT = "podvolume: opted out due to annotation in pod db-0;"


def test_data_that_a_hook_dumped_into_a_copied_volume_is_protected() -> None:
    pods = [pod("db-0", **NOTES), pod("db-1", "data-db-1", **NOTES)]
    copies = [copy("dump", "", "db-0", total=0), copy("dump", "", "db-1", total=500)]
    evidence = Evidence([DATA, ("parse", "data-db-1")], [skipped(LEFT)], copies, pods, spec=COPY)
    found = prove(evidence)
    assert found.unprotected == ()
    how = "dump in db-1's volume dump"
    assert found.protected == (
        Protected("data-db-0", how, 500),
        Protected("data-db-1", how, 500),
    )
    assert found.size == 500


@pytest.mark.parametrize(
    ("pods", "copies"),
    [
        ([pod(**NOTES)], [copy("dump", "", total=0)]),
        ([pod(**NOTES)], [copy("dump", "", phase="Failed")]),
        ([pod(**NOTES)], [copy("other", "")]),
        ([pod(**NOTES)], []),
        ([pod(**{**NOTES, "hook": ""})], [copy("dump", "")]),
        ([pod(**NOTES), pod("alien", "x", owner="else", **NOTES)], [copy("dump", "", "alien")]),
    ],
    ids=["empty", "failed", "another-volume", "nothing-copied", "no-hook", "another-set"],
)
def test_a_dump_that_is_not_there_protects_nothing(
    pods: list[dict[str, Any]], copies: list[VolumeBackup]
) -> None:
    evidence = Evidence([DATA], [skipped(LEFT)], copies, pods, spec=COPY)
    assert causes(evidence) == [("data-db-0", "an annotation of pod db-0 leaves it out")]


def test_a_hook_does_not_excuse_a_volume_that_was_meant_to_be_copied() -> None:
    meant = pod(**{**NOTES, "left_out": ""})
    reason = "podvolume: x: daemonset pod not found in running state in node n1;"
    evidence = Evidence([DATA], [skipped(reason)], [copy("dump", "")], [meant], spec=COPY)
    assert causes(evidence) == [("data-db-0", "no node agent runs on n1")]
