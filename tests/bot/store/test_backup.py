"""Copies of the state, and bringing one back."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from bot.errors import Refused, StoreUnavailable, UsageError
from bot.store import audit, backup, locks, outbox, requests
from bot.store.requests import State
from bot.store.restore import finish_restore, restore
from bot.store.verify import verify

DAY = 86_400_000_000
NOW = 1_800_000_000_000_000


@pytest.fixture
def paths(tmp_path) -> dict[str, Path]:
    return {name: tmp_path / "state" / name for name in ("onprem.db", "workflows.db")}


@pytest.fixture
async def bot(open_store, paths, tmp_path):
    """A running bot's state, and how to start it again."""

    async def start():
        return await open_store(path=paths["onprem.db"], anchor=tmp_path / "head")

    store = await start()
    flows = sqlite3.connect(paths["workflows.db"])
    flows.execute("CREATE TABLE flows (id TEXT)")
    flows.execute("INSERT INTO flows VALUES ('first')")
    flows.commit()
    flows.close()
    store.start = start
    return store


def flows(path: Path) -> list[str]:
    db = sqlite3.connect(path)
    try:
        return [row[0] for row in db.execute("SELECT id FROM flows")]
    finally:
        db.close()


def run(source, paths, tmp_path, store, **more):
    return restore(
        source,
        paths,
        tmp_path / "copies",
        log=store.audit,
        actor="os:h/root",
        person="root",
        now=NOW + 5,
        note=tmp_path / "head",
        **more,
    )


def take(paths, tmp_path, now=NOW, **more):
    return backup.snapshot(list(paths.values()), tmp_path / "copies", now=now, **more)


async def test_a_copy_of_a_live_state_is_whole_and_private(bot, paths, tmp_path, request_of):
    one = request_of()
    await bot.write(lambda db: requests.insert(db, one))
    made = take(paths, tmp_path)
    assert made.name == "20270115T080000.000000Z"
    assert made.at == NOW
    copy = sqlite3.connect(made.path / "onprem.db")
    assert copy.execute("SELECT id FROM requests").fetchall() == [(one.id,)]
    copy.close()
    assert flows(made.path / "workflows.db") == ["first"]
    assert {stat.S_IMODE(f.stat().st_mode) for f in made.path.iterdir()} == {0o600}


async def test_only_the_newest_are_kept(bot, paths, tmp_path):
    for n in range(5):
        take(paths, tmp_path, now=NOW + n * DAY, keep=3)
    found = backup.snapshots(tmp_path / "copies")
    assert [one.at for one in found] == [NOW + n * DAY for n in (4, 3, 2)]
    assert backup.chosen(tmp_path / "copies", "latest") == found[0]
    assert backup.chosen(tmp_path / "copies", found[2].name) == found[2]
    with pytest.raises(UsageError, match=found[0].name):
        backup.chosen(tmp_path / "copies", "yesterday")


async def test_other_things_in_the_folder_are_left_alone(bot, paths, tmp_path):
    (tmp_path / "copies" / "HolidayZ").mkdir(parents=True)
    take(paths, tmp_path, keep=1)
    assert (tmp_path / "copies" / "HolidayZ").exists()
    assert backup.snapshots(tmp_path / "nowhere") == []


async def test_a_copy_that_fails_leaves_nothing_half_done(bot, paths, tmp_path):
    paths["workflows.db"].write_bytes(b"broken" * 1000)
    with pytest.raises(StoreUnavailable, match="copy of the state failed"):
        take(paths, tmp_path)
    assert list((tmp_path / "copies").iterdir()) == []


async def test_both_files_come_back_together_and_the_log_tells_of_it(
    bot, paths, tmp_path, request_of
):
    early, late = request_of(state=State.DONE), request_of(state=State.DONE)
    event = audit.AuditEvent("outcome", "a", "a", "scale")
    await bot.write(lambda db: (requests.insert(db, early), bot.audit.append(db, event)))
    made = take(paths, tmp_path)
    await bot.write(lambda db: (requests.insert(db, late), bot.audit.append(db, event)))
    db = sqlite3.connect(paths["workflows.db"])
    db.execute("INSERT INTO flows VALUES ('second')")
    db.commit()
    db.close()
    await bot.close()
    done = run(made, paths, tmp_path, bot)
    assert flows(paths["workflows.db"]) == ["first"]
    assert flows(done.before.path / "workflows.db") == ["first", "second"]
    store = await bot.start()
    found = await store.read(lambda db: ([r.id for r in requests.find(db)], audit.page(db)))
    assert found[0] == [early.id]
    last = found[1][-1]
    assert (last.seq, last.action, last.target, last.person) == (
        done.audit_seq,
        "state restore",
        made.name,
        "root",
    )
    await store.write(lambda db: store.audit.append(db, event))
    verdict = await store.read(lambda db: verify(db, store.audit.key))
    assert verdict.ok, verdict.why


