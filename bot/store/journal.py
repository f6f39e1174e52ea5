"""What the finished steps of running operations returned: all that going on after a kill needs.

It has a file of its own (`connect_journal`). Which operations run, and how they ended, is for
their requests to say; a row here is of use only while its request runs.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from bot.store.connect import connect, create_private
from bot.store.rows import changed, dump, every, load

TABLE = """CREATE TABLE IF NOT EXISTS results (
    request_id TEXT NOT NULL,
    step TEXT NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (request_id, step)
) STRICT, WITHOUT ROWID"""


def connect_journal(path: Path) -> Database:
    """Opens the file for writing; makes it (0600) and its table if need be.

    Raises:
        sqlite3.Error, OSError: If it cannot be used.
    """
    create_private(path)
    db = connect(path, timeout=1.0)
    db.execute(TABLE)
    return db


def record(db: Database, request_id: str, step: str, result: str) -> None:
    """Keeps a finished step's result, JSON as `rows.dump` writes it; repeating it does no harm."""
    changed(
        db,
        """INSERT INTO results (request_id, step, result) VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET result = excluded.result""",
        [request_id, step, result],
    )


def forget(db: Database, request_id: str) -> None:
    """Deletes the results of an operation that has ended."""
    changed(db, "DELETE FROM results WHERE request_id = ?", [request_id])


def keep_only(db: Database, request_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Deletes all but the results of these operations, and returns those: id → step → result."""
    ids = dump(sorted(request_ids))
    changed(
        db, "DELETE FROM results WHERE request_id NOT IN (SELECT value FROM json_each(?))", [ids]
    )
    found: dict[str, dict[str, Any]] = {}
    for row in every(db, "SELECT request_id, step, result FROM results"):
        found.setdefault(row["request_id"], {})[row["step"]] = load(row["result"])
    return found
