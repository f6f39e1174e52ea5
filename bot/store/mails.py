"""What was told by mail while Slack was away, so that a restart tells nothing twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlite_utils import Database

from bot.store.rows import changed, every


@dataclass(frozen=True, slots=True)
class Mailed:
    """One trouble that was mailed.

    Attributes:
        key: An episode's id, or the key of a condition's thread.
        title: As it was mailed.
        mailed_at: When it was mailed last, microseconds UTC.
        over: Its end was mailed too.
    """

    key: str
    title: str
    mailed_at: int
    over: bool = False


def all_of(db: Database) -> dict[str, Mailed]:
    """All that was mailed since Slack was reached last, by key."""
    rows = every(db, "SELECT key, title, mailed_at, over FROM mails ORDER BY mailed_at, key")
    return {row["key"]: Mailed(**{**row, "over": bool(row["over"])}) for row in rows}


def note(db: Database, mailed: Iterable[Mailed]) -> None:
    """Keeps what was mailed; the same key again replaces it."""
    for one in mailed:
        changed(
            db,
            "INSERT OR REPLACE INTO mails (key, title, mailed_at, over) VALUES (?, ?, ?, ?)",
            [one.key, one.title, one.mailed_at, int(one.over)],
        )


def forget(db: Database) -> int:
    """Drops everything, when Slack tells again; returns how much there was."""
    return changed(db, "DELETE FROM mails")
