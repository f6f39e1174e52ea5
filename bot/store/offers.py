"""Buttons below messages that nobody asked for: what a press asks the bot to run.

They only spare typing a command, which is authorized anew, so they work for anybody, again and
again, and after a restart.
"""

from __future__ import annotations

import secrets

from sqlite_utils import Database

from bot.store.rows import changed, first


def put(db: Database, message_key: str, command: str, now: int) -> str:
    """The opaque id of a message's button for a command; the same one as before, if it has one."""
    row = first(
        db, "SELECT id FROM offers WHERE message_key = ? AND command = ?", [message_key, command]
    )
    if row is not None:
        return str(row["id"])
    offer = secrets.token_urlsafe(18)
    changed(
        db,
        "INSERT INTO offers (id, message_key, command, created_at) VALUES (?, ?, ?, ?)",
        [offer, message_key, command, now],
    )
    return offer


def get(db: Database, offer: str) -> str | None:
    """The command behind a button; None when it is not known (any more)."""
    row = first(db, "SELECT command FROM offers WHERE id = ?", [offer])
    return str(row["command"]) if row else None


def prune(db: Database, before: int) -> int:
    """Deletes buttons made before that moment, unless their thread is still kept."""
    return changed(
        db,
        """DELETE FROM offers WHERE created_at < ? AND message_key NOT IN
        (SELECT message_key FROM alert_threads UNION SELECT message_key FROM episodes
        UNION SELECT id FROM storms)""",
        [before],
    )
