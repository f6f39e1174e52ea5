"""What of the alerts is to be told, drawn or asked for: queries over their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlite_utils import Database

from bot.store.alerts import AlertRow, Episode, made, made_alert
from bot.store.rows import changed, dump, every, first


def newest_firing(db: Database, episode: str, limit: int) -> list[AlertRow]:
    """The alerts of an episode that began to fire last, the newest last."""
    rows = every(
        db,
        """SELECT * FROM alerts WHERE episode = ? AND status = 'firing'
        ORDER BY changed_at DESC, fingerprint DESC LIMIT ?""",
        [episode, limit],
    )
    return [made_alert(row) for row in reversed(rows)]


def rules(db: Database, episode: str, limit: int) -> list[str]:
    """Names of the rules whose alerts fire in an episode, in order."""
    rows = every(
        db,
        """SELECT DISTINCT json_extract(labels, '$.alertname') AS name FROM alerts
        WHERE episode = ? AND status = 'firing' AND name <> '' ORDER BY name LIMIT ?""",
        [episode, limit],
    )
    return [str(row["name"]) for row in rows]


def untold(db: Database, limit: int) -> list[tuple[str, bool]]:
    """Episodes of which something is not told: their ids, and whether they wait for a message.

    Those that wait for their first message come first, then what changed longest ago.
    """
    rows = every(
        db,
        """SELECT id, message_key = '' AND storm = '' AS fresh FROM episodes
        WHERE id IN (SELECT id FROM episodes WHERE revision > shown
            UNION SELECT id FROM episodes WHERE muted = '' AND message_key <> ''
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


def receivers(db: Database, cluster: str) -> set[str]:
    """Names of Alertmanager's receivers that have told of a cluster."""
    sql = "SELECT DISTINCT receiver FROM episodes WHERE cluster = ?"
    return {row["receiver"] for row in every(db, sql, [cluster])}


def group_key(db: Database, cluster: str, receiver: str, labels: Mapping[str, str]) -> str:
    """Alertmanager's name of the group of these labels, as it was last told; empty if never."""
    row = first(
        db,
        """SELECT group_key FROM episodes WHERE cluster = ? AND receiver = ? AND labels = ?
        ORDER BY closed_at IS NULL DESC, closed_at DESC LIMIT 1""",
        [cluster, receiver, dump(dict(labels))],
    )
    return str(row["group_key"]) if row else ""


def cut_short(db: Database, cluster: str, since: int) -> set[tuple[str, str]]:
    """Groups that are over by a notification that left alerts out: receiver, and labels as JSON."""
    sql = """SELECT receiver, labels FROM episodes
        WHERE cluster = ? AND truncated > 0 AND closed_at >= ?"""
    return {(row["receiver"], row["labels"]) for row in every(db, sql, [cluster, since])}


def clusters(db: Database) -> list[str]:
    """Names of the clusters of which alerts fire."""
    sql = "SELECT DISTINCT cluster FROM episodes WHERE closed_at IS NULL"
    return [str(row["cluster"]) for row in every(db, sql)]


def held(db: Database, cluster: str) -> dict[str, int | None]:
    """Alerts of a cluster that fire as far as is known, and since when each is missed."""
    rows = every(
        db,
        """SELECT a.fingerprint, min(a.missing_since) AS since
        FROM alerts a JOIN episodes e ON e.id = a.episode
        WHERE e.closed_at IS NULL AND e.cluster = ? AND a.status = 'firing'
        GROUP BY a.fingerprint""",
        [cluster],
    )
    return {row["fingerprint"]: row["since"] for row in rows}


_HELD = """status = 'firing' AND fingerprint IN (SELECT value FROM json_each(:names))
    AND changed_at < :asked
    AND episode IN (SELECT id FROM episodes WHERE closed_at IS NULL AND cluster = :cluster)"""


def missing(
    db: Database, cluster: str, names: Sequence[str], since: int | None, asked: int
) -> None:
    """Notes since when firing alerts are missed; those changed since `asked` are left alone."""
    given = {"names": dump(list(names)), "cluster": cluster, "asked": asked, "since": since}
    changed(db, f"UPDATE alerts SET missing_since = :since WHERE {_HELD}", given)  # noqa: S608


def lose(db: Database, cluster: str, names: Sequence[str], asked: int, now: int) -> list[str]:
    """Loses sight of missed alerts; returns the ids of their episodes."""
    given = {"names": dump(list(names)), "cluster": cluster, "asked": asked, "now": now}
    rows = every(db, f"SELECT DISTINCT episode FROM alerts WHERE {_HELD}", given)  # noqa: S608
    changed(
        db,
        f"""UPDATE alerts SET status = 'lost', ends_at = missing_since, changed_at = :now
        WHERE {_HELD}""",  # noqa: S608
        given,
    )
    return [row["episode"] for row in rows]


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
    # The + keeps SQLite from reading all that ever was in a summary: few episodes are open.
    rows = every(
        db,
        """SELECT id FROM episodes WHERE closed_at IS NULL AND +message_key = '' AND storm = ''
        AND revision = shown""",
    )
    return [row["id"] for row in rows]
