"""Records read from objects that the real server wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integrations.velero.models import Backup, Deletion, Location, Restore, Schedule, VolumeBackup

Read = Callable[[str], Any]

STARTED = 1_795_391_390_000_000


def test_a_completed_backup(recorded: Read) -> None:
    found = Backup.from_object(recorded("backup"))
    assert (found.name, found.phase, found.location) == ("parse-1", "Completed", "default")
    assert (found.finished, found.completed, found.usable) == (True, True, True)
    assert (found.started_at, found.completed_at) == (STARTED, STARTED + 1_000_000)
    assert found.duration == 1_000_000
    assert found.ttl == 3600
    assert found.expires_at == STARTED + 3600_000_000
    assert (found.items_total, found.items_done) == (14, 14)
    assert (found.errors, found.warnings, found.failure, found.problems) == (0, 0, "", ())
    assert found.namespaces == ("parse",)
    assert found.selectors == ({"app": "parseserver"}, {"name": "parse", "owner": "helm"})
    assert found.source_version == "v1.35.4"
    assert found.annotations["who"] == "me"
    assert found.schedule == ""
    assert found.queue_position is None


def test_a_refused_backup_says_why(recorded: Read) -> None:
    found = Backup.from_object(recorded("backup-refused"))
    assert found.phase == "FailedValidation"
    assert found.finished
    assert not found.usable
    assert found.duration is None
    assert "only one can be specified" in found.problems[1]


def test_a_partly_failed_backup_is_usable(recorded: Read) -> None:
    found = Backup.from_object(recorded("backup-partly"))
    assert (found.finished, found.completed, found.usable) == (True, False, True)
    assert (found.errors, found.warnings) == (1, 1)


@pytest.mark.parametrize("read", [Backup, Restore], ids=["backup", "restore"])
def test_a_new_object_has_no_status(read: type[Backup] | type[Restore]) -> None:
    found = read.from_object({"metadata": {"name": "a"}, "spec": None})
    assert found.phase == "New"
    assert not found.finished
    assert (found.created_at, found.duration, found.items_total) == (None, None, 0)


@pytest.mark.parametrize(
    "phase",
    ["Queued", "InProgress", "Finalizing", "WaitingForPluginOperationsPartiallyFailed", "Deleting"],
)
def test_these_phases_are_no_end(phase: str) -> None:
    raw = {"metadata": {"name": "a"}, "status": {"phase": phase, "queuePosition": 2}}
    found = Backup.from_object(raw)
    assert not found.finished
    assert found.queue_position == 2
    assert found.deleting == (phase == "Deleting")


def test_one_selector_reads_like_several() -> None:
    spec = {"labelSelector": {"matchLabels": {"a": "b"}}}
    assert Backup.from_object({"metadata": {"name": "a"}, "spec": spec}).selectors == ({"a": "b"},)


def test_a_restore(recorded: Read) -> None:
    found = Restore.from_object(recorded("restore"))
    assert (found.name, found.backup, found.phase) == ("r-1", "parse-1", "Completed")
    assert found.mapping == {}
    assert found.items_done == 14


def test_a_schedule(recorded: Read) -> None:
    found = Schedule.from_object(recorded("schedule"))
    assert (found.name, found.phase, found.cron, found.paused) == ("s", "Enabled", "@daily", False)
    assert found.labels == {"by": "me"}
    assert found.template["ttl"] == "1h0m0s"
    assert found.last_backup_at is None
    assert found.problems == ()


def test_a_location(recorded: Read) -> None:
    found = Location.from_object(recorded("location"))
    assert (found.available, found.read_only, found.default) == (True, False, True)
    assert (found.provider, found.bucket, found.prefix) == ("aws", "backups", "lab")
    assert found.validated_at is not None
    assert found.synced_at is not None
    assert found.sync_period is None


def test_a_failed_deletion(recorded: Read) -> None:
    found = Deletion.from_object(recorded("deletion"))
    assert found.phase == "Processed"
    assert "read-only" in found.errors[0]


def test_a_volume_on_its_way() -> None:
    """Made by hand from Velero's types: the lab has no node agents."""
    raw = {
        "metadata": {
            "name": "a-xyz",
            "labels": {"velero.io/backup-name": "short"},
            "annotations": {"velero.io/pvc-name": "data-db-0"},
        },
        "spec": {
            "pod": {"namespace": "parse", "name": "db-0"},
            "volume": "data",
            "tags": {"backup": "a"},
        },
        "status": {"phase": "InProgress", "progress": {"bytesDone": 5, "totalBytes": 10}},
    }
    found = VolumeBackup.from_object(raw)
    assert (found.backup, found.namespace, found.pod) == ("a", "parse", "db-0")
    assert (found.claim, found.volume, found.phase) == ("data-db-0", "data", "InProgress")
    assert (found.done_bytes, found.total_bytes, found.message) == (5, 10, "")
