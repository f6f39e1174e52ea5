"""Drills: what was proved, and when."""

from __future__ import annotations

from dataclasses import replace

from bot.store import drills
from bot.store.drills import Drill

ONE = Drill(
    request_id="r1",
    cluster="lab",
    app="parse",
    backup="parse-backup-1",
    backup_at=1,
    actor="slack:T1/U1",
    person="ada",
    started_at=10,
    finished_at=20,
    ready_after=7,
    proved=True,
    findings={"probes": [["health", 200]]},
)


def test_an_apps_drills_come_newest_first(db):
    later = replace(ONE, request_id="r2", finished_at=30, proved=False, ready_after=None, why="no")
    for drill in (ONE, later, replace(ONE, request_id="r3", app="shop")):
        drills.record(db, drill)
    assert drills.of_app(db, "lab", "parse") == [later, ONE]
    assert drills.of_app(db, "prod", "parse") == []
    assert drills.of_app(db, "lab", "parse", limit=1) == [later]


def test_a_step_done_again_leaves_one_record(db):
    drills.record(db, ONE)
    drills.record(db, replace(ONE, finished_at=25))
    assert [d.finished_at for d in drills.of_app(db, "lab", "parse")] == [25]


def test_a_backup_is_proved_by_its_last_good_drill_only(db):
    drills.record(db, ONE)
    drills.record(db, replace(ONE, request_id="r2", finished_at=30))
    drills.record(db, replace(ONE, request_id="r3", finished_at=40, proved=False))
    drills.record(db, replace(ONE, request_id="r4", backup="other", proved=False))
    assert drills.proved(db, "lab") == {"parse-backup-1": 30}
    assert drills.proved(db, "prod") == {}
