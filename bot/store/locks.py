"""Operation locks: while a change runs, nothing else touches its target.

A path is `cluster[/namespace[/app]]` with escaped parts (`bot.locks.LockPath.text`), so that `/`
only ever separates parts and "ancestor" is "prefix up to a slash".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from bot.store.rows import changed, every, first

# Same path, an ancestor, or a descendant of :path.
IN_CONFLICT = """(path = :path
    OR substr(path, 1, length(:path) + 1) = :path || '/'
    OR substr(:path, 1, length(path) + 1) = path || '/')"""


@dataclass(frozen=True, slots=True)
class OperationLock:
    """Who holds what, and since when; `what` is the operation in words."""

    path: str
    request_id: str
    cluster: str
    actor: str
    person: str
    what: str
    since: int


def acquire(db: Database, lock: OperationLock) -> OperationLock | None:
    """Takes a lock; the one that is in the way when there is one, else None.

    Repeating it for the same request succeeds, so that a resumed operation need not remember.
    """
    held = first(
        db,
        f"""SELECT * FROM operation_locks WHERE request_id <> :request_id AND {IN_CONFLICT}
        ORDER BY since, path LIMIT 1""",  # noqa: S608
        {"path": lock.path, "request_id": lock.request_id},
    )
    if held:
        return OperationLock(**held)
    changed(
        db,
        """INSERT INTO operation_locks (path, request_id, cluster, actor, person, what, since)
        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO NOTHING""",
        [lock.path, lock.request_id, lock.cluster, lock.actor, lock.person, lock.what, lock.since],
    )
    return None


def holder(db: Database, path: str) -> OperationLock | None:
    """The oldest lock that a change of this path would run into."""
    row = first(
        db,
        f"SELECT * FROM operation_locks WHERE {IN_CONFLICT} ORDER BY since, path LIMIT 1",  # noqa: S608
        {"path": path},
    )
    return OperationLock(**row) if row else None


def release(db: Database, request_id: str) -> int:
    """Gives back all locks of a request; returns how many there were."""
    return changed(db, "DELETE FROM operation_locks WHERE request_id = ?", [request_id])


def release_all(db: Database) -> int:
    """Gives back every lock, when nothing can be running any more."""
    return changed(db, "DELETE FROM operation_locks")


def held(db: Database, *, request_id: str | None = None) -> list[OperationLock]:
    """All operation locks, or those of one request, oldest first."""
    where, params = ("WHERE request_id = ?", [request_id]) if request_id is not None else ("", [])
    sql = f"SELECT * FROM operation_locks {where} ORDER BY since, path"  # noqa: S608
    rows: list[dict[str, Any]] = every(db, sql, params)
    return [OperationLock(**row) for row in rows]
