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


@dataclass(frozen=True, slots=True)
class Folded:
    """What a storm sums up.

    Attributes:
        open: Groups that fire, those with the most alerts first.
        over: How many groups do not any more.
        lost: How many of those Alertmanager never told the end of.
        alerts: How many alerts all of them have had.
        opened_at: When the first of them began, microseconds UTC; 0 without one.
        closed_at: When the last of those that are over was; 0 without one.
    """

    open: tuple[Episode, ...]
    over: int = 0
    lost: int = 0
    alerts: int = 0
    opened_at: int = 0
    closed_at: int = 0


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
    sql = "UPDATE episodes SET storm = ?, channel = ? WHERE storm = ? AND storm <> ''"
    changed(db, sql, [anew.id, anew.channel, storm.id])
    changed(db, "DELETE FROM storms WHERE id = ?", [storm.id])


def begun(db: Database, channel: str, since: int) -> int:
    """How many groups were placed in a channel since a moment, with threads or without."""
    sql = """SELECT count(*) AS n FROM episodes WHERE channel = ? AND placed_at >= ?
        AND (message_key <> '' OR storm <> '')"""
    row = first(db, sql, [channel, since])
    return int(row["n"]) if row else 0


def folded(db: Database, storm: str) -> Folded:
    """What a storm sums up; of what is over only numbers, for in a long storm that is much."""
    # Said so, SQLite sees that the index of what storms sum up is enough.
    here = "storm = ? AND storm <> ''"
    sql = f"""SELECT * FROM episodes WHERE {here} AND closed_at IS NULL
        ORDER BY firing DESC, id"""  # noqa: S608
    found = tuple(made(row) for row in every(db, sql, [storm]))
    row = first(
        db,
        f"""SELECT count(closed_at) AS over, coalesce(sum(total), 0) AS alerts,
        coalesce(sum(closed_at IS NOT NULL AND state = 'lost'), 0) AS lost,
        coalesce(min(opened_at), 0) AS opened_at, coalesce(max(closed_at), 0) AS closed_at
        FROM episodes WHERE {here}""",  # noqa: S608
        [storm],
    )
    return Folded(found, **(row or {}))


def prune(db: Database, before: int) -> int:
    """Deletes storms that were over before that moment."""
    return changed(db, "DELETE FROM storms WHERE closed_at < ?", [before])