@pytest.mark.parametrize("state", sorted(requests.PENDING))
async def test_it_is_refused_while_operations_are_pending(bot, paths, tmp_path, request_of, state):
    made = take(paths, tmp_path)
    one = request_of(state=state)
    await bot.write(lambda db: requests.insert(db, one))
    await bot.close()
    with pytest.raises(Refused, match=one.id):
        run(made, paths, tmp_path, bot)


async def test_what_was_under_way_in_the_copy_is_left_to_a_person(bot, paths, tmp_path, request_of):
    running, unacked = request_of(state=State.RUNNING), request_of()
    lock = locks.OperationLock("lab", running.id, "lab", "a", "a", "deploy", 1)

    def begin(db):
        requests.insert(db, running)
        requests.insert(db, unacked)
        locks.acquire(db, lock)
        outbox.enqueue(db, outbox.Draft("post", "T1", "C1", {}), 1)

    await bot.write(begin)
    made = take(paths, tmp_path)
    await bot.write(
        lambda db: requests.transition(db, running.id, State.DONE, expect={State.RUNNING})
    )
    await bot.close()
    run(made, paths, tmp_path, bot)
    store = await bot.start()

    def look(db):
        return (
            requests.get(db, running.id),
            requests.get(db, unacked.id).state,
            locks.held(db),
            outbox.listed(db, states=["queued"]),
            audit.page(db)[-1].body["stuck"],
        )

    stuck, lost, held, queued, told = await store.read(look)
    assert (stuck.state, lost, held, queued, told) == ("stuck", "lost", [], [], [running.id])
    assert made.name in stuck.outcome["why"]


async def test_a_damaged_copy_changes_nothing(bot, paths, tmp_path, request_of):
    one = request_of(state=State.DONE)
    await bot.write(lambda db: requests.insert(db, one))
    made = take(paths, tmp_path)
    (made.path / "workflows.db").write_bytes(b"broken" * 1000)
    await bot.close()
    with pytest.raises(StoreUnavailable, match="not restored"):
        run(made, paths, tmp_path, bot)
    store = await bot.start()
    assert await store.read(lambda db: requests.get(db, one.id)) == one


async def test_a_damaged_live_state_can_be_replaced_when_one_says_so(bot, paths, tmp_path):
    made = take(paths, tmp_path)
    await bot.close()
    paths["onprem.db"].write_bytes(b"broken" * 1000)
    with pytest.raises(StoreUnavailable, match="damaged"):
        run(made, paths, tmp_path, bot)
    done = run(made, paths, tmp_path, bot, damaged=True)
    assert done.before is None
    store = await bot.start()
    assert await store.read(requests.count_states)


async def test_a_restore_cut_between_its_moves_is_completed_at_the_next_start(bot, paths, tmp_path):
    await bot.close()
    stage = paths["onprem.db"].parent / ".restore"
    stage.mkdir()
    (stage / "workflows.db").write_bytes(b"new")  # onprem.db was moved already
    (stage / "ready").touch()
    before = paths["onprem.db"].read_bytes()
    assert finish_restore(paths)
    assert paths["workflows.db"].read_bytes() == b"new"
    assert paths["onprem.db"].read_bytes() == before
    assert not stage.exists()
    assert not finish_restore(paths)


async def test_a_stage_that_never_became_ready_is_thrown_away(bot, paths):
    await bot.close()
    stage = paths["onprem.db"].parent / ".restore"
    stage.mkdir()
    (stage / "workflows.db").write_bytes(b"half")
    assert not finish_restore(paths)
    assert flows(paths["workflows.db"]) == ["first"]
    assert not stage.exists()


def test_old_requests_and_messages_go_and_audit_rows_stay(db, request_of, key, clock):
    log = audit.AuditLog(key, clock, redactor=audit.Redactor())
    log.append(db, audit.AuditEvent("x", "a", "a", "x"))
    one = request_of(state=State.DONE)
    requests.insert(db, one)
    outbox.enqueue(db, outbox.Draft("post", "T1", "C1", {}), clock())
    assert set(backup.prune(db, clock() + 89 * DAY).values()) == {0}
    assert backup.prune(db, clock() + 91 * DAY)["requests"] == 1
    assert len(audit.page(db)) == 1
    assert len(outbox.listed(db, states=["queued"])) == 1


def test_a_file_that_was_sent_goes_after_days(db, clock):
    outbox.enqueue(db, outbox.Draft("file", "T1", "C1", {}), clock())
    outbox.claim_next(db, clock())
    outbox.sent(db, 1, clock())
    assert backup.prune(db, clock() + 2 * DAY)["outbox"] == 0
    assert backup.prune(db, clock() + 4 * DAY)["outbox"] == 1
