"""What is wrong, from what Velero has and a moment: tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.alerts import Condition, Findings
from bot.config import Config
from bot.recovery.watch.picture import DAY, MINUTE, SECOND, Known, Picture, Site
from bot.recovery.watch.promises import overdue
from bot.recovery.watch.watchdog import doubtful, examine, suspects
from bot.render.text import words
from integrations.velero.models import Backup, Location, Restore, Schedule

NOW = 1_795_651_200 * SECOND  # 2026-11-26 00:00 UTC, a Thursday
HOUR = 60 * MINUTE
PARSE: dict[str, Any] = {
    "namespace": "parse",
    "chart": "builtin:parse-server",
    "backup": {"name": "parseserver-backup", "selector": "app=parseserver"},
}
CONFIG = Config.model_validate(
    {
        "state": {"directory": "/state"},
        "clusters": {"main": {}},
        "apps": {
            "parse": PARSE,
            "web": {"namespace": "web", "chart": "builtin:parse-server"},
        },
    }
)
SITE = Site(CONFIG, "main")
GOOD_TIMES = Known(NOW, born={"parse": NOW - 100 * DAY})


def backup(ago: int = HOUR, phase: str = "Completed", name: str = "", **rest: Any) -> Backup:
    at = NOW - ago
    values: dict[str, Any] = {
        "uid": name or f"u{ago}",
        "created_at": at,
        "started_at": at,
        "completed_at": at + MINUTE,
        "expires_at": at + 30 * DAY,
        "ttl": 30 * 86400,
        "spec": {},
        **rest,
    }
    stamp = f"{20_000_000_000_000 - ago // SECOND}"
    return Backup(name or f"parseserver-backup-2026{stamp[-10:]}", phase=phase, **values)


def of(app: str = "parse") -> dict[str, Any]:
    return {"labels": {"onprem.io/app": app}}


def young(ago: int = HOUR, phase: str = "Completed", **rest: Any) -> Backup:
    return backup(ago, phase, f"b{ago // MINUTE}", **of(), **rest)


def schedule(cron: str = "0 2 * * *", **rest: Any) -> Schedule:
    values: dict[str, Any] = {
        "name": "nightly",
        "uid": "s1",
        "phase": "Enabled",
        "cron": cron,
        "paused": False,
        "problems": (),
        "created_at": NOW - 30 * DAY,
        "last_backup_at": NOW - 22 * HOUR,
        "template": {},
        "labels": {},
        "annotations": {},
        **rest,
    }
    return Schedule(**values)


def location(**rest: Any) -> Location:
    values: dict[str, Any] = {
        "name": "default",
        "phase": "Available",
        "message": "",
        "default": True,
        "provider": "aws",
        "bucket": "backups",
        "prefix": "",
        "url": "http://store:9000",
        "access_mode": "ReadWrite",
        "validated_at": NOW,
        "synced_at": NOW,
        "sync_period": None,
        **rest,
    }
    return Location(**values)


def look(
    *backups: Backup,
    restores: tuple[Restore, ...] = (),
    schedules: tuple[Schedule, ...] = (),
    locations: tuple[Location, ...] = (),
    known: Known = GOOD_TIMES,
) -> Findings:
    return examine(SITE, Picture(backups, restores, schedules, locations), known)


def keys(findings: Findings) -> set[str]:
    return {c.key for c in findings.conditions}


def one(findings: Findings, key: str) -> Condition:
    (found,) = [c for c in findings.conditions if c.key == key]
    return found


def text(condition: Condition) -> str:
    items = [words(i.text) for i in condition.items]
    return "\n".join([*(words(s) for s in condition.why), *items, words(condition.todo)])


def test_nothing_is_wrong_when_all_is_well() -> None:
    found = look(young(), schedules=(schedule(),), locations=(location(),))
    assert found.conditions == ()
    assert found.unsure == frozenset()


# -- backups that fail ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "title", "tone"),
    [
        ("Failed", "The last backup of parse failed", "bad"),
        ("PartiallyFailed", "The last backup of parse is incomplete", "warn"),
        ("FailedValidation", "The last backup of parse was refused", "bad"),
    ],
)
def test_a_bad_last_backup_is_told_until_a_good_one(phase: str, title: str, tone: str) -> None:
    found = one(look(young(HOUR, phase), young(2 * HOUR)), "failed/app/parse")
    assert (found.title, found.tone) == (title, tone)
    assert "The last good one is b120" in text(found)
    assert found.since == NOW - HOUR + MINUTE
    healed = look(young(MINUTE), young(HOUR, phase))
    assert "failed/app/parse" not in keys(healed)
    assert words(healed.well["failed/app/parse"]).startswith("b1 is complete since")


def test_every_failure_since_the_last_good_one_is_an_item_and_older_ones_are_not() -> None:
    bad = [young(n * HOUR, "Failed") for n in (1, 2, 4)]
    found = one(look(*bad, young(3 * HOUR)), "failed/app/parse")
    assert [i.id for i in found.items] == ["b120", "b60"]


def test_a_failure_says_why_in_a_few_words() -> None:
    long = "rpc error: code = Unknown desc = dial tcp 10.0.0.1:9000: connect: connection refused"
    failed = young(failure=long, phase="Failed")
    assert "the store cannot be reached" in text(one(look(failed), "failed/app/parse"))


def test_a_schedule_that_is_no_apps_has_a_condition_of_its_own() -> None:
    found = look(young(), backup(HOUR, "Failed", "all-1", schedule="all"))
    assert one(found, "failed/schedule/all").title == "The last backup of schedule all failed"


def test_one_that_is_being_made_changes_nothing() -> None:
    running = young(MINUTE, "InProgress", completed_at=None)
    assert "failed/app/parse" in keys(look(running, young(HOUR, "Failed")))


# -- the recovery point --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "late"),
    [(24 * HOUR, False), (24 * HOUR + 4 * MINUTE, False), (24 * HOUR + 6 * MINUTE, True)],
)
def test_the_newest_good_backup_may_be_as_old_as_agreed(ago: int, late: bool) -> None:
    assert ("recovery-point/parse" in keys(look(young(ago)))) is late


def test_the_recovery_point_says_what_the_newest_is() -> None:
    found = one(look(young(50 * HOUR), young(HOUR, "Failed")), "recovery-point/parse")
    assert found.title == "The newest good backup of parse is too old"
    assert "at most 1 d of work may be lost" in text(found)
    assert found.since == NOW - 26 * HOUR
    assert found.acts[0].command == "backup create parse"


def test_no_backup_at_all_counts_from_when_the_app_came() -> None:
    found = one(look(), "recovery-point/parse")
    assert found.title == "parse has no good backup"
    fresh = replace(GOOD_TIMES, born={"parse": NOW - HOUR})
    assert keys(look(known=fresh)) == set()
    absent = replace(GOOD_TIMES, born={"parse": None})
    assert keys(look(young(50 * HOUR), known=absent)) == set()


def test_while_nobody_looked_for_the_app_nothing_is_said() -> None:
    found = look(known=Known(NOW))
    assert keys(found) == set()
    assert "recovery-point/parse" in found.unsure
    assert [ref.name for ref in overdue(SITE, Picture(), NOW)] == ["parse"]


def test_one_that_is_being_made_is_waited_for() -> None:
    found = look(young(50 * HOUR), young(MINUTE, "InProgress"))
    assert "recovery-point/parse" in found.unsure


@pytest.mark.parametrize(
    ("scope", "counts"),
    [
        ({}, True),
        ({"namespaces": ("parse",)}, True),
        ({"namespaces": ("*",)}, True),
        ({"namespaces": ("web",)}, False),
        ({"selectors": ({"app": "parseserver"},)}, True),
        ({"selectors": ({"app": "other"},)}, False),
        ({"spec": {"excludedNamespaces": ["parse"]}}, False),
        ({"spec": {"includedResources": ["secrets"]}}, False),
        ({"phase": "PartiallyFailed"}, False),
        ({"expires_at": NOW - 1}, False),
        ({"labels": {"onprem.io/cluster": "main"}}, True),
        ({"labels": {"onprem.io/cluster": "spare"}}, False),
    ],
)
def test_a_backup_of_everything_counts(scope: dict[str, Any], counts: bool) -> None:
    other = backup(**{"ago": HOUR, "name": "all", **scope})
    assert ("recovery-point/parse" not in keys(look(other))) is counts


# -- expiry --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "ttl", "soon"),
    [
        (4 * DAY, 30 * DAY, False),
        (2 * DAY, 30 * DAY, True),
        (2 * DAY, 90 * DAY, True),
        (5 * DAY, 90 * DAY, False),
        (2 * HOUR, 10 * HOUR, False),
        (HOUR // 2, 10 * HOUR, True),
    ],
)
def test_the_last_good_backup_is_not_lost_unseen(left: int, ttl: int, soon: bool) -> None:
    last = young(ttl - left, expires_at=NOW + left, ttl=ttl // SECOND)
    assert ("expiry/parse" in keys(look(last))) is soon
    newer = young(MINUTE)
    assert "expiry/parse" not in keys(look(newer, last))


def test_a_button_keeps_it() -> None:
    last = young(28 * DAY)
    found = one(look(last), "expiry/parse")
    assert found.acts[0].command == "backup keep b40320"
    assert "expires soon" in found.title
    gone = young(31 * DAY)
    assert "has expired" in one(look(gone), "expiry/parse").title


def test_commands_name_the_cluster_when_there_are_several() -> None:
    two = CONFIG.model_copy(
        update={"clusters": {**CONFIG.clusters, "spare": CONFIG.clusters["main"]}}
    )
    found = examine(Site(two, "main"), Picture((young(28 * DAY),)), GOOD_TIMES)
    assert one(found, "expiry/parse").acts[0].command == "backup keep b40320 --cluster main"


# -- schedules -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "title"),
    [
        (schedule(), ""),
        (schedule(last_backup_at=NOW - 46 * HOUR), "Schedule nightly missed a run"),
        (schedule(last_backup_at=None), "Schedule nightly has never run"),
        (schedule(last_backup_at=None, created_at=NOW - HOUR), ""),
        (schedule("59 23 * * *", last_backup_at=NOW - DAY - MINUTE), ""),  # a minute late: graced
        (schedule("0 4 * * 0", last_backup_at=NOW - 92 * HOUR), ""),  # weekly, not 25 h
        (schedule("@every 1h", last_backup_at=NOW - 2 * HOUR), "Schedule nightly missed a run"),
        (schedule("CRON_TZ=Asia/Tokyo 0 8 * * *", last_backup_at=NOW - 25 * HOUR),
         "Schedule nightly missed a run"),
        (schedule(last_backup_at=NOW - 46 * HOUR, last_skipped_at=NOW - 22 * HOUR), ""),
        (schedule(phase="FailedValidation", problems=("invalid schedule: bad",)),
         "Velero refuses schedule nightly"),
        (schedule("sometimes", last_backup_at=None), ""),
    ],
)  # fmt: skip
def test_schedules(made: Schedule, title: str) -> None:
    found = [c for c in look(young(), schedules=(made,)).conditions]
    assert [c.title for c in found] == ([title] if title else [])


@pytest.mark.parametrize(
    ("seen", "last", "told"),
    [
        (0, HOUR, False),
        (6 * DAY, 6 * DAY, False),
        (8 * DAY, 8 * DAY, True),
        (0, 9 * DAY, True),  # paused before the bot was there, and runs are missing
    ],
)
def test_a_schedule_may_be_paused_for_a_week(seen: int, last: int, told: bool) -> None:
    made = schedule(paused=True, last_backup_at=NOW - last)
    known = replace(GOOD_TIMES, paused={"s1": NOW - seen})
    found = look(young(), schedules=(made,), known=known)
    assert ("schedule/nightly" in keys(found)) is told


def test_a_run_that_waits_for_the_schedules_own_last_one_is_not_missed() -> None:
    busy = backup(HOUR, "InProgress", "nightly-1", schedule="nightly", completed_at=None)
    late = schedule(last_backup_at=NOW - 46 * HOUR)
    found = look(
        young(), busy, schedules=(late,), known=replace(GOOD_TIMES, moved={"nightly-1": NOW})
    )
    assert "schedule/nightly" in found.unsure
    assert keys(found) == set()


# -- standstill ----------------------------------------------------------------------------------


def running(ago: int, name: str, phase: str = "InProgress", **rest: Any) -> Backup:
    return backup(ago, phase, name, completed_at=None, **rest)


@pytest.mark.parametrize(("still", "stuck"), [(14 * MINUTE, False), (15 * MINUTE, True)])
def test_a_run_that_does_not_move_is_told_with_its_queue(still: int, stuck: bool) -> None:
    waits = [running(n, f"q{n}", "Queued", started_at=None) for n in (30, 20, 10)]
    known = replace(GOOD_TIMES, moved={"slow": NOW - still}, server=True)
    found = look(young(), running(HOUR, "slow", items_done=3, items_total=9), *waits, known=known)
    assert ("stuck/backup/slow" in keys(found)) is stuck
    if stuck:
        condition = one(found, "stuck/backup/slow")
        assert "It stopped at 3 of 9 objects" in text(condition)
        assert "head of the queue: q30, q20 and q10 wait behind it" in text(condition)
        assert condition.since == NOW - still
        assert [a.command for a in condition.acts if not a.button] == [
            "restart deployment/velero --namespace velero"
        ]


def test_a_restore_that_does_not_move_is_told_too() -> None:
    restore = Restore(
        "r", uid="r", phase="InProgress", created_at=NOW - HOUR, started_at=NOW - HOUR
    )
    known = replace(GOOD_TIMES, moved={"r": NOW - HOUR}, server=True)
    assert keys(look(young(), restores=(restore,), known=known)) == {"stuck/restore/r"}


def test_volumes_are_counted_before_a_run_is_called_stuck() -> None:
    picture = Picture((running(HOUR, "slow"),))
    assert suspects(picture, Known(NOW, moved={"slow": NOW - 9 * MINUTE})) == ()
    (doubted,) = suspects(picture, Known(NOW, moved={"slow": NOW - 10 * MINUTE}))
    assert doubted.name == "slow"


@pytest.mark.parametrize(("age", "asks"), [(MINUTE, False), (2 * MINUTE, True)])
def test_the_server_is_asked_when_it_leaves_a_run_untouched(age: int, asks: bool) -> None:
    waits = Picture((running(age, "new", "New", started_at=None),))
    assert doubtful(waits, Known(NOW)) is asks
    behind = Picture((*waits.backups, running(HOUR, "busy")))
    assert not doubtful(behind, Known(NOW, moved={"busy": NOW}))


def test_a_server_that_is_away_is_one_condition() -> None:
    new = running(HOUR, "new", "New", started_at=None)
    unasked = look(young(), new)
    assert {"server", "stuck/backup/new"} <= unasked.unsure
    away = look(young(), new, known=replace(GOOD_TIMES, server=False))
    assert keys(away) == {"server"}
    assert "new" in text(one(away, "server"))
    deaf = look(young(), new, known=replace(GOOD_TIMES, server=True))
    assert keys(deaf) == {"stuck/backup/new"}


# -- storage and deletions -----------------------------------------------------------------------


def test_a_store_that_is_away_is_told_by_a_short_cause() -> None:
    message = (
        "rpc error: code = Unknown desc = operation error S3: ListObjectsV2, exceeded maximum "
        "number of attempts, 3, https response error StatusCode: 0, RequestID: , HostID: , "
        "request send failed, dial tcp 10.0.0.1:9000: connect: connection refused"
    )
    away = location(phase="Unavailable", message=message)
    found = one(look(young(), locations=(away,)), "location/default")
    assert "The store cannot be reached." in text(found)
    assert "http://store:9000" in text(found)
    assert "rpc" not in text(found)
    assert keys(look(young(), locations=(location(phase=""),))) == set()


def test_expired_backups_that_cannot_be_deleted_are_one_condition() -> None:
    left = [
        backup(40 * DAY + n, "Completed", f"old-{n}", labels={"velero.io/gc-failure": cause})
        for n, cause in enumerate(("BSLCannotGet", "SomethingNew"))
    ]
    found = one(look(young(), *left), "deletions")
    assert found.title == "2 expired backups cannot be deleted"
    assert "old-0: its storage location cannot be read" in text(found)
    assert "old-1: SomethingNew" in text(found)


def test_a_location_that_is_read_only_on_purpose_is_no_stuck_deletion() -> None:
    held = backup(
        40 * DAY, name="old", labels={"velero.io/gc-failure": "BSLReadOnly"}, location="x"
    )
    intended = location(name="x", access_mode="ReadOnly")
    assert keys(look(young(), held, locations=(intended,))) == set()
    assert keys(look(young(), held, locations=(location(name="x"),))) == {"deletions"}
