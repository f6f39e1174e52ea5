"""How many groups of alerts stand where, for the bot's own metrics: only open rows are read."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

from bot.store.rows import every, first


@dataclass(frozen=True, slots=True)
class Untold:
    """Groups of which the chat has not heard, or not all.

    Attributes:
        groups: How many.
        since: Since when the first of them is known, microseconds UTC; None without one.
    """

    groups: int
    since: int | None


def standing(db: Database) -> dict[tuple[str, str, str], int]:
    """(cluster, severity, state) → how many groups fire.

    The state is `muted` (not told now), `silenced` (as a whole), `taken` (by somebody) or `waiting`
    (for somebody); the first that holds counts.
    """
    rows = every(
        db,
        """SELECT cluster, severity, CASE WHEN muted <> '' THEN 'muted'
            WHEN EXISTS (SELECT 1 FROM alert_silences s WHERE s.episode = e.id
                AND s.ended_at IS NULL AND s.covers >= e.firing) THEN 'silenced'
            WHEN owner <> '' THEN 'taken' ELSE 'waiting' END AS state, count(*) AS n
        FROM episodes e WHERE closed_at IS NULL GROUP BY 1, 2, 3""",
    )
    return {(row["cluster"], row["severity"], row["state"]): row["n"] for row in rows}


def untold(db: Database) -> Untold:
    """Groups that fire without a message in the chat, or whose message is behind.

    A message that was queued, or refused, is not there yet. Muted groups are not to be told. One
    without a message waits since its oldest alert that fires was heard of, one whose message is
    behind since its last change.
    """
    row = first(
        db,
        """SELECT count(*) AS groups, min(since) AS since FROM (
            SELECT CASE WHEN there THEN changed_at ELSE coalesce((SELECT min(changed_at) FROM alerts
                WHERE episode = id AND status = 'firing'), changed_at) END AS since
            FROM (SELECT id, changed_at, revision > shown AS behind, EXISTS (SELECT 1 FROM messages
                    WHERE message_key = iif(e.message_key <> '', e.message_key, e.storm)) AS there
                FROM episodes e WHERE id IN (
                    SELECT id FROM episodes WHERE revision > shown
                    UNION SELECT id FROM episodes WHERE closed_at IS NULL AND muted = ''))
            WHERE behind OR NOT there)""",
    )
    return Untold(row["groups"], row["since"]) if row else Untold(0, None)
