"""Storms: times in which a channel gets one summary in place of many threads."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

from bot.store.alerts import Episode, made
from bot.store.rows import changed, every, first


@dataclass(frozen=True, slots=True)
class Storm:
    """One storm in one channel.

    Attributes:
        id: Also our name for its summary.
        opened_at: When it began, microseconds UTC.
        calm_at: When new groups got threads of their own again; None while it rages.
        closed_at: When nothing that it sums up fired any more.
        revision: Counts what happened; `shown` how far that has been told.
    """

    id: str
    channel: str
    opened_at: int
    changed_at: int
    calm_at: int | None
    closed_at: int | None
    revision: int
    shown: int


def put(db: Database, storm: Storm) -> None:
    """Writes a storm, new or known."""
    values = {name: getattr(storm, name) for name in Storm.__dataclass_fields__}
    changed(
        db,
        """INSERT INTO storms (id, channel, opened_at, changed_at, calm_at, closed_at, revision,
            shown) VALUES (:id, :channel, :opened_at, :changed_at, :calm_at, :closed_at, :revision,
            :shown)
        ON CONFLICT (id) DO UPDATE SET channel = excluded.channel,
            changed_at = excluded.changed_at, calm_at = excluded.calm_at,
            closed_at = excluded.closed_at, revision = excluded.revision, shown = excluded.shown""",
        values,
    )


def get(db: Database, storm: str) -> Storm | None:
    """One storm, over or not; None when it is unknown."""
    row = first(db, "SELECT * FROM storms WHERE id = ?", [storm])
    return Storm(**row) if row else None


def under_way(db: Database) -> list[Storm]:
    """Storms that are not over, the newest first."""
    sql = "SELECT * FROM storms WHERE closed_at IS NULL ORDER BY opened_at DESC, id"
    return [Storm(**row) for row in every(db, sql)]


def of_channel(db: Database, channel: str) -> list[Storm]:
    """Those of one channel."""
    return [one for one in under_way(db) if one.channel == channel]


def raging(db: Database, channel: str) -> bool:
    """Whether new groups of that channel are summed up now."""
    sql = "SELECT 1 FROM storms WHERE channel = ? AND closed_at IS NULL AND calm_at IS NULL"
    return first(db, sql, [channel]) is not None


def untold(db: Database) -> list[Storm]:
    """Storms whose summary is behind."""
    return [Storm(**row) for row in every(db, "SELECT * FROM storms WHERE revision > shown")]


def touch(db: Database, storm: str, now: int) -> None:
    """Has a summary told again."""
    sql = "UPDATE storms SET revision = revision + 1, changed_at = ? WHERE id = ?"
    changed(db, sql, [now, storm])


def move(db: Database, storm: Storm, anew: Storm) -> None:
    """Puts another summary in the place of one that cannot be told."""
    put(db, anew)
    sql = "UPDATE episodes SET storm = ?, channel = ? WHERE storm = ?"
    changed(db, sql, [anew.id, anew.channel, storm.id])
    changed(db, "DELETE FROM storms WHERE id = ?", [storm.id])


def begun(db: Database, channel: str, since: int) -> int:
    """How many groups were placed in a channel since a moment, with threads or without."""
    sql = """SELECT count(*) AS n FROM episodes WHERE channel = ? AND placed_at >= ?
        AND (message_key <> '' OR storm <> '')"""
    row = first(db, sql, [channel, since])
    return int(row["n"]) if row else 0


def folded(db: Database, storm: str) -> list[Episode]:
    """What a storm sums up, the worst known first by their number of alerts."""
    rows = every(db, "SELECT * FROM episodes WHERE storm = ? ORDER BY firing DESC, id", [storm])
    return [made(row) for row in rows]


def prune(db: Database, before: int) -> int:
    """Deletes storms that were over before that moment."""
    return changed(db, "DELETE FROM storms WHERE closed_at < ?", [before])
