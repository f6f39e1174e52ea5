"""Drills: which backups were proved by restoring them, and how long that took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlite_utils import Database

from bot.store.rows import changed, dump, every, load

LEFT = "drills"
"""Source of the conditions about copies that are still there; each is named by its request."""


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill that ended.

    Attributes:
        request_id: The operation's.
        backup_at: When the backup was made, microseconds UTC.
        ready_after: Microseconds from the restore's request until the copy was ready; None when
            it never was.
        proved: The copy came up and all its probes passed.
        why: What failed, in one sentence; empty when proved.
        findings: What the probes said; JSON.
    """

    request_id: str
    cluster: str
    app: str
    backup: str
    backup_at: int | None
    actor: str
    person: str
    started_at: int
    finished_at: int
    ready_after: int | None
    proved: bool
    why: str = ""
    findings: Mapping[str, Any] = field(default_factory=dict)


def record(db: Database, drill: Drill) -> None:
    """Keeps a drill's result; the same operation's again replaces it."""
    changed(
        db,
        """INSERT OR REPLACE INTO drills (request_id, cluster, app, backup, backup_at, actor,
            person, started_at, finished_at, ready_after, proved, why, findings)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            *(drill.request_id, drill.cluster, drill.app, drill.backup, drill.backup_at),
            *(drill.actor, drill.person, drill.started_at, drill.finished_at),
            *(drill.ready_after, int(drill.proved), drill.why, dump(drill.findings)),
        ],
    )


def of_app(db: Database, cluster: str, app: str, limit: int = 20) -> list[Drill]:
    """An app's drills, newest first."""
    rows = every(
        db,
        """SELECT * FROM drills WHERE cluster = ? AND app = ?
        ORDER BY finished_at DESC, request_id LIMIT ?""",
        [cluster, app, limit],
    )
    return [_drill(row) for row in rows]


def proved(db: Database, cluster: str) -> dict[str, int]:
    """Backup → when a drill last proved it, for one cluster."""
    rows = every(
        db,
        """SELECT backup, max(finished_at) AS at FROM drills
        WHERE cluster = ? AND proved = 1 GROUP BY backup""",
        [cluster],
    )
    return {row["backup"]: row["at"] for row in rows}


def _drill(row: Mapping[str, Any]) -> Drill:
    values = {**row, "proved": bool(row["proved"]), "findings": load(row["findings"])}
    return Drill(**values)
