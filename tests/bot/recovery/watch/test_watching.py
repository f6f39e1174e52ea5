"""The watcher against a practice cluster: runs of others, threads that open and heal, restarts."""

from __future__ import annotations

from bot.store import sightings
from sandbox.kube.faults import Fault
from sandbox.kube.resources import PERSISTENTVOLUMECLAIMS
from sandbox.velero.definitions import RESTORES, SCHEDULES, STATUS_REQUESTS, VOLUME_BACKUPS
from tests.bot.recovery.conftest import DAY, MINUTE, Ward

FIRST, SECOND, THIRD = (f"shop-backup-2026112{n}010000" for n in (1, 2, 3))


async def test_a_failed_backup_opens_a_thread_and_the_next_good_one_closes_it(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ward.velero.fault("backup_fails")
        ward.ask(FIRST)
        told = await ward.told("The last backup of shop failed")
        assert FIRST in told
        assert f"/onprem backup logs {FIRST}" in told
        ward.ask(SECOND)
        await ward.until(lambda: any(SECOND in a for a in ward.room.answers))
        ward.velero.fault("backup_fails", False)
        ward.ask(THIRD)
        await ward.told("Over: The last backup of shop failed", THIRD)
        assert ward.count("Over: The last backup of shop failed") == 1
        assert any("Over after" in a for a in ward.room.answers)
        await ward.nothing_stands()
        # the runs themselves, one message each
        for run in (f"Backup {FIRST} failed", f"Backup {THIRD} is complete"):
            await ward.until(lambda run=run: ward.count(run, "Made by others") >= 1)
            assert ward.count(run, "Made by others") == 1


async def began(ward: Ward) -> bool:
    return "began" in await ward.store.read(lambda db: sightings.of(db, "main"))


async def test_a_store_that_is_away_is_told_with_its_cause_until_it_is_back(ward: Ward) -> None:
    async with ward.watched():
        await ward.store_away()
        told = await ward.told("Storage location default is not available")
        assert "The store cannot be reached." in told
        await ward.store_back()
        await ward.told("Over: Storage location default")
        assert len(ward.room.roots) == 1


async def test_old_history_is_not_told_but_what_is_wrong_now_is(ward: Ward) -> None:
    ward.velero.fault("backup_fails")
    ward.ask(FIRST)
    await ward.ended(FIRST)
    async with ward.watched():
        await ward.told("The last backup of shop failed")
        await ward.quiet()
    assert len(ward.room.roots) == 1


async def test_what_ended_while_the_bot_was_away_is_told_once(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
    ward.ask(FIRST)
    await ward.ended(FIRST)
    for _ in range(2):
        async with ward.watched():
            await ward.told(f"Backup {FIRST} is complete")
            await ward.quiet()
    assert len(ward.room.edits) == 1


async def test_a_thread_goes_on_after_a_restart(ward: Ward) -> None:
    async with ward.watched():
        await ward.store_away()
        await ward.told("Storage location default is not available")
    async with ward.watched():
        await ward.quiet()
        assert len(ward.room.edits) == 1
        await ward.store_back()
        await ward.told("Over: Storage location default")
    assert len(ward.room.roots) == 1


async def test_runs_of_the_bot_itself_are_not_told_again(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ours = {"annotations": {"onprem.io/job": "j1"}, "labels": {"onprem.io/app": "shop"}}
        ward.ask(FIRST, metadata=ours)
        await ward.ended(FIRST)
        ward.ask("by-hand")
        await ward.told("Backup by-hand is complete")
        ward.ask("back", RESTORES, backupName="by-hand")
        await ward.told("Restore back", "from backup by-hand")
        await ward.quiet()
    assert ward.count(FIRST) == 0


async def test_a_run_without_progress_is_told_and_heals_when_it_moves(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ward.velero.fault("sticks")
        ward.ask(FIRST)
        ward.ask(SECOND)
        await ward.quiet()
        assert ward.room.edits == []
        ward.ahead = 16 * MINUTE
        told = await ward.told(f"Backup {FIRST} makes no progress")
        assert f"the head of the queue: {SECOND} waits behind it" in told
        assert "/onprem restart" not in told  # no such command here
    async with ward.watched():  # a restarted bot knows that it has not moved
        await ward.quiet()
        assert ward.threads_about("makes no progress") == 1
        ward.velero.fault("sticks", False)
        await ward.told(f"Over: Backup {FIRST} makes no progress")


async def test_a_server_that_takes_nothing_up_is_told(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ward.velero.fault("away")
        ward.ask(FIRST)
        await ward.quiet()
        assert ward.room.edits == []
        ward.ahead = 3 * MINUTE
        told = await ward.told("Velero's server does not answer")
        assert FIRST in told
        await ward.quiet()
        asked = ward.cluster.store.scan(STATUS_REQUESTS, "velero")
        assert len(list(asked)) == 1
        ward.velero.fault("away", False)
        await ward.told("Over: Velero's server does not answer")


async def test_an_app_without_any_backup_is_told_once_it_is_old_enough(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ward.ahead = 2 * DAY  # nothing of it is there: nothing can be lost
        await ward.quiet()
        assert ward.room.edits == []
        ward.ahead = 0
        meta = {"name": "data", "namespace": "shop", "labels": {"app": "shop"}}
        claim = {"resources": {"requests": {"storage": "1Gi"}}, "accessModes": ["ReadWriteOnce"]}
        ward.cluster.store.create(PERSISTENTVOLUMECLAIMS, {"metadata": meta, "spec": claim})
        await ward.quiet()
        assert ward.room.edits == []
        ward.ahead = 3 * DAY
        told = await ward.told("shop has no good backup")
        assert "at most 1 d of work may be lost" in told
        ward.ahead = 0
        ward.ask(FIRST)
        await ward.told("Over: shop has no good backup", FIRST)


async def test_a_schedule_made_by_hand_is_told_and_missed_when_the_server_is_away(
    ward: Ward,
) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ward.ask("nightly", SCHEDULES, schedule="0 2 * * *", template={})
        await ward.told("Schedule nightly was made", "0 2 * * *")
        ward.ahead = 2 * DAY
        told = await ward.told("Schedule nightly has never run")
        assert "A run was due" in told
        ward.ahead = 0
        await ward.told("Over: Schedule nightly has never run")


async def test_a_cluster_out_of_reach_is_one_condition_and_freezes_the_others(ward: Ward) -> None:
    async with ward.watched():
        await ward.store_away()
        await ward.told("Storage location default is not available")
        server = ward.cluster.server
        server.faults.add(Fault(503, times=None, path="*velero.io*"))
        server.drop_watches()

        def minutes_pass() -> bool:
            ward.ahead += MINUTE // 4
            return ward.count("Backups on main cannot be watched") > 0

        await ward.until(minutes_pass)
        assert len(ward.room.roots) == 2
        assert ward.count("Over") == 0
        server.faults.clear()
        await ward.told("Over: Backups on main cannot be watched")


async def test_threads_of_a_cluster_that_is_not_watched_any_more_end(ward: Ward) -> None:
    async with ward.watched():
        await ward.store_away()
        await ward.told("Storage location default is not available")
        del ward.settings["apps"]["shop"]["backup"]
        await ward.told("Over: Storage location default", "not watched any more")


async def test_a_big_volume_that_is_being_copied_is_progress(ward: Ward) -> None:
    async with ward.watched():
        await ward.until(lambda: began(ward))
        ward.velero.fault("sticks")
        ward.ask(FIRST)
        labels = {"velero.io/backup-name": FIRST}
        meta = {"name": "copy", "namespace": "velero", "labels": labels}
        spec = {"pod": {"name": "db-0", "namespace": "shop"}, "volume": "data", "node": "n"}
        spec |= {"backupStorageLocation": "default", "repoIdentifier": "", "uploaderType": "kopia"}
        copy = ward.cluster.store.create(
            VOLUME_BACKUPS,
            {"metadata": meta, "spec": spec, "status": {"progress": {"bytesDone": 10}}},
        )
        await ward.quiet()  # the run is seen, and stands still
        ward.ahead = 11 * MINUTE
        await ward.quiet()
        copy = ward.cluster.store.find(VOLUME_BACKUPS, "velero", "copy") or copy
        copy["status"] = {"progress": {"bytesDone": 20}}
        ward.cluster.store.update(VOLUME_BACKUPS, copy)
        await ward.quiet()
        ward.ahead = 20 * MINUTE
        await ward.quiet()
        assert ward.count("makes no progress") == 0
        ward.ahead = 27 * MINUTE
        await ward.told(f"Backup {FIRST} makes no progress")
