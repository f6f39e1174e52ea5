"""The outbox: every message that matters is a row before it is sent.

Edits may be repeated, so of one message only the newest queued edit counts. A post may not, so at
most one per channel is on its way: a `kill -9` doubles at most that one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlite_utils import Database

from bot.store import messages
from bot.store.rows import changed, dump, every, first, load

KINDS = ("post", "update", "ephemeral", "respond", "file")
# Back to the queue, except an edit that a newer one has made pointless, or would even be undone by.
BACK = """CASE WHEN kind = 'update' AND EXISTS (SELECT 1 FROM outbox n WHERE n.id > outbox.id
    AND n.message_key = outbox.message_key AND n.kind = 'update' AND n.state <> 'failed')
    THEN 'superseded' ELSE 'queued' END"""
# Said so, SQLite sees that the index of open rows is enough, however many old ones there are.
OPEN = "state IN ('queued', 'sending')"
# A picture is by far the most of a row, and once it is sent or given up nobody reads it again.
EMPTIED = "payload = CASE WHEN kind = 'file' THEN '{}' ELSE payload END"
INTERACTIVE, NORMAL, BULK = 0, 1, 2  # priorities, the smaller first


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be sent.

    Attributes:
        kind: post, update, ephemeral, respond (by response_url) or file.
        payload: What the sender needs; JSON.
        message_key: Our name for the message that is posted or edited; empty when it never is.
        thread_key: `message_key` of the thread's root, which is sent first.
        final: The last state of a message; no live edit may follow or replace it.
        priority: INTERACTIVE, NORMAL or BULK.
    """

    kind: str
    team: str
    channel: str
    payload: Mapping[str, Any]
    message_key: str = ""
    thread_key: str = ""
    final: bool = False
    priority: int = NORMAL
    request_id: str = ""
    cluster: str = ""
    actor: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the outbox; `state` is queued, sending, sent, failed or superseded."""

    id: int
    created_at: int
    turn_at: int
    kind: str
    team: str
    channel: str
    payload: Mapping[str, Any] = field(repr=False)
    message_key: str
    thread_key: str
    final: bool
    priority: int
    request_id: str
    cluster: str
    actor: str
    person: str
    state: str
    attempts: int
    not_before: int
    error: str
    finished_at: int | None


def enqueue(db: Database, draft: Draft, now: int) -> int | None:
    """Queues a message and returns its id.

    An edit supersedes the queued edits of the same message and takes their turn, so that a lively
    message is never pushed back. A live edit of a message whose final state is queued, on its way
    or sent is dropped: None.
    """
    turn = now
    if draft.kind == "update" and draft.message_key:
        if not draft.final and _has_final(db, draft.message_key):
            return None
        turn = supersede(db, draft.message_key, now)
    cursor = db.execute(
        """INSERT INTO outbox (created_at, turn_at, team, channel, thread_key, message_key,
            priority, kind, final, payload, request_id, cluster, actor, person,
            state, attempts, not_before, error)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', 0, 0, '')""",
        [
            *(now, turn, draft.team, draft.channel, draft.thread_key, draft.message_key),
            *(draft.priority, draft.kind, int(draft.final), dump(draft.payload)),
            *(draft.request_id, draft.cluster, draft.actor, draft.person),
        ],
    )
    return cursor.lastrowid


def _has_final(db: Database, message_key: str) -> bool:
    return (
        first(
            db,
            """SELECT 1 FROM outbox WHERE message_key = ? AND kind = 'update' AND final = 1
            AND state IN ('queued', 'sending', 'sent') LIMIT 1""",
            [message_key],
        )
        is not None
    )


def supersede(db: Database, message_key: str, now: int) -> int:
    """Drops the queued edits of a message; returns since when the first of them has waited."""
    queued = "message_key = ? AND kind = 'update' AND state = 'queued'"
    old = first(db, f"SELECT min(turn_at) AS turn FROM outbox WHERE {queued}", [message_key])  # noqa: S608
    changed(
        db,
        f"UPDATE outbox SET state = 'superseded', finished_at = ? WHERE {queued}",  # noqa: S608
        [now, message_key],
    )
    return old["turn"] if old and old["turn"] is not None else now


