"""Locks that a person puts on a cluster, namespace or app, with a reason, until taken off."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

from bot.store.locks import IN_CONFLICT
from bot.store.rows import changed, every, first


@dataclass(frozen=True, slots=True)
class StickyLock:
    """A person's lock; without `expires_at` (microseconds UTC) it stays until taken off."""

    path: str
    cluster: str
    actor: str
    person: str
    reason: str
    since: int
    expires_at: int | None = None


def lock(db: Database, new: StickyLock) -> StickyLock | None:
    """Puts a lock on exactly this path; the one already there, if any, stays and is returned.

    One that expired by `new.since` makes room.
    """
    changed(
        db,
        "DELETE FROM sticky_locks WHERE path = ? AND expires_at <= ?",
        [new.path, new.since],
    )
    inserted = changed(
        db,
        """INSERT INTO sticky_locks (path, cluster, actor, person, reason, since, expires_at)
        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO NOTHING""",
        [new.path, new.cluster, new.actor, new.person, new.reason, new.since, new.expires_at],
    )
    return None if inserted else get(db, new.path, new.since)


def get(db: Database, path: str, now: int) -> StickyLock | None:
    """The lock on exactly this path, unless it expired."""
    row = first(
        db,
        """SELECT * FROM sticky_locks WHERE path = ?
        AND (expires_at IS NULL OR expires_at > ?)""",
        [path, now],
    )
    return StickyLock(**row) if row else None


def unlock(db: Database, path: str) -> bool:
    """Takes the lock off exactly this path; False when there was none."""
    return changed(db, "DELETE FROM sticky_locks WHERE path = ?", [path]) == 1


def blocking(db: Database, path: str, now: int, person: str = "") -> StickyLock | None:
    """The oldest lock that forbids a change of this path: on it, above it, or below it.

    Those of `person` do not forbid anything to that person.
    """
    row = first(
        db,
        f"""SELECT * FROM sticky_locks WHERE {IN_CONFLICT} AND person <> :person
        AND (expires_at IS NULL OR expires_at > :now) ORDER BY since, path LIMIT 1""",  # noqa: S608
        {"path": path, "now": now, "person": person},
    )
    return StickyLock(**row) if row else None


def held(db: Database, now: int) -> list[StickyLock]:
    """All locks in force, oldest first."""
    rows = every(
        db,
        """SELECT * FROM sticky_locks WHERE expires_at IS NULL OR expires_at > ?
        ORDER BY since, path""",
        [now],
    )
    return [StickyLock(**row) for row in rows]
