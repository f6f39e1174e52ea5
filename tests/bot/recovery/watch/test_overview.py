"""What the facts about an app come to: protected, look at it, at risk."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.config import AppConfig
from bot.recovery.watch.overview import Facts, judge
from bot.releases.targets import AppRef
from bot.store.drills import Drill
from integrations.velero.models import Backup, Location, Schedule

MINUTE = 60_000_000
HOUR = 60 * MINUTE
NOW = 1_800_000_000_000_000


def ref(**backup: Any) -> AppRef:
    settings = {"name": "shop-backup", "recovery_point": "24h", **backup}
    body = {"namespace": "shop", "chart": "builtin:parse-server", "backup": settings}
    return AppRef("shop", "main", AppConfig.model_validate(body))


def backup(hours: float, phase: str = "Completed", **more: Any) -> Backup:
    at = NOW - int(hours * HOUR)
    stamp = f"{20270115000000 + int(hours)}"
    return Backup(
        name=f"shop-backup-{stamp[:12]}{int(hours) % 60:02}",
        phase=phase,
        started_at=at,
        location="default",
        **{"expires_at": NOW + 100 * HOUR, **more},
    )


def schedule(**more: Any) -> Schedule:
    raw = {
        "metadata": {"name": "shop-backup"},
        "spec": {"schedule": "0 2 * * *", "template": {}},
        "status": {"phase": "Enabled", "lastBackup": "2027-01-15T02:00:00Z"},
    }
    return replace(Schedule.from_object(raw), **more)


LOCATION = Location(
    name="default", phase="Available", message="", default=True, provider="aws", bucket="b",
    prefix="", url="", access_mode="ReadWrite", validated_at=None, synced_at=None,
    sync_period=None,
)  # fmt: skip


def drill(proved: bool = True, why: str = "") -> Drill:
    return Drill(
        "r1", "main", "shop", "shop-backup-1", NOW, "a", "p", NOW - 2 * HOUR, NOW - HOUR,
        38_000_000, proved, why,
    )  # fmt: skip


def facts(**changes: Any) -> Facts:
    whole: dict[str, Any] = {
        "ref": ref(),
        "backups": (backup(3),),
        "schedules": (schedule(),),
        "locations": (LOCATION,),
        "drills": (drill(),),
        "unprotected": (),
        **changes,
    }
    return Facts(**whole)


def test_all_is_well() -> None:
    line = judge(facts(), NOW)
    assert (line.state, line.why, line.storage) == ("protected", (), "available")
    assert line.backup_at == NOW - 3 * HOUR
    assert (line.proved, line.ready_after) == ("shop-backup-1", 38_000_000)
    assert line.next_at is not None


AWAY = replace(LOCATION, phase="Unavailable", message="dial tcp: connection refused")


@pytest.mark.parametrize(
    ("changes", "state", "why"),
    [
        ({"backups": ()}, "at risk", "There is no good backup."),
        ({"backups": (backup(1, "Failed"),)}, "at risk", "no good backup; the newest is failed"),
        ({"backups": (backup(49),)}, "at risk", "is 2 d old; at most 1 d is wanted"),
        ({"backups": (backup(3, expires_at=NOW - 1),)}, "at risk", "no good backup"),
        ({"backups": (backup(1, "PartiallyFailed"), backup(9))}, "at risk", "is incomplete"),
        ({"unprotected": ("data-0", "data-1")}, "at risk", "2 volumes without stored data"),
        ({"locations": (AWAY,)}, "at risk", "the store cannot be reached"),
        ({"locations": ()}, "at risk", "default is missing"),
        ({"drills": (drill(False, "no image."), drill())}, "at risk", "The last drill failed"),
        ({"drills": ()}, "look at it", "No drill has proved"),
        ({"schedules": ()}, "look at it", "No schedule makes"),
        ({"schedules": (schedule(paused=True),)}, "look at it", "is paused"),
        ({"schedules": (schedule(last_backup_at=NOW - 80 * HOUR),)}, "look at it", "was due"),
        (
            {"schedules": (schedule(phase="FailedValidation", problems=("bad",)),)},
            "look at it",
            "not accepted: bad",
        ),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], state: str, why: str) -> None:
    line = judge(facts(**changes), NOW)
    assert line.state == state
    assert why in " ".join(line.why)


LEFT = replace(drill(False, "no image."), findings={"left_behind": "It is denied."})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"left": ["The copy of a drill is still there: namespace x"]}, "there: namespace x."),
        ({"drills": (replace(LEFT, finished_at=NOW - 9 * MINUTE),)}, "soon: It is denied."),
    ],
)
def test_a_copy_that_a_drill_left_is_told(changes: dict[str, Any], why: str) -> None:
    assert why in " ".join(judge(facts(**changes), NOW).why)


def test_a_copy_that_was_swept_up_since_is_not() -> None:
    assert "denied" not in " ".join(judge(facts(drills=(LEFT,)), NOW).why)


def test_volumes_that_nobody_could_look_at_are_not_called_protected() -> None:
    line = judge(facts(unprotected=None), NOW)
    assert line.state == "look at it"
    assert "could not be seen" in line.why[0]


@pytest.mark.parametrize(("times", "days"), [("", 30), ("@daily", 2), ("0 3 * * 1", 14)])
def test_a_proof_grows_old(times: str, days: int) -> None:
    asked = ref(drill={"cron": times})
    for age, state in ((days * 24 - 1, "protected"), (days * 24 + 1, "look at it")):
        old = replace(drill(), finished_at=NOW - age * HOUR)
        line = judge(facts(ref=asked, drills=(old,)), NOW)
        assert line.state == state, line.why


def test_a_backup_under_way_does_not_count_against_the_last_good_one() -> None:
    assert judge(facts(backups=(backup(0, "InProgress"), backup(3))), NOW).state == "protected"


def test_an_app_without_settings_is_at_risk() -> None:
    config = AppConfig.model_validate({"namespace": "shop", "chart": "builtin:parse-server"})
    line = judge(Facts(AppRef("shop", "main", config)), NOW)
    assert (line.state, line.wanted) == ("at risk", 0)


def test_backups_of_others_do_not_count() -> None:
    other = backup(1, labels={"onprem.io/app": "other"})
    assert judge(facts(backups=(other, backup(9))), NOW).backup_at == NOW - 9 * HOUR
    mine = replace(other, name="by-hand", labels={"onprem.io/app": "shop"})
    assert judge(facts(backups=(mine,)), NOW).backup == "by-hand"
