"""Copies of the state: both database files, always together, and the end of what is old.

A snapshot is a folder named by its moment, with `onprem.db` and `workflows.db`. It appears under
its name only when it is whole. `bot.store.restore` brings one back.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from bot.errors import StoreUnavailable, UsageError
from bot.store import (
    alert_acts,
    alert_past,
    alert_threads,
    alerts,
    messages,
    migrations,
    offers,
    outbox,
    outside_changes,
    requests,
    storms,
)
from bot.store.connect import connect, unavailable
from bot.store.keys import sync_folder

STAMP = "%Y%m%dT%H%M%S.%fZ"
KEEP_DAYS = 90
SPENT_DAYS = 3
"""How long files that were sent and edits that were replaced stay in the outbox."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One copy; `at` in microseconds UTC."""

    path: Path
    at: int
    size: int

    @property
    def name(self) -> str:
        """What to call it in `onprem state restore`."""
        return self.path.name


def snapshot(paths: Sequence[Path], dest: Path, *, now: int, keep: int = 14) -> Snapshot:
    """Copies the database files into a new folder under `dest`, and removes the oldest copies.

    Blocking; safe while the bot runs. Files that do not exist yet are left out.

    Args:
        paths: The live files, the state first: then the copy may hold a workflow without its
            request, which does nothing, but no running request without its workflow.
        dest: Folder of the copies.
        now: Microseconds UTC.
        keep: How many to keep; older ones go.

    Raises:
        StoreUnavailable: If a file cannot be copied; nothing half-done stays.
    """
    name = datetime.fromtimestamp(now / 1_000_000, UTC).strftime(STAMP)
    part, final = dest / f".{name}.part", dest / name
    try:
        part.mkdir(mode=0o700, parents=True)
        for path in paths:
            if path.exists():
                copy(path, part / path.name)
        part.rename(final)
        sync_folder(dest)
    except (sqlite3.Error, OSError) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise failed("The copy of the state failed", error, dest) from error
    found = snapshots(dest)
    for old in found[keep:]:
        shutil.rmtree(old.path, ignore_errors=True)
    return found[0]


def snapshots(dest: Path) -> list[Snapshot]:
    """The copies in a folder, newest first."""
    found = []
    for path in dest.glob("*Z") if dest.is_dir() else ():
        try:
            moment = datetime.strptime(path.name, STAMP).replace(tzinfo=UTC)
        except ValueError:
            continue
        size = sum(file.stat().st_size for file in path.iterdir())
        found.append(Snapshot(path, round(moment.timestamp() * 1_000_000), size))
    return sorted(found, key=lambda one: one.at, reverse=True)


def chosen(dest: Path, name: str) -> Snapshot:
    """The copy of that name, `latest` for the newest.

    Raises:
        UsageError: If there is none.
    """
    found = snapshots(dest)
    for one in found:
        if name in ("latest", one.name):
            return one
    listed = ", ".join(one.name for one in found[:5]) or "none yet"
    raise UsageError(f"There is no copy {name!r}", hint=f"The newest copies: {listed}")


def prune(db: Database, now: int, days: int = KEEP_DAYS) -> dict[str, int]:
    """Deletes ended requests, finished messages and handles older than that; audit rows never."""
    before = now - days * 86_400_000_000
    return {
        "requests": requests.prune(db, before),
        "outbox": outbox.prune(db, before, now - SPENT_DAYS * 86_400_000_000),
        "threads": alert_threads.prune(db, before),
        "outside changes": outside_changes.prune(db, before),
        "alert acts": alert_acts.prune(db, before),
        "alerts": alerts.prune(db, before),
        "ended alerts": alert_past.forget(db, before),
        "storms": storms.prune(db, before),
        # After the threads: what is kept of them can be edited and found.
        "messages": messages.prune(db, before),
        "offers": offers.prune(db, before),
    }


def copy(source: Path, dest: Path) -> None:
    """Copies one database that is whole, live or not.

    Raises:
        sqlite3.Error: If it is damaged, or cannot be read or written.
    """
    db = connect(source, timeout=5.0, read_only=True)
    try:
        verdict = db.execute("PRAGMA quick_check").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"{source} is damaged: {verdict}")
        db.execute("PRAGMA query_only=OFF")  # which forbids even a copy to another file
        migrations.vacuum_into(db, dest)
    finally:
        db.conn.close()


def failed(what: str, error: Exception, path: Path) -> StoreUnavailable:
    """A failure of the disk or of SQLite, as a sentence about what was attempted."""
    told = unavailable(error, path)
    why = told.why if told else (getattr(error, "strerror", None) or str(error))
    return StoreUnavailable(
        what,
        why=why,
        hint="See that the folder can be written and has room, then try again",
        detail=str(error),
    )
