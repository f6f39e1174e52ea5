"""Restores that are refused, fail, warn or are cut; hooks that fail."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.velero.definitions import BACKUPS, RESTORES
from tests.sandbox.velero.conftest import Hands

COPY: dict[str, Any] = {"defaultVolumesToFsBackup": True}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"backupName": "nowhere"}, "can't find backup velero/nowhere"),
        ({}, "Either a backup or schedule must be specified"),
        ({"backupName": "b", "existingResourcePolicy": "maybe"}, "Invalid ExistingResourcePolicy"),
        ({"scheduleName": "nowhere"}, "No completed backups found for schedule"),
        ({"backupName": "b", "includedResources": ["nodes"]}, "non-restorable"),
        (
            {"backupName": "b", "resourceModifier": {"kind": "ConfigMap", "name": "nowhere"}},
            "resource modifiers configmap",
        ),
    ],
)
async def test_what_cannot_be_is_refused(hands: Hands, spec: dict[str, Any], said: str) -> None:
    await hands.back_up()
    hands.ask(RESTORES, "r", **spec)
    status = await hands.ended(RESTORES, "r")
    assert status["phase"] == "FailedValidation"
    assert said in " ".join(status["validationErrors"])


async def test_the_newest_of_a_schedule_is_taken(hands: Hands) -> None:
    for name in ("old", "new"):
        labels = {"labels": {"velero.io/schedule-name": "nightly"}}
        hands.store.create(
            BACKUPS,
            {
                "metadata": {"name": name, "namespace": "velero", **labels},
                "spec": {"includedNamespaces": ["shop"]},
            },
        )
        await hands.ended(BACKUPS, name)
    first = hands.store.get(BACKUPS, "velero", "old")
    first["status"]["startTimestamp"] = "2020-01-01T00:00:00Z"
    hands.store.update(BACKUPS, first)
    hands.ask(RESTORES, "r", scheduleName="nightly")
    await hands.ended(RESTORES, "r")
    restore = hands.store.get(RESTORES, "velero", "r")
    assert restore["spec"]["backupName"] == "new"


@pytest.mark.parametrize(
    ("fault", "phase", "warnings", "errors"),
    [
        ("restore_fails", "Failed", 0, 0),
        ("restore_partial", "PartiallyFailed", 0, 1),
        ("restore_warns", "Completed", 1, 0),
    ],
)
async def test_failures_on_request(
    hands: Hands, fault: str, phase: str, warnings: int, errors: int
) -> None:
    await hands.back_up()
    await hands.lose()
    hands.velero.fault(fault)
    status = await hands.restore()
    assert status["phase"] == phase
    assert status.get("warnings", 0) == warnings
    assert status.get("errors", 0) == errors
    hands.velero.heal()
    assert (await hands.restore("again"))["phase"] == "Completed"


@pytest.mark.parametrize(
    ("command", "on_error", "phase"),
    [("true", "Fail", "Completed"), ("false", "Fail", "PartiallyFailed")],
)
async def test_hooks_run_in_restored_pods(
    hands: Hands, command: str, on_error: str, phase: str
) -> None:
    head = "post.hook.restore.velero.io"
    notes = {
        f"{head}/command": f'["{command}"]',
        f"{head}/on-error": on_error,
        f"{head}/wait-for-ready": "true",
        f"{head}/wait-timeout": "30s",
    }
    await hands.database(annotations=notes)
    await hands.back_up(**COPY)
    await hands.lose()
    status = await hands.restore()
    assert status["phase"] == phase
    assert status["hookStatus"]["hooksAttempted"] == 1
    if phase != "Completed":
        errors = hands.artefacts.json("RestoreResults", "r")["errors"]["namespaces"]["shop"]
        assert errors == [
            "hook <from-annotation> in container db failed to execute, err: command terminated "
            "with exit code 1"
        ]


async def test_a_deleted_restore_leaves_nothing_in_the_store(hands: Hands) -> None:
    await hands.back_up()
    await hands.restore()
    assert hands.artefacts.get("RestoreLog", "r")
    hands.store.delete(RESTORES, "velero", "r")
    await hands.until(lambda: hands.store.peek(RESTORES, "velero", "r") is None)
    assert hands.artefacts.get("RestoreLog", "r") is None


async def test_a_restart_gives_up_what_was_in_progress(hands: Hands) -> None:
    await hands.back_up()
    hands.velero.fault("sticks")
    hands.ask(RESTORES, "r", backupName="b")
    await hands.until(lambda: hands.status(RESTORES, "r").get("phase") == "InProgress")
    hands.velero.fault("away")
    hands.velero.heal()
    status = await hands.ended(RESTORES, "r")
    assert status["phase"] == "Failed"
    assert "during the server starting" in status["failureReason"]
    assert (await hands.restore("again"))["phase"] == "Completed"
