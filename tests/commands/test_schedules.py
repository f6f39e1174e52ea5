"""backup schedule create, list, pause, resume, delete on a practice cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.context import Weight
from bot.errors import Refused, UsageError
from bot.recovery.backups.scheduling import LATE
from commands.schedules import state_of
from integrations.velero.models import Schedule
from tests.commands.conftest import ANN, Office, text_of
from tests.commands.recovery import Recovery

DAILY = 'backup schedule create shop --cron "0 3 * * *"'


async def test_a_schedule_is_made_and_makes_backups_of_the_app(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    result, document = await recoverable.run('backup schedule create shop --cron "@every 1s"')
    schedule = await recovery.velero.schedule("shop-backup")
    assert schedule.phase == "Enabled"
    assert schedule.template["orLabelSelectors"][0] == {"matchLabels": {"app": "shop"}}
    assert document.headline == "shop is backed up by schedule shop-backup"
    assert len(result.runs) == 3
    await recovery.practice.wait_for(_made(recovery), 20)
    (backup, *_) = await recovery.velero.backups(schedule="shop-backup")
    assert backup.labels["onprem.io/app"] == "shop"


def _made(recovery: Recovery) -> Callable[[], bool]:
    from sandbox.velero.definitions import BACKUPS

    return lambda: bool(list(recovery.practice.store.scan(BACKUPS, "velero")))


async def test_the_plan_shows_three_runs_in_the_askers_time_zone(
    recoverable: Office, recovery: Recovery
) -> None:
    recoverable.now = 1_795_000_000_000_000  # 2026-11-18 10:26 UTC
    plan = await recoverable.plan(DAILY, replace(ANN, timezone="Europe/Berlin"))
    assert [(c.what, c.after) for c in plan.changes] == [
        ("next run", "Thu 2026-11-19 04:00 CET"),
        ("then", "Fri 2026-11-20 04:00 CET"),
        ("and then", "Sat 2026-11-21 04:00 CET"),
    ]
    assert plan.warnings == ()


async def test_a_pause_longer_than_the_recovery_point_is_told(recoverable: Office) -> None:
    plan = await recoverable.plan('backup schedule create shop --cron "0 3 * * 0" --ttl 2d')
    assert plan.warnings == (
        "Up to 7 d lie between two runs, but shop may lose at most 1 d of work (`recovery_point`).",
        "Each backup expires after 2 d, before or as the next one is made: when one run fails, "
        "there is none.",
    )
    (named,) = (await recoverable.plan(f"{DAILY} --name nightly")).warnings
    assert "`restore nightly` takes them" in named


async def test_impossible_times_are_refused_before_anything_is_asked(recoverable: Office) -> None:
    for bad in ("61 * * * *", "soon", "0 3 31 2 *", "* * * *"):
        with pytest.raises(UsageError):
            await recoverable.plan(f'backup schedule create shop --cron "{bad}"')


async def test_a_second_one_of_the_name_is_refused(recoverable: Office, recovery: Recovery) -> None:
    await recoverable.run(DAILY)
    with pytest.raises(Refused, match="There is a schedule shop-backup already"):
        await recoverable.plan(DAILY)


@pytest.mark.parametrize("edge", ["before", "acted", "after"])
@pytest.mark.parametrize("step", ["make schedule shop-backup", "wait until Velero has accepted it"])
async def test_a_cut_schedule_is_made_once(
    recoverable: Office, recovery: Recovery, step: str, edge: str
) -> None:
    await recoverable.run_cut(DAILY, step, edge)
    assert [s.name for s in await recovery.velero.schedules()] == ["shop-backup"]


async def test_schedules_are_paused_resumed_deleted_and_listed(
    recoverable: Office, recovery: Recovery
) -> None:
    await recoverable.run(DAILY)
    result, document = await recoverable.read("backup schedule list")
    assert [(r.app, r.state, r.well) for r in result.rows] == [("shop", "runs", True)]
    assert "03:00 UTC" in text_of(document)

    plan = await recoverable.plan("backup schedule pause shop")
    assert plan.weight is Weight.CONFIRM
    await recoverable.run_cut("backup schedule pause shop", "pause shop-backup", "acted")
    assert (await recovery.velero.schedule("shop-backup")).paused
    assert (await recoverable.plan("backup schedule pause shop-backup")).nothing
    result, _ = await recoverable.read("backup schedule list shop")
    assert [(r.state, r.next, r.well) for r in result.rows] == [("paused", "–", False)]

    await recoverable.run_cut("backup schedule resume shop", "resume shop-backup", "acted")
    assert not (await recovery.velero.schedule("shop-backup")).paused
    await recoverable.run_cut("backup schedule delete shop", "delete schedule shop-backup", "acted")
    assert await recovery.velero.schedules() == ()
    with pytest.raises(UsageError, match="There is no schedule shop-backup"):
        await recoverable.plan("backup schedule delete shop")
    _, document = await recoverable.read("backup schedule list bare")
    assert "nothing is backed up by itself" in text_of(document)


NOW = 1_795_000_000_000_000
HOUR = 3_600_000_000


def schedule(**more: object) -> Schedule:
    values: dict[str, object] = {
        "name": "a", "uid": "", "phase": "Enabled", "cron": "@hourly", "paused": False,
        "problems": (), "created_at": NOW - 50 * HOUR, "last_backup_at": NOW - HOUR // 2,
        "template": {}, "labels": {}, "annotations": {}, **more,
    }  # fmt: skip
    return Schedule(**values)  # type: ignore[arg-type]


def test_the_state_of_a_schedule_is_told_in_words() -> None:
    assert state_of(schedule(), NOW) == ("runs", True)
    assert state_of(schedule(paused=True), NOW) == ("paused", False)
    missed, well = state_of(schedule(last_backup_at=NOW - 3 * HOUR), NOW)
    assert missed == "missed: due 2 h ago"
    assert not well
    never, _ = state_of(schedule(last_backup_at=None), NOW)
    assert never.startswith("missed: due 2 d ago")
    refused = schedule(phase="FailedValidation", problems=("invalid schedule",))
    assert state_of(refused, NOW) == ("refused by Velero: invalid schedule", False)


def test_a_run_that_is_only_just_due_is_not_missed() -> None:
    last = NOW - NOW % HOUR - HOUR
    due = last + HOUR
    assert state_of(schedule(last_backup_at=last), due + LATE)[0] == "runs"
    assert state_of(schedule(last_backup_at=last), due + LATE + 1_000_000)[0].startswith("missed")
