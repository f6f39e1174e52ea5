"""Schedules that run, and data that is replaced."""

from __future__ import annotations

import pytest

from tests.cluster.recovery import PATH
from tests.lab.grounds import wait_for
from tests.lab.recovery.conftest import Desk

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.helm, pytest.mark.timeout(180)]


def test_a_schedule_makes_backups_that_are_seen(parse: Desk) -> None:
    ward = parse.ward
    parse.works("backup", "schedule", "create", "parse", "--cron", "@every 1s")
    assert "parseserver-backup" in parse.works("backup", "schedule", "list")
    ttls = iter(range(3600, 7200))

    def run() -> str:
        # The server looks once a minute, and at once after a change of the spec.
        body = {"spec": {"template": {"ttl": f"{next(ttls)}s"}}}
        ward.lab.api("PATCH", f"{PATH}/schedules/parseserver-backup", body)
        label = "velero.io/schedule-name"
        return next(
            (
                name
                for name, found in ward.velero_has("backups").items()
                if found["metadata"].get("labels", {}).get(label) == "parseserver-backup"
                and found.get("status", {}).get("phase") == "Completed"
            ),
            "",
        )

    name = wait_for(run, "a backup by the schedule")
    assert name in parse.works("backup", "list", "parse")
    assert "complete" in parse.works("backup", "describe", name)
    parse.works("backup", "schedule", "pause", "parse", "--yes")
    assert ward.velero_has("schedules")["parseserver-backup"]["spec"]["paused"] is True
    parse.works("backup", "schedule", "delete", "parse", "--yes")
    assert ward.velero_has("schedules") == {}
    assert name in ward.velero_has("backups")


def test_what_is_damaged_is_replaced(parse: Desk) -> None:
    ward = parse.ward
    before = parse.back_up()
    known = set(ward.velero_has("backups"))
    server = ward.grounds.find("apps/v1/deployments/parse-server")["metadata"]["uid"]
    claims = {
        one["metadata"]["uid"] for one in ward.grounds.find("persistentvolumeclaims")["items"]
    }
    parse.fails("restore", before, "--replace", "--confirm", "shop")
    assert ward.grounds.find("apps/v1/deployments/parse-server")["metadata"]["uid"] == server

    state, said = parse.ask("restore", before, "--replace", "--confirm", "parse")
    assert state == "done", said
    (safety,) = set(ward.velero_has("backups")) - known
    assert safety.startswith("parseserver-backup-safety-")
    assert safety in said
    assert ward.grounds.find("apps/v1/deployments/parse-server")["metadata"]["uid"] != server
    # Their data is in no backup, so they stay: nothing is deleted that cannot be brought back.
    assert claims == {
        one["metadata"]["uid"] for one in ward.grounds.find("persistentvolumeclaims")["items"]
    }
    assert "5 of 5 pods ready" in parse.works("status", "parse")
