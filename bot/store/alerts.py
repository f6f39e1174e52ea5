"""Alerts from outside: episodes of a group, and the alerts that each of them has had.

An episode is written when a notification comes, and told later: `revision` counts what happened,
`shown` how far that has been told. What each alert was told as stands in its row, so that a kill
between the two loses nothing and repeats nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlite_utils import Database

from bot.store.rows import changed, dump, every, first, load

FIRING, RESOLVED, LOST = "firing", "resolved", "lost"


@dataclass(frozen=True, slots=True)
class Episode:
    """One time that a group of alerts fired, from its first alert to the end of its last.

    Attributes:
        id: Short, for people to type.
        group_key: Alertmanager's name of the group.
        labels: The labels that make the group, whole and exact.
        shared: Labels that all of its alerts have.
        state: firing, resolved or lost (Alertmanager does not know it any more).
        title: One line.
        severity: The worst among its alerts.
        firing: How many of its alerts fire.
        total: How many alerts it has had.
        truncated: How many Alertmanager left out of its last notification.
        source: Where Alertmanager shows the group.
        channel: Where it is told; empty while it is not.
        message_key: Our name for its root message; empty while it has none.
        storm: The storm whose summary tells of it in place of a root; usually empty.
        muted: Why it is not told; usually empty.
        owner: Actor who took it; empty when nobody has.
        owner_person: The person behind that actor.
        created_at: When the bot heard of it, microseconds UTC by its own clock.
        opened_at: Since when it holds, by the alerts themselves, never later than `created_at`.
        picture: What its thread has of a graph: nothing yet, `done`, or `none` for never.
        placed_at: When it got its thread or its place in a summary; 0 before.
        forgotten: How many of `total` ended so long ago that their rows are gone.
        forgotten_from: When the first of those began; 0 when there are none, or it is not known.
    """

    id: str
    cluster: str
    receiver: str
    group_key: str
    labels: Mapping[str, str]
    shared: Mapping[str, str]
    state: str
    title: str
    severity: str
    firing: int
    total: int
    truncated: int
    source: str
    channel: str
    message_key: str
    storm: str
    muted: str
    owner: str
    owner_person: str
    owned_at: int | None
    created_at: int
    opened_at: int
    changed_at: int
    closed_at: int | None
    revision: int
    shown: int
    picture: str
    placed_at: int = 0
    forgotten: int = 0
    forgotten_from: int = 0


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert of an episode.

    Attributes:
        fingerprint: Alertmanager's name of the alert: a hash of its labels.
        status: firing, resolved or lost.
        labels: Cut to a sound number and length; `cut` tells how many are left out.
        ends_at: When it ended, microseconds UTC; None while it fires.
        source: Where Prometheus shows its rule.
        seen_at: When the bot heard of it first.
        changed_at: When its status changed last, by the bot's clock.
        told: The status that its thread has heard of; empty before.
        missing_since: Since when Alertmanager does not know it.
    """

    episode: str
    fingerprint: str
    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(repr=False)
    cut: int
    starts_at: int
    ends_at: int | None
    source: str
    seen_at: int
    changed_at: int
    told: str
    missing_since: int | None


def find(db: Database, episode: str) -> Episode | None:
    """The episode of that short id, however it is typed; None when there is none."""
    row = first(db, "SELECT * FROM episodes WHERE id = ?", [episode.strip().lower()])
    return made(row) if row else None


def at_message(db: Database, message_key: str) -> Episode | None:
    """The episode that a root message is about."""
    row = first(db, "SELECT * FROM episodes WHERE message_key = ?", [message_key])
    return made(row) if row else None


def standing(db: Database, cluster: str = "", limit: int = 1000) -> list[Episode]:
    """Episodes that still fire, the newest first; of all clusters when none is named.

    Args:
        db: The database.
        cluster: Only those.
        limit: How many; all when it is negative.
    """
    rows = every(
        db,
        """SELECT * FROM episodes WHERE closed_at IS NULL AND (:cluster = '' OR cluster = :cluster)
        ORDER BY opened_at DESC, id LIMIT :limit""",
        {"cluster": cluster, "limit": limit},
    )
    return [made(row) for row in rows]


def alerts_of(db: Database, episode: str, limit: int = 1000) -> list[AlertRow]:
    """The alerts of an episode: those that fire as they came, then what ended last."""
    rows = every(
        db,
        """SELECT * FROM alerts WHERE episode = ? ORDER BY status <> 'firing',
        CASE status WHEN 'firing' THEN seen_at ELSE -changed_at END, fingerprint LIMIT ?""",
        [episode, limit],
    )
    return [made_alert(row) for row in rows]


def own(db: Database, episode: str, actor: str, person: str, now: int) -> bool:
    """Writes down who takes care of an episode, and has it shown; False when it is over.

    An empty actor gives it back.
    """
    sql = """UPDATE episodes SET owner = ?, owner_person = ?, owned_at = ?, changed_at = ?,
        revision = revision + 1 WHERE id = ? AND closed_at IS NULL"""
    at = now if actor else None
    return changed(db, sql, [actor, person, at, now, episode]) == 1


def touch(db: Database, episode: str, now: int) -> bool:
    """Has an episode shown again, when something about it changed that is kept elsewhere."""
    sql = "UPDATE episodes SET revision = revision + 1, changed_at = ? WHERE id = ?"
    return changed(db, sql, [now, episode]) == 1


def put(db: Database, episode: Episode) -> None:
    """Writes an episode, new or known."""
    values = {name: getattr(episode, name) for name in _COLUMNS}
    values |= {"labels": dump(dict(episode.labels)), "shared": dump(dict(episode.shared))}
    changed(db, _PUT, values)


