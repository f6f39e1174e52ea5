"""Threads of conditions: what is wrong, one row for each episode, at most one open for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlite_utils import Database

from bot.store.rows import changed, dump, every, first, load


@dataclass(frozen=True, slots=True)
class Thread:
    """One episode of a condition.

    Attributes:
        message_key: Our name for its root message.
        condition: What it is about; `velero/main/location/default`.
        title: Its headline.
        body: What was told, so that only news is told again; JSON.
        opened_at: Microseconds UTC since when it holds.
        changed_at: When its row was last written.
        closed_at: When it healed; None while it holds.
    """

    message_key: str
    condition: str
    cluster: str
    title: str
    body: Mapping[str, Any] = field(repr=False)
    opened_at: int
    changed_at: int
    closed_at: int | None = None


def put(db: Database, thread: Thread) -> None:
    """Opens a thread, or writes the newest state of one.

    Raises:
        sqlite3.IntegrityError: The condition has another open thread.
    """
    changed(
        db,
        """INSERT INTO alert_threads (message_key, condition, cluster, title, body, opened_at,
            changed_at, closed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (message_key) DO UPDATE SET title = excluded.title, body = excluded.body,
            opened_at = excluded.opened_at, changed_at = excluded.changed_at,
            closed_at = excluded.closed_at""",
        [
            *(thread.message_key, thread.condition, thread.cluster, thread.title),
            *(dump(thread.body), thread.opened_at, thread.changed_at, thread.closed_at),
        ],
    )


def get(db: Database, message_key: str) -> Thread | None:
    """One thread, open or closed; None when it is unknown."""
    row = first(db, "SELECT * FROM alert_threads WHERE message_key = ?", [message_key])
    return _thread(row) if row else None


def standing(db: Database, prefix: str = "") -> list[Thread]:
    """Open threads of conditions whose name begins so, the oldest first."""
    rows = every(
        db,
        """SELECT * FROM alert_threads WHERE closed_at IS NULL
        AND substr(condition, 1, length(:prefix)) = :prefix ORDER BY opened_at, condition""",
        {"prefix": prefix},
    )
    return [_thread(row) for row in rows]


def closed_since(db: Database, condition: str, at: int) -> Thread | None:
    """The thread that was closed last, unless that was before a moment."""
    row = first(
        db,
        """SELECT * FROM alert_threads WHERE condition = ? AND closed_at >= ?
        ORDER BY closed_at DESC LIMIT 1""",
        [condition, at],
    )
    return _thread(row) if row else None


def move(db: Database, message_key: str, moved: str) -> None:
    """Gives a thread another root message."""
    sql = "UPDATE alert_threads SET message_key = ? WHERE message_key = ?"
    changed(db, sql, [moved, message_key])


def prune(db: Database, before: int) -> int:
    """Deletes threads that were closed before that moment."""
    return changed(db, "DELETE FROM alert_threads WHERE closed_at < ?", [before])


def _thread(row: Mapping[str, Any]) -> Thread:
    return Thread(**{**row, "body": load(row["body"])})