def claim_next(db: Database, now: int, **choice: Any) -> Entry | None:
    """Takes the next message to send and marks it `sending`; None when nothing may go now.

    Args:
        db: The database.
        now: Microseconds UTC.
        **choice: As for `candidate`.
    """
    row = candidate(db, now, **choice)
    if row is None:
        return None
    changed(
        db,
        "UPDATE outbox SET state = 'sending', attempts = attempts + 1 WHERE id = ?",
        [row["id"]],
    )
    return _made({**row, "state": "sending", "attempts": row["attempts"] + 1})


def candidate(
    db: Database,
    now: int,
    *,
    kinds: Collection[str] = KINDS,
    skip_channels: Collection[tuple[str, str]] = (),
    skip_messages: Collection[str] = (),
    only_final: bool = False,
) -> dict[str, Any] | None:
    """The row of the next message that may go, only looked at.

    Order: priority, final edits before live ones, then turn. Held back are messages whose time has
    not come, whose thread root or own post is not sent yet, a second post of a channel or a second
    edit of a message that is on its way, and what the caller skips (paused channels, live edits of
    messages edited a moment ago). With `only_final` live edits wait, for when the budget of edits
    is spent.
    """
    paused = {f"{team}/{channel}" for team, channel in skip_channels}
    # The + keeps SQLite from walking all open rows for each one: the message's index is quicker.
    return first(
        db,
        f"""SELECT * FROM outbox o WHERE {OPEN} AND state = 'queued'
        AND not_before <= :now
        AND kind IN (SELECT value FROM json_each(:kinds))
        AND team || '/' || channel NOT IN (SELECT value FROM json_each(:paused))
        AND (message_key = '' OR final = 1
            OR message_key NOT IN (SELECT value FROM json_each(:skipped)))
        AND (NOT :only_final OR kind <> 'update' OR final = 1)
        AND NOT EXISTS (SELECT 1 FROM outbox s WHERE s.{OPEN} AND s.state = 'sending' AND (
            (o.kind <> 'update' AND s.kind <> 'update'
                AND s.team = o.team AND s.channel = o.channel)
            OR (o.message_key <> '' AND s.message_key = o.message_key)))
        AND NOT EXISTS (SELECT 1 FROM outbox p WHERE +p.state IN ('queued', 'sending')
            AND p.id < o.id AND p.kind IN ('post', 'file') AND p.message_key <> ''
            AND p.message_key IN (o.thread_key, o.message_key))
        ORDER BY priority, final DESC, turn_at, id LIMIT 1""",  # noqa: S608
        {
            "now": now,
            "kinds": dump(sorted(kinds)),
            "paused": dump(sorted(paused)),
            "skipped": dump(sorted(skip_messages)),
            "only_final": int(only_final),
        },
    )


def sent(db: Database, entry_id: int, now: int, ts: str = "") -> None:
    """Marks a message as sent; with a `ts`, a named post can be edited and threaded from now on."""
    end(db, entry_id, "sent", now, "")
    entry = get(db, entry_id)
    if entry and ts and entry.message_key and entry.kind in ("post", "file"):
        messages.put(db, messages.Handle(entry.message_key, entry.team, entry.channel, ts, now))


def retry(db: Database, entry_id: int, not_before: int, error: str) -> None:
    """Puts a message back, not to be tried before that moment.

    An edit that a newer one has meanwhile made pointless is not put back.
    """
    changed(
        db,
        f"""UPDATE outbox SET not_before = :at, error = :error, state = {BACK}
        WHERE id = :id AND state = 'sending'""",  # noqa: S608
        {"at": not_before, "error": error, "id": entry_id},
    )


def fail(db: Database, entry_id: int, now: int, error: str) -> None:
    """Gives a message up."""
    end(db, entry_id, "failed", now, error)


def end(db: Database, entry_id: int, state: str, now: int, error: str) -> None:
    """Writes down what became of a message that was on its way."""
    changed(
        db,
        f"""UPDATE outbox SET state = ?, finished_at = ?, error = ?, {EMPTIED}
        WHERE id = ? AND state = 'sending'""",  # noqa: S608
        [state, now, error, entry_id],
    )


def recover(db: Database) -> int:
    """At a start: what a kill left `sending` is queued again; returns how many rows that were."""
    return changed(db, f"UPDATE outbox SET state = {BACK} WHERE state = 'sending'")  # noqa: S608


def abandon(db: Database, now: int, why: str) -> int:
    """Gives up everything unsent, when it tells of a world that is gone; returns how many."""
    return changed(
        db,
        f"""UPDATE outbox SET state = 'failed', error = ?, finished_at = ?, {EMPTIED}
        WHERE state IN ('queued', 'sending')""",  # noqa: S608
        [why, now],
    )


