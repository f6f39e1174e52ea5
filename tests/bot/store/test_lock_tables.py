"""Operation locks and people's locks."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.locks import LockPath, conflicts
from bot.store import locks, sticky_locks
from bot.store.locks import OperationLock
from bot.store.sticky_locks import StickyLock

LOCK = OperationLock("lab/parse/parse", "r1", "lab", "slack:T1/U1", "ada", "deploy parse", 10)
STICKY = StickyLock("lab/parse", "lab", "slack:T1/U1", "ada", "upgrade of the database", 10)


def test_a_busy_target_names_who_holds_it_and_a_free_one_is_taken(db):
    assert locks.acquire(db, LOCK) is None
    other = replace(LOCK, request_id="r2", what="scale parse", since=20)
    assert locks.acquire(db, other) == LOCK
    assert locks.holder(db, "lab") == LOCK
    assert locks.holder(db, "lab/other") is None
    assert locks.release(db, "r1") == 1
    assert locks.acquire(db, other) is None


def test_the_same_request_may_ask_again_and_hold_several(db):
    for path in ("lab/a", "lab/a", "lab/b", "lab/a/x"):
        assert locks.acquire(db, replace(LOCK, path=path)) is None
    assert [lock.path for lock in locks.held(db)] == ["lab/a", "lab/a/x", "lab/b"]
    assert locks.held(db, request_id="r2") == []
    assert locks.release_all(db) == 3


paths = st.lists(st.sampled_from(["a", "b", "ab", "a/b", "%", "_"]), min_size=1, max_size=3).map(
    lambda parts: LockPath(tuple(parts))
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=paths, second=paths)
def test_the_table_and_the_pure_rule_agree(db, first, second):
    locks.release_all(db)
    sticky_locks.unlock(db, first.text)
    locks.acquire(db, replace(LOCK, path=first.text))
    busy = locks.acquire(db, replace(LOCK, path=second.text, request_id="r2"))
    assert (busy is not None) == conflicts(first, second)
    sticky_locks.lock(db, replace(STICKY, path=first.text))
    blocked = sticky_locks.blocking(db, second.text, 11)
    assert (blocked is not None) == conflicts(first, second)
    sticky_locks.unlock(db, first.text)


def test_a_persons_lock_stays_until_taken_off(db):
    assert sticky_locks.lock(db, STICKY) is None
    assert sticky_locks.lock(db, replace(STICKY, person="bob")) == STICKY
    assert sticky_locks.blocking(db, "lab/parse/mongodb", 10**18) == STICKY
    assert sticky_locks.held(db, 11) == [STICKY]
    assert sticky_locks.unlock(db, STICKY.path)
    assert not sticky_locks.unlock(db, STICKY.path)
    assert sticky_locks.blocking(db, "lab/parse", 11) is None


def test_a_lock_ends_at_its_time_and_makes_room(db):
    short = replace(STICKY, expires_at=100)
    sticky_locks.lock(db, short)
    assert sticky_locks.get(db, short.path, 99) == short
    assert sticky_locks.get(db, short.path, 100) is None
    assert sticky_locks.blocking(db, "lab", 100) is None
    assert sticky_locks.held(db, 100) == []
    assert sticky_locks.lock(db, replace(STICKY, since=100, person="bob")) is None
