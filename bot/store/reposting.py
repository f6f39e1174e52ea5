"""Messages that are gone, or whose channel is: how they are posted anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from bot.store import messages
from bot.store.outbox import Entry, amend, end, supersede
from bot.store.rows import changed, dump, every, first, load


def repost(db: Database, entry: Entry, now: int) -> None:
    """Turns an edit whose message is gone into a post with the newest content that is queued.

    Where the post was revived meanwhile, that one gets the content.
    """
    sql = """SELECT payload, final FROM outbox WHERE message_key = ? AND kind = 'update'
        AND state = 'queued' ORDER BY id DESC LIMIT 1"""
    newest = first(db, sql, [entry.message_key])
    payload = load(newest["payload"]) if newest else entry.payload
    final = bool(newest["final"]) if newest else entry.final
    turn = supersede(db, entry.message_key, now) if newest else entry.turn_at
    if amend(db, entry.message_key, payload, now):
        end(db, entry.id, "superseded", now, "")
        return
    changed(
        db,
        """UPDATE outbox SET kind = 'post', state = 'queued', payload = ?, final = ?,
        turn_at = ?, not_before = 0, finished_at = NULL WHERE id = ?""",
        [dump(payload), int(final), turn, entry.id],
    )


def redirect(db: Database, entry: Entry, channel: str, payload: Mapping[str, Any]) -> None:
    """Posts a message in another channel; edits of it follow it there.

    Args:
        db: The database.
        entry: A post, an edit, or what one person was to see; on its way.
        channel: Where it is posted.
        payload: What is posted.
    """
    if entry.message_key:
        messages.forget(db, entry.message_key)
    changed(
        db,
        """UPDATE outbox SET kind = 'post', state = 'queued', channel = ?, thread_key = '',
        payload = ?, attempts = 0, not_before = 0 WHERE id = ? AND state = 'sending'""",
        [channel, dump(payload), entry.id],
    )


def revive(db: Database, message_key: str) -> bool:
    """Queues a message's post again with its newest content, when the message itself is gone.

    The row of the post is used again, so that answers below it still come after it.
    """
    sql = """SELECT id, kind, state, payload FROM outbox WHERE message_key = ?
        AND kind IN ('post', 'update') AND state IN ('queued', 'sending', 'sent')
        ORDER BY id DESC"""
    rows = every(db, sql, [message_key])
    post = next((row for row in rows if row["kind"] == "post"), None)
    if post is None or post["state"] != "sent":
        return post is not None  # it is on its way
    changed(
        db,
        """UPDATE outbox SET state = 'superseded'
        WHERE message_key = ? AND kind = 'update' AND state = 'queued'""",
        [message_key],
    )
    again = """UPDATE outbox SET state = 'queued', payload = ?, attempts = 0, not_before = 0,
        error = '', finished_at = NULL WHERE id = ?"""
    return changed(db, again, [rows[0]["payload"], post["id"]]) == 1
