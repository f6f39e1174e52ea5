"""The store: who shares a commit, what a failure undoes, and what a person is told."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent

import pytest
from sqlite_utils import Database

from bot.errors import StoreUnavailable
from bot.store import migrations
from bot.store.connect import check_runtime, connect, unavailable
from bot.store.db import Store


def put(name: str, value: int = 1):
    return lambda db: db.execute("INSERT INTO counters VALUES (?, ?)", [name, value])


def names(db: Database) -> set[str]:
    return {row[0] for row in db.execute("SELECT name FROM counters").fetchall()}


async def test_a_new_file_is_private_durable_and_has_every_table_strict(store: Store, tmp_path):
    assert stat.S_IMODE((tmp_path / "onprem.db").stat().st_mode) == 0o600

    def look(db: Database) -> tuple[object, ...]:
        loose = db.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0"
            " AND name NOT LIKE '\\_sqlite%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ).fetchall()
        pragma = lambda name: db.execute(f"PRAGMA {name}").fetchone()[0]  # noqa: E731
        return loose, pragma("journal_mode"), pragma("foreign_keys")

    assert await store.read(look) == ([], "wal", 1)
    assert await store.write(lambda db: db.execute("PRAGMA synchronous").fetchone()[0]) == 2


async def test_a_write_is_seen_by_every_reader_once_it_returns(store: Store):
    await store.write(put("a"))
    assert "a" in store.read_now(names)
    assert "a" in await store.read(names)


async def test_one_failing_work_undoes_only_its_own_changes(store: Store):
    def half(db: Database) -> None:
        put("half")(db)
        raise ValueError("no")

    results = await asyncio.gather(
        store.write(put("before")),
        store.write(half),
        store.write(put("before")),
        store.write(put("after")),
        return_exceptions=True,
    )
    assert isinstance(results[1], ValueError)
    assert isinstance(results[2], sqlite3.IntegrityError)
    assert store.read_now(names) >= {"before", "after"}
    assert "half" not in store.read_now(names)


async def test_work_that_waits_together_shares_one_commit(store: Store):
    entered, go = threading.Event(), threading.Event()

    def block(db: Database) -> None:
        entered.set()
        go.wait(10)

    first = asyncio.create_task(store.write(block))
    await asyncio.to_thread(entered.wait, 10)
    # Work of one batch sees the changes of the others while nobody outside does yet.
    seen: list[int] = []

    def work(n: int):
        def run(db: Database) -> None:
            put(f"n{n}")(db)
            seen.append(len(names(db) - store_outside()))

        return run

    def store_outside() -> set[str]:
        other = connect(store.path, timeout=1, read_only=True)
        try:
            return names(other)
        finally:
            other.conn.close()

    rest = [asyncio.create_task(store.write(work(n))) for n in range(50)]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(first, *rest)
    assert seen == list(range(1, 51))


async def test_many_tasks_at_once_lose_nothing_and_double_nothing(store: Store):
    def add(db: Database) -> int:
        (now,) = db.execute("SELECT value FROM counters WHERE name = 'policy'").fetchone()
        db.execute("UPDATE counters SET value = ? WHERE name = 'policy'", [now + 1])
        return now + 1

    got = await asyncio.gather(*(store.write(add) for _ in range(700)))
    assert sorted(got) == list(range(1, 701))


async def test_a_cancelled_caller_does_not_disturb_the_others(store: Store):
    tasks = [asyncio.create_task(store.write(put(f"t{n}"))) for n in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[3], asyncio.CancelledError)
    assert [r for n, r in enumerate(results) if n != 3 and isinstance(r, BaseException)] == []


async def test_stop_iteration_reaches_the_caller_as_an_error(store: Store):
    with pytest.raises(RuntimeError, match="StopIteration"):
        await store.write(lambda db: next(iter(())))


async def test_closing_commits_what_is_queued_and_refuses_what_comes_later(open_store, tmp_path):
    store = await open_store()
    waiting = [asyncio.create_task(store.write(put(f"q{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*waiting)
    with pytest.raises(StoreUnavailable, match="stopping"):
        await store.write(put("late"))
    again = await open_store()
    assert {f"q{n}" for n in range(20)} <= again.read_now(names)


async def test_readers_cannot_write_and_their_failure_is_told(store: Store):
    with pytest.raises(StoreUnavailable, match="read-only"):
        store.read_now(put("x"))
    with pytest.raises(StoreUnavailable, match="read-only"):
        await store.read(put("x"))
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await store.read(lambda db: db.execute("SELECT * FROM nowhere"))


async def test_a_database_that_somebody_locks_refuses_then_works_again(open_store, tmp_path):
    store = await open_store(busy_timeout=0.05)
    other = sqlite3.connect(tmp_path / "onprem.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match=r"another program holds .*Nothing was started"):
        await store.write(put("a"))
    other.execute("ROLLBACK")
    other.close()
    await store.write(put("a"))
    assert "a" in store.read_now(names)


async def test_a_full_database_refuses_and_recovers_when_space_returns(open_store):
    store = await open_store(max_page_count=130)

    async def until_full() -> None:
        for n in range(200):
            await store.write(
                lambda db, n=n: db.execute(
                    "INSERT INTO messages VALUES (?, '', '', ?, 0)", [str(n), "x" * 2000]
                )
            )

    with pytest.raises(StoreUnavailable, match="no space is left"):
        await until_full()
    await store.write(lambda db: db.execute("DELETE FROM messages"))
    await store.write(put("after"))
    assert "after" in store.read_now(names)


FILE_LIMIT = dedent("""
    import asyncio, resource, sys
    from pathlib import Path
    from bot.errors import StoreUnavailable
    from bot.store.db import Store
    from bot.store.keys import AuditKey

    async def main(path):
        store = await Store.open(path, clock=lambda: 1, audit_key=AuditKey(b"k" * 32))
        kept, refused = [], None
        def put(n, size):
            return lambda db: db.execute(
                "INSERT INTO messages VALUES (?, '', '', ?, 0)", [n, "x" * size])
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
        for n in range(500):
            try:
                await store.write(put(str(n), 3000))
                kept.append(str(n))
            except StoreUnavailable as error:
                refused = str(error)
                break
        assert refused, "the limit was never reached"
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await store.write(put("after", 10))
        found = store.read_now(
            lambda db: {r[0] for r in db.execute("SELECT message_key FROM messages").fetchall()})
        assert found == {*kept, "after"}, found
        await store.close()
        print(refused)

    asyncio.run(main(Path(sys.argv[1])))
