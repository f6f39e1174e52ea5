"""Alerts of a group that never goes quiet: those that ended long ago are counted, not kept."""

from __future__ import annotations

from sqlite_utils import Database

from bot.store.rows import changed, dump, every

KEPT = 50
"""Ended alerts of an episode that stay however old they are; `alerts ID` lists fewer."""
MOST = 20_000
"""Rows that go in one transaction, so that notifications are not held back."""


def forget(db: Database, before: int, most: int = MOST) -> int:
    """Deletes alerts of open episodes that ended before a moment; returns how many.

    Their episode goes on counting them, and knows since when the first of them fired. What its
    thread has not heard of stays, unless it has no thread: then nobody hears of single alerts.

    Args:
        db: The database, in a transaction.
        before: Microseconds UTC; by the bot's clock and by that of the alerts.
        most: How many at once; the rest goes the next time.
    """
    gone = 0
    for row in every(db, "SELECT id, forgotten_from FROM episodes WHERE closed_at IS NULL"):
        if gone < most:
            gone += _forget(db, row["id"], row["forgotten_from"], before, most - gone)
    return gone


def _forget(db: Database, episode: str, since: int, before: int, most: int) -> int:
    old = every(
        db,
        """SELECT a.fingerprint, a.starts_at FROM alerts a JOIN episodes e ON e.id = a.episode
        WHERE a.episode = :episode AND a.status IN ('resolved', 'lost')
        AND a.changed_at < :before AND coalesce(a.ends_at, 0) < :before
        AND (a.told = a.status OR (e.message_key = '' AND e.storm = ''))
        AND a.fingerprint NOT IN (SELECT fingerprint FROM alerts
            WHERE episode = :episode AND status <> 'firing'
            ORDER BY changed_at DESC, fingerprint LIMIT :kept)
        LIMIT :most""",
        {"episode": episode, "before": before, "kept": KEPT, "most": most},
    )
    if not old:
        return 0
    began = min((at for at in (since, *(row["starts_at"] for row in old)) if at), default=0)
    sql = "UPDATE episodes SET forgotten = forgotten + ?, forgotten_from = ? WHERE id = ?"
    changed(db, sql, [len(old), began, episode])
    sql = """DELETE FROM alerts WHERE episode = ?
        AND fingerprint IN (SELECT value FROM json_each(?))"""
    return changed(db, sql, [episode, dump([row["fingerprint"] for row in old])])