def open_of(db: Database, cluster: str, receiver: str, group_key: str) -> Episode | None:
    """The episode of a group that is under way; None when it is quiet."""
    row = first(
        db,
        """SELECT * FROM episodes WHERE cluster = ? AND receiver = ? AND group_key = ?
        AND closed_at IS NULL""",
        [cluster, receiver, group_key],
    )
    return made(row) if row else None


def rename(db: Database, cluster: str, receiver: str, group_key: str, old: str) -> None:
    """Gives a group that was taken in under another name the one that is told now."""
    sql = """UPDATE OR IGNORE episodes SET group_key = ?
        WHERE cluster = ? AND receiver = ? AND group_key = ?"""
    changed(db, sql, [group_key, cluster, receiver, old])


def closed_since(
    db: Database, cluster: str, receiver: str, group_key: str, at: int
) -> Episode | None:
    """The last episode of a group, unless it was over before a moment."""
    row = first(
        db,
        """SELECT * FROM episodes WHERE cluster = ? AND receiver = ? AND group_key = ?
        AND closed_at >= ? ORDER BY closed_at DESC LIMIT 1""",
        [cluster, receiver, group_key, at],
    )
    return made(row) if row else None


def known(db: Database, episode: str, fingerprints: Collection[str]) -> dict[str, AlertRow]:
    """Those of some alerts that an episode has had, by fingerprint."""
    rows = every(
        db,
        """SELECT * FROM alerts WHERE episode = ?
        AND fingerprint IN (SELECT value FROM json_each(?))""",
        [episode, dump(sorted(fingerprints))],
    )
    return {row["fingerprint"]: made_alert(row) for row in rows}


def put_alerts(db: Database, rows: Iterable[AlertRow]) -> None:
    """Writes alerts, new or known."""
    for row in rows:
        values = {name: getattr(row, name) for name in _ALERT_COLUMNS}
        both = {"labels": dump(dict(row.labels)), "annotations": dump(dict(row.annotations))}
        changed(db, _PUT_ALERT, {**values, **both})


def held_elsewhere(
    db: Database, cluster: str, receiver: str, fingerprint: str, episode: str, starts_at: int
) -> list[AlertRow]:
    """The same alert in other episodes: where it still fires, as after a change of routes.

    And where it was lost sight of since that same beginning.
    """
    rows = every(
        db,
        """SELECT a.* FROM alerts a JOIN episodes e ON e.id = a.episode
        WHERE a.fingerprint = :fingerprint AND a.status = 'firing' AND a.episode <> :episode
        AND e.cluster = :cluster AND e.receiver = :receiver
        UNION ALL SELECT a.* FROM alerts a JOIN episodes e ON e.id = a.episode
        WHERE a.fingerprint = :fingerprint AND a.status = 'lost' AND a.episode <> :episode
        AND a.starts_at = :starts AND e.cluster = :cluster AND e.receiver = :receiver""",
        {
            "cluster": cluster,
            "receiver": receiver,
            "fingerprint": fingerprint,
            "episode": episode,
            "starts": starts_at,
        },
    )
    return [made_alert(row) for row in rows]


def tally(db: Database, episode: str) -> tuple[int, int]:
    """How many alerts of an episode fire, and how many it has had."""
    row = first(
        db,
        """SELECT coalesce(sum(status = 'firing'), 0) AS firing, count(*) + coalesce(
            (SELECT forgotten FROM episodes WHERE id = :episode), 0) AS total
        FROM alerts WHERE episode = :episode""",
        {"episode": episode},
    )
    return (row["firing"], row["total"]) if row else (0, 0)


def ending(db: Database, episode: str) -> str:
    """What became of an episode of which nothing fires: lost when its last alert was."""
    row = first(
        db,
        """SELECT status FROM alerts WHERE episode = ? ORDER BY changed_at DESC, status LIMIT 1""",
        [episode],
    )
    return str(row["status"]) if row else RESOLVED


def bounds(db: Database, episode: str) -> tuple[int, int]:
    """When the first alert of an episode began and the last one ended; 0 where it is unknown."""
    row = first(
        db,
        """SELECT coalesce(min(began), 0) AS first, coalesce(max(ended), 0) AS last FROM (
            SELECT nullif(starts_at, 0) AS began, ends_at AS ended FROM alerts
            WHERE episode = :episode UNION ALL
            SELECT nullif(forgotten_from, 0), NULL FROM episodes WHERE id = :episode)""",
        {"episode": episode},
    )
    return (row["first"], row["last"]) if row else (0, 0)


def prune(db: Database, before: int) -> int:
    """Deletes episodes that were over before that moment, with their alerts."""
    return changed(db, "DELETE FROM episodes WHERE closed_at < ?", [before])


def made(row: Mapping[str, Any]) -> Episode:
    """An episode from its row."""
    return Episode(**{**row, "labels": load(row["labels"]), "shared": load(row["shared"])})


def made_alert(row: Mapping[str, Any]) -> AlertRow:
    """An alert from its row."""
    read = {key: load(row[key]) for key in ("labels", "annotations")}
    return AlertRow(**{**row, **read})


def _upsert(table: str, columns: Sequence[str], key: Sequence[str]) -> str:
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608
        f"VALUES ({', '.join(f':{name}' for name in columns)}) "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    )


_COLUMNS = tuple(Episode.__dataclass_fields__)
_ALERT_COLUMNS = tuple(AlertRow.__dataclass_fields__)
_PUT = _upsert("episodes", _COLUMNS, ("id",))
_PUT_ALERT = _upsert("alerts", _ALERT_COLUMNS, ("episode", "fingerprint"))
