"""Where the messages are that may be edited: our key → Slack's team, channel and ts."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

from bot.store.rows import changed, first


@dataclass(frozen=True, slots=True)
class Handle:
    """One message in Slack."""

    message_key: str
    team: str
    channel: str
    ts: str
    created_at: int


def put(db: Database, handle: Handle) -> None:
    """Stores where a message is; a re-post replaces the old place."""
    changed(
        db,
        """INSERT INTO messages (message_key, team, channel, ts, created_at)
        VALUES (?, ?, ?, ?, ?) ON CONFLICT (message_key) DO UPDATE
        SET team = excluded.team, channel = excluded.channel, ts = excluded.ts""",
        [handle.message_key, handle.team, handle.channel, handle.ts, handle.created_at],
    )


def get(db: Database, message_key: str) -> Handle | None:
    """Where a message is; None while it was not posted."""
    row = first(db, "SELECT * FROM messages WHERE message_key = ?", [message_key])
    return Handle(**row) if row else None


def at(db: Database, team: str, channel: str, ts: str) -> Handle | None:
    """Which message of ours stands at that place, such as the root of a thread."""
    row = first(
        db,
        "SELECT * FROM messages WHERE team = ? AND channel = ? AND ts = ?",
        [team, channel, ts],
    )
    return Handle(**row) if row else None


def forget(db: Database, message_key: str) -> bool:
    """Drops a handle, when Slack says that the message is gone; False when it was unknown."""
    return changed(db, "DELETE FROM messages WHERE message_key = ?", [message_key]) == 1


def prune(db: Database, before: int) -> int:
    """Deletes handles made before that moment, unless their thread is still kept."""
    return changed(
        db,
        """DELETE FROM messages WHERE created_at < ? AND message_key NOT IN
        (SELECT message_key FROM alert_threads UNION SELECT message_key FROM episodes
        UNION SELECT id FROM storms)""",
        [before],
    )
