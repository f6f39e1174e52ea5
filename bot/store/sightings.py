"""What a watcher has seen of a cluster, so that after a restart it tells only what is new."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlite_utils import Database

from bot.store.rows import changed, dump, every


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something seen, such as a run by its uid, and when (microseconds UTC)."""

    name: str
    state: str
    at: int


def of(db: Database, cluster: str) -> dict[str, Sighting]:
    """All that was seen of a cluster, by name."""
    rows = every(db, "SELECT name, state, at FROM sightings WHERE cluster = ?", [cluster])
    return {row["name"]: Sighting(**row) for row in rows}


def note(db: Database, cluster: str, seen: Iterable[Sighting]) -> None:
    """Keeps what was seen; the same name again replaces it."""
    for one in seen:
        changed(
            db,
            """INSERT OR REPLACE INTO sightings (cluster, name, state, at)
            VALUES (?, ?, ?, ?)""",
            [cluster, one.name, one.state, one.at],
        )


def forget(db: Database, cluster: str, names: Collection[str]) -> int:
    """Drops what is not there any more; returns how many there were."""
    sql = """DELETE FROM sightings WHERE cluster = ?
        AND name IN (SELECT value FROM json_each(?))"""
    return changed(db, sql, [cluster, dump(sorted(names))])
