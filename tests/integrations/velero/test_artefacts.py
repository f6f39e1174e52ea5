"""Results, lists and volumes, read from what the real server stored."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.velero import artefacts, downloads
from integrations.velero.errors import DownloadFailed
from integrations.velero.models import Entry, Remark

Read = Callable[[str], Any]


def test_warnings_of_a_restore_name_their_namespace(recorded: Read) -> None:
    found = artefacts.results(json.dumps(recorded("restore-results")))
    assert found.errors == ()
    assert len(found.warnings) == 4
    assert {(w.scope, w.namespace) for w in found.warnings} == {("namespace", "parse")}
    assert "PersistentVolumeClaim:data-db-0 already exists" in found.warnings[0].text


def test_errors_of_a_backup_may_be_velero_own(recorded: Read) -> None:
    found = artefacts.results(json.dumps(recorded("backup-results")))
    (error,), (warning,) = found.errors, found.warnings
    assert (error.scope, error.namespace) == ("velero", "")
    assert "daemonset pod not found" in error.text
    assert (warning.scope, warning.namespace) == ("namespace", "parse")


def test_remarks_of_the_cluster() -> None:
    text = json.dumps({"errors": {"cluster": ["a", "b"]}, "warnings": None})
    assert artefacts.results(text).errors == (
        Remark("cluster", "", "a"),
        Remark("cluster", "", "b"),
    )


def test_entries_of_a_backup(recorded: Read) -> None:
    found = artefacts.entries(json.dumps(recorded("backup-list")))
    assert len(found) == 14
    assert Entry("apps/v1/Deployment", "parse", "server") in found
    assert Entry("v1/Namespace", "", "parse") in found


def test_entries_of_a_restore_say_what_became_of_them(recorded: Read) -> None:
    found = artefacts.entries(json.dumps(recorded("restore-list")))
    assert Entry("apps/v1/Deployment", "parse", "server", "skipped") in found
    assert Entry("v1/PersistentVolumeClaim", "parse", "data-db-0", "failed") in found
    assert {e.namespace for e in found if e.kind == "v1/PersistentVolume"} == {""}


def test_an_unknown_action_is_none() -> None:
    (found,) = artefacts.entries('{"v1/Secret": ["ns/name(melted)"]}')
    assert found == Entry("v1/Secret", "ns", "name", "")


def test_a_skipped_volume_is_not_stored(recorded: Read) -> None:
    (found,) = artefacts.volume_infos(json.dumps(recorded("volume-infos")))
    assert (found.namespace, found.claim) == ("parse", "data-db-0")
    assert found.skipped
    assert "daemonset pod not found" in found.reason
    assert (found.stored, found.size) == (False, None)


@pytest.mark.parametrize(
    ("more", "size", "stored"),
    [
        ({"result": "succeeded", "pvbInfo": {"size": 12, "volumeName": "data"}}, 12, True),
        ({"result": "succeeded", "pvbInfo": {"volumeName": "data"}}, 0, True),
        ({"result": "failed", "pvbInfo": {"size": 12}}, 12, False),
        ({"result": "succeeded", "csiSnapshotInfo": {"size": 7}}, 7, True),
        (
            {
                "result": "succeeded",
                "csiSnapshotInfo": {"size": 7},
                "snapshotDataMovementInfo": {"size": 5},
            },
            5,
            True,
        ),
        ({"result": "succeeded", "nativeSnapshotInfo": {"snapshotHandle": "x"}}, None, True),
        ({"skipped": True, "result": "succeeded"}, None, False),
        ({}, None, False),
    ],
)
def test_data_is_stored_only_when_the_server_says_so(
    more: dict[str, Any], size: int | None, stored: bool
) -> None:
    """Made by hand from Velero's types: the lab has no node agents and no snapshots."""
    (found,) = artefacts.volume_infos(json.dumps([{"pvcName": "data", **more}]))
    assert (found.size, found.stored) == (size, stored)


def test_no_volumes_at_all() -> None:
    assert artefacts.volume_infos("[]") == artefacts.volume_infos("null") == ()


@pytest.mark.parametrize("read", [artefacts.results, artefacts.entries, artefacts.volume_infos])
@pytest.mark.parametrize("text", ["", "<html>", '"text"', "7"])
def test_something_else_is_told(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(DownloadFailed, match="not readable"):
        read(text)


@given(st.text())
def test_a_packed_text_comes_out_as_it_was(text: str) -> None:
    assert downloads.unpacked(gzip.compress(text.encode("utf-8", "replace")), "a", "BackupLog") == (
        text.encode("utf-8", "replace").decode()
    )


def test_a_damaged_file_is_told() -> None:
    with pytest.raises(DownloadFailed, match="log of Backup a is damaged"):
        downloads.unpacked(b"plain", "Backup a", "BackupLog")
    with pytest.raises(DownloadFailed, match="cut short"):
        downloads.unpacked(gzip.compress(b"text" * 99)[:-9], "Backup a", "BackupLog")


def test_a_bomb_is_not_unpacked() -> None:
    packed = gzip.compress(b"\0" * (downloads.LIMIT + 1))
    with pytest.raises(DownloadFailed, match="longer than 64 MB"):
        downloads.unpacked(packed, "Backup a", "BackupLog")
