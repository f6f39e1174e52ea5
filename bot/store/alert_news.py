"""What of the alerts is to be told, drawn or asked for: queries over their tables."""

from __future__ import annotations

from sqlite_utils import Database

from bot.store.alerts import AlertRow, Episode, made, made_alert
from bot.store.rows import changed, every, first


def newest_firing(db: Database, episode: str, limit: int) -> list[AlertRow]:
    """The alerts of an episode that began to fire last, the newest last."""
    rows = every(
        db,
        """SELECT * FROM alerts WHERE episode = ? AND status = 'firing'
        ORDER BY changed_at DESC, fingerprint DESC LIMIT ?""",
        [episode, limit],
    )
    return [made_alert(row) for row in reversed(rows)]


def untold(db: Database, limit: int) -> list[tuple[str, bool]]:
    """Episodes of which something is not told: their ids, and whether they wait for a message.

    Those that wait for their first message come first, then what changed longest ago.
    """
    rows = every(
        db,
        """SELECT id, message_key = '' AND storm = '' AS fresh FROM episodes
        WHERE revision > shown OR (muted = '' AND message_key <> ''
            AND id IN (SELECT episode FROM alerts WHERE told <> status))
        ORDER BY fresh DESC, changed_at, id LIMIT ?""",
        [limit],
    )
    return [(row["id"], bool(row["fresh"])) for row in rows]


def news(db: Database, episode: str, limit: int) -> tuple[list[AlertRow], dict[str, int]]:
    """Alerts that their thread has not heard of: the newest, and how many there are by status."""
    rows = every(
        db,
        """SELECT * FROM alerts WHERE episode = ? AND told <> status
        ORDER BY changed_at DESC, fingerprint DESC LIMIT ?""",
        [episode, limit],
    )
    counts = every(
        db,
        """SELECT status, count(*) AS n FROM alerts WHERE episode = ? AND told <> status
        GROUP BY status""",
        [episode],
    )
    return [made_alert(row) for row in reversed(rows)], {row["status"]: row["n"] for row in counts}


def over_as_told(db: Database, episode: str) -> bool:
    """Whether, by what its thread has heard, nothing of an episode fires."""
    sql = "SELECT 1 FROM alerts WHERE episode = ? AND told = 'firing' LIMIT 1"
    return first(db, sql, [episode]) is None


def mark_told(db: Database, episode: str) -> None:
    """Writes down that a thread has heard of all its alerts."""
    changed(
        db,
        "UPDATE alerts SET told = status WHERE episode = ? AND told <> status",
        [episode],
    )


def any_firing(db: Database, cluster: str) -> bool:
    """Whether anything of a cluster is thought to fire."""
    sql = "SELECT 1 FROM episodes WHERE closed_at IS NULL AND cluster = ? LIMIT 1"
    return first(db, sql, [cluster]) is not None


def firing_before(db: Database, cluster: str, at: int) -> dict[str, list[AlertRow]]:
    """Alerts of a cluster that fire since before a moment by the bot's clock, by episode."""
    rows = every(
        db,
        """SELECT a.* FROM alerts a JOIN episodes e ON e.id = a.episode
        WHERE e.closed_at IS NULL AND e.cluster = ? AND a.status = 'firing' AND a.changed_at < ?
        ORDER BY a.episode, a.fingerprint""",
        [cluster, at],
    )
    found: dict[str, list[AlertRow]] = {}
    for row in rows:
        found.setdefault(row["episode"], []).append(made_alert(row))
    return found


def bare(db: Database, since: int) -> list[Episode]:
    """Episodes with a root and without a picture that fire (again) since not before a moment."""
    rows = every(
        db,
        """SELECT * FROM episodes WHERE closed_at IS NULL AND message_key <> '' AND picture = ''
        AND ? <= (SELECT min(a.changed_at) FROM alerts a
            WHERE a.episode = episodes.id AND a.status = 'firing')
        ORDER BY created_at, id""",
        [since],
    )
    return [made(row) for row in rows]


def pictured(db: Database, episode: str, state: str) -> None:
    """Writes down what an episode's thread has of a picture."""
    changed(db, "UPDATE episodes SET picture = ? WHERE id = ?", [state, episode])


def rooted(db: Database) -> list[Episode]:
    """Episodes that fire and have a root message."""
    rows = every(db, "SELECT * FROM episodes WHERE closed_at IS NULL AND message_key <> ''")
    return [made(row) for row in rows]


def unplaced(db: Database) -> list[str]:
    """Episodes that fire and are told nowhere: muted, or without a channel."""
    rows = every(
        db,
        """SELECT id FROM episodes WHERE closed_at IS NULL AND message_key = '' AND storm = ''
        AND revision = shown""",
    )
    return [row["id"] for row in rows]
