"""The visible record of an operation's steps, for its message and for what a cancel reports.

It is what people see; whether a step has to run again is for the durable workflow to know.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

from bot.store.rows import changed, every


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `state` is started, done, skipped or failed."""

    name: str
    state: str
    detail: str
    started_at: int
    finished_at: int | None


def begin(db: Database, request_id: str, name: str, now: int, detail: str = "") -> None:
    """Notes that a step has begun; again after a restart it keeps its place and its first start."""
    changed(
        db,
        """INSERT INTO steps (request_id, name, position, state, detail, started_at)
        VALUES (:id, :name,
            (SELECT coalesce(max(position), 0) + 1 FROM steps WHERE request_id = :id),
            'started', :detail, :now)
        ON CONFLICT (request_id, name) DO UPDATE
        SET state = 'started', detail = excluded.detail, finished_at = NULL""",
        {"id": request_id, "name": name, "now": now, "detail": detail},
    )


def finish(
    db: Database, request_id: str, name: str, state: str, now: int, detail: str | None = None
) -> bool:
    """Notes how a begun step ended; False when it never began. Without `detail` the old stays."""
    return (
        changed(
            db,
            """UPDATE steps SET state = ?, finished_at = ?, detail = coalesce(?, detail)
            WHERE request_id = ? AND name = ?""",
            [state, now, detail, request_id, name],
        )
        == 1
    )


def listed(db: Database, request_id: str) -> list[Step]:
    """The steps of a request in the order they first began."""
    rows = every(
        db,
        """SELECT name, state, detail, started_at, finished_at FROM steps
        WHERE request_id = ? ORDER BY position""",
        [request_id],
    )
    return [Step(**row) for row in rows]
