"""Child processes (helm) of running operations, so that a cancel or a restart can find them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

from bot.store.rows import changed, every


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was started.

    Attributes:
        pid: Its number, which is also its group's.
        start_time: When the kernel says it started (field 22 of /proc/PID/stat, in ticks since
            boot): with the pid it tells this process from a later one of the same number.
        started_at: Microseconds UTC.
    """

    request_id: str
    step: str
    pid: int
    start_time: int
    started_at: int


def record(
    db: Database, request_id: str, step: str, pid: int, start_time: int, started_at: int
) -> None:
    """Notes the process of a step, in place of an earlier one of the same step."""
    changed(
        db,
        """INSERT INTO processes (request_id, step, pid, start_time, started_at)
        VALUES (?, ?, ?, ?, ?) ON CONFLICT (request_id, step) DO UPDATE
        SET pid = excluded.pid, start_time = excluded.start_time,
            started_at = excluded.started_at""",
        [request_id, step, pid, start_time, started_at],
    )


def for_request(db: Database, request_id: str) -> list[Process]:
    """The processes of a request, oldest first."""
    rows = every(
        db, "SELECT * FROM processes WHERE request_id = ? ORDER BY started_at", [request_id]
    )
    return [Process(**row) for row in rows]


def clear(db: Database, request_id: str, step: str | None = None) -> int:
    """Forgets the processes of a request, or of one step of it; returns how many."""
    if step is None:
        return changed(db, "DELETE FROM processes WHERE request_id = ?", [request_id])
    return changed(
        db, "DELETE FROM processes WHERE request_id = ? AND step = ?", [request_id, step]
    )