def get(db: Database, entry_id: int) -> Entry | None:
    """The row, or None."""
    row = first(db, "SELECT * FROM outbox WHERE id = ?", [entry_id])
    return _made(row) if row else None


def listed(db: Database, *, states: Collection[str], limit: int = 100) -> list[Entry]:
    """Rows in some states, oldest first."""
    rows = every(
        db,
        """SELECT * FROM outbox WHERE state IN (SELECT value FROM json_each(?))
        ORDER BY id LIMIT ?""",
        [dump(sorted(states)), limit],
    )
    return [_made(row) for row in rows]


def due_at(db: Database) -> int | None:
    """When the next queued message may go, for the sender's sleep; None when none is queued."""
    row = first(db, f"SELECT min(not_before) AS at FROM outbox WHERE {OPEN} AND state = 'queued'")  # noqa: S608
    return row["at"] if row else None


def age(db: Database, now: int) -> int:
    """Microseconds that the oldest unsent message has waited; 0 when there is none."""
    row = first(db, f"SELECT min(created_at) AS at FROM outbox WHERE {OPEN}")  # noqa: S608
    return max(now - row["at"], 0) if row and row["at"] is not None else 0


def unsent(db: Database) -> int:
    """How many messages are not sent yet."""
    row = first(db, f"SELECT count(*) AS n FROM outbox WHERE {OPEN}")  # noqa: S608
    return int(row["n"]) if row else 0


def prune(db: Database, before: int, spent: int = 0) -> int:
    """Deletes finished rows that were made before that moment; returns how many.

    Args:
        db: The database.
        before: Microseconds UTC.
        spent: The same for files that were sent and edits that a newer one replaced, of which
            nothing is asked any more.
    """
    return changed(
        db,
        """DELETE FROM outbox WHERE
        (created_at < ? AND state IN ('sent', 'failed', 'superseded'))
        OR (created_at < ? AND (state = 'superseded' OR (kind = 'file' AND state = 'sent')))""",
        [before, spent],
    )


def _made(row: dict[str, Any]) -> Entry:
    return Entry(**{**row, "payload": load(row["payload"]), "final": bool(row["final"])})


def posted(db: Database, message_key: str) -> bool:
    """Whether a post of this message is queued, on its way or sent."""
    sql = """SELECT 1 FROM outbox WHERE message_key = ? AND kind = 'post'
        AND state IN ('queued', 'sending', 'sent') LIMIT 1"""
    return first(db, sql, [message_key]) is not None


def answering(db: Database, thread_key: str) -> bool:
    """Whether an answer below that message is still unsent."""
    sql = f"SELECT 1 FROM outbox WHERE {OPEN} AND thread_key = ? AND kind = 'post' LIMIT 1"  # noqa: S608
    return first(db, sql, [thread_key]) is not None


def refusal(db: Database, message_key: str) -> str:
    """Why Slack did not take the newest state of a message; empty unless it was given up."""
    row = first(
        db,
        """SELECT state, error FROM outbox WHERE message_key = ? AND kind IN ('post', 'update')
        AND state <> 'superseded' ORDER BY id DESC LIMIT 1""",
        [message_key],
    )
    return str(row["error"]) if row and row["state"] == "failed" else ""


def waiting(db: Database) -> bool:
    """Whether anything is queued at all; cheaper than a claim, which writes."""
    return first(db, f"SELECT 1 FROM outbox WHERE {OPEN} AND state = 'queued' LIMIT 1") is not None  # noqa: S608


def amend(db: Database, message_key: str, payload: Mapping[str, Any], now: int) -> bool:
    """Gives a post that is still queued its newest content; False when none is.

    Edits queued while it was on its way are older, and would undo what it tells now.
    """
    sql = """UPDATE outbox SET payload = ?
        WHERE message_key = ? AND kind = 'post' AND state = 'queued'"""
    amended = changed(db, sql, [dump(payload), message_key]) > 0
    if amended:
        supersede(db, message_key, now)
    return amended


def rewrite(db: Database, entry_id: int, payload: Mapping[str, Any]) -> None:
    """Gives a queued message another content."""
    sql = "UPDATE outbox SET payload = ? WHERE id = ? AND state = 'queued'"
    changed(db, sql, [dump(payload), entry_id])