""")


def test_a_file_size_limit_refuses_and_recovers_when_it_is_lifted(tmp_path: Path):
    """The other face of a full disk: EFBIG, an I/O error for SQLite."""
    done = subprocess.run(
        [sys.executable, "-c", FILE_LIMIT, str(tmp_path / "onprem.db")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "file-size limit" in done.stdout
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


async def test_a_damaged_file_is_told_with_the_way_out(open_store, tmp_path):
    (tmp_path / "onprem.db").write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(StoreUnavailable, match=r"is damaged.*state restore"):
        await open_store()


async def test_a_folder_that_cannot_be_made_is_told(open_store, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="file"):
        await open_store(path=tmp_path / "file" / "onprem.db")


async def test_the_schema_of_a_newer_version_is_refused(open_store, tmp_path):
    store = await open_store()
    await store.write(
        lambda db: db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('onprem', '9999_future', '')"
        )
    )
    with pytest.raises(StoreUnavailable, match=r"newer version .*9999_future"):
        await open_store()


async def test_a_copy_is_made_before_an_old_schema_is_migrated(open_store, tmp_path, key, clock):
    old = sqlite3.connect(tmp_path / "onprem.db")
    old.executescript("""
        CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT,
            applied_at TEXT);
        INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
            VALUES ('other', '0000', '');
        CREATE TABLE precious (a TEXT); INSERT INTO precious VALUES ('kept');
    """)
    old.close()
    await open_store(backup_dir=tmp_path / "copies")
    (copied,) = (tmp_path / "copies").iterdir()
    assert stat.S_IMODE(copied.stat().st_mode) == 0o600
    copy = sqlite3.connect(copied)
    assert copy.execute("SELECT a FROM precious").fetchall() == [("kept",)]
    assert copy.execute("SELECT name FROM sqlite_master WHERE name = 'audit'").fetchall() == []
    copy.close()


async def test_a_new_or_current_file_needs_no_copy(open_store, tmp_path):
    for _ in range(2):
        store = await open_store(backup_dir=tmp_path / "copies")
        await store.close()
    assert not (tmp_path / "copies").exists()


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path):
    path = tmp_path / "a.db"
    path.touch()
    db = connect(path, timeout=1)
    db.execute("CREATE TABLE rules (mine TEXT)")  # in the way of the schema's own
    with pytest.raises(sqlite3.OperationalError):
        migrations.apply(db)
    assert db.table_names() == ["rules"]
    db.conn.close()


@pytest.mark.parametrize(
    ("python", "sqlite", "expected"),
    [
        ((3, 11, 7), (3, 40, 1), ""),
        ((3, 12, 1), (3, 42, 0), ""),
        ((3, 12, 1), (3, 40, 1), ""),
        ((3, 11, 2), (3, 36, 0), "SQLite 3.37.0"),
        ((3, 10, 9), (3, 45, 0), "Python 3.11"),
    ],
)
def test_combinations_that_cannot_work_are_named(python, sqlite, expected):
    said = check_runtime(python, sqlite)
    assert (expected in said) if expected else said == ""


def test_failures_of_the_statement_are_not_failures_of_the_file(tmp_path: Path):
    assert unavailable(ValueError("x"), tmp_path) is None
    assert unavailable(sqlite3.IntegrityError("x"), tmp_path) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
async def test_a_read_only_folder_is_told(open_store, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(StoreUnavailable, match="Permission denied"):
        await open_store(path=folder / "onprem.db")
