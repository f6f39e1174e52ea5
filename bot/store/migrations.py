"""The schema, as sqlite-utils migrations that only ever grow at the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlite_utils import Database, Migrations

from bot.errors import StoreUnavailable
from bot.store import tables, watch_tables
from bot.store.connect import create_private

SET = "onprem"


def _statements(*groups: tuple[str, ...]) -> Callable[[Database], None]:
    def run(db: Database) -> None:
        for group in groups:
            for statement in group:
                db.execute(statement)

    return run


def schema() -> Migrations:
    """The ordered list of migrations. Add at the end; never edit one that was released."""
    migrations = Migrations(SET)
    migrations(name="0001_start")(_statements(tables.START))
    migrations(name="0002_recovery")(_statements(watch_tables.RECOVERY, watch_tables.THREADS))
    migrations(name="0003_watching")(_statements(watch_tables.WATCHING))
    migrations(name="0004_changes")(_statements(watch_tables.CHANGES))
    migrations(name="0005_alerts")(_statements(watch_tables.ALERTS))
    migrations(name="0006_alert_acts")(_statements(watch_tables.ALERT_ACTS))
    migrations(name="0007_mails")(_statements(watch_tables.MAILS))
    migrations(name="0008_alert_times")(_statements(watch_tables.ALERT_TIMES))
    migrations(name="0009_alerts_lost")(_statements(watch_tables.ALERTS_LOST))
    migrations(name="0010_alerts_forgotten")(_statements(watch_tables.ALERTS_FORGOTTEN))
    return migrations


def pending(db: Database) -> tuple[str, ...]:
    """Names of the migrations that this database still lacks.

    Raises:
        StoreUnavailable: If a newer version of the product wrote it.
    """
    migrations = schema()
    known = {m.name for m in migrations.pending(db)}
    applied = {m.name for m in migrations.applied(db)}
    foreign = sorted(applied - {m.name for m in migrations._migrations})
    if foreign:
        raise StoreUnavailable(
            "The state database cannot be used",
            why=f"a newer version of the bot wrote it ({', '.join(foreign)})",
            hint="Install that version, or bring back an older copy with `onprem state restore`",
        )
    return tuple(sorted(known))


def apply(db: Database) -> None:
    """Brings the schema up to date, alone: nobody else may even read meanwhile.

    Raises:
        sqlite3.Error: If a migration fails; then nothing of any of them stays.
    """
    db.execute("BEGIN EXCLUSIVE")
    try:
        schema().apply(db)
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


def copy_before(db: Database, path: Path, backup_dir: Path, now: int) -> Path | None:
    """Copies a database that is about to be migrated; None when it is new and empty."""
    if not db.table_names():
        return None
    backup_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    dest = backup_dir / f"{path.stem}-before-migration-{now}{path.suffix}"
    vacuum_into(db, dest)
    return dest


def vacuum_into(db: Database, dest: Path) -> None:
    """Writes a consistent, compact copy (0600) of a live database to a file that must not exist.

    Raises:
        sqlite3.Error: If it cannot be written; a half-written file is removed.
    """
    if dest.exists() and dest.stat().st_size:
        raise sqlite3.OperationalError(f"{dest} exists")
    create_private(dest)
    try:
        db.execute("VACUUM INTO ?", [str(dest)])
    except BaseException:
        dest.unlink(missing_ok=True)
        raise
