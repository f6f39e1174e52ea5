"""What was done about alerts: silences that hold an episode's alerts back, escalations, calls.

Alertmanager is the truth about silences; these rows are what was told of them. Who owns an episode
stands in its own row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlite_utils import Database

from bot.store import alerts
from bot.store.alerts import Episode
from bot.store.rows import changed, every, first


@dataclass(frozen=True, slots=True)
class Silencing:
    """One silence as it concerns one episode.

    Attributes:
        silence: Alertmanager's id.
        person: Who made it, as Alertmanager has it.
        actor: The actor, when it was made here; else empty.
        request_id: The request that made it, when it was made here; else empty.
        covers: How many of the episode's alerts it holds back.
        starts_at: Microseconds UTC.
        changed_at: When this was written last.
        ended_at: When it was told to be over; None while it holds.
    """

    cluster: str
    silence: str
    episode: str
    person: str
    actor: str
    request_id: str
    comment: str
    covers: int
    starts_at: int
    ends_at: int
    changed_at: int
    ended_at: int | None = None


def put(db: Database, silencing: Silencing) -> None:
    """Writes what a silence is to an episode, new or known."""
    changed(db, _PUT, {name: getattr(silencing, name) for name in _COLUMNS})


def changed_since(db: Database, cluster: str, at: int) -> set[tuple[str, str]]:
    """Silence and episode of what was written at that moment or later, over or not."""
    rows = every(
        db,
        "SELECT silence, episode FROM alert_silences WHERE cluster = ? AND changed_at >= ?",
        [cluster, at],
    )
    return {(str(row["silence"]), str(row["episode"])) for row in rows}


def of_episode(db: Database, episode: str) -> list[Silencing]:
    """Silences that hold an episode back, the one that lasts longest first."""
    rows = every(
        db,
        """SELECT * FROM alert_silences WHERE episode = ? AND ended_at IS NULL
        ORDER BY ends_at DESC, silence""",
        [episode],
    )
    return [Silencing(**row) for row in rows]


def standing(db: Database, cluster: str) -> list[Silencing]:
    """All that was told of silences of a cluster and is not over."""
    rows = every(
        db,
        """SELECT * FROM alert_silences WHERE cluster = ? AND ended_at IS NULL
        ORDER BY silence, episode""",
        [cluster],
    )
    return [Silencing(**row) for row in rows]


def end(db: Database, cluster: str, silence: str, now: int) -> list[str]:
    """Notes that a silence is over; returns the episodes that it held back."""
    rows = every(
        db,
        """UPDATE alert_silences SET ended_at = :now, changed_at = :now
        WHERE cluster = :cluster AND silence = :silence AND ended_at IS NULL RETURNING episode""",
        {"now": now, "cluster": cluster, "silence": silence},
    )
    return [str(row["episode"]) for row in rows]


def episodes_by_alert(db: Database, cluster: str) -> dict[str, list[str]]:
    """Fingerprint of each alert that fires on a cluster → the open episodes it belongs to."""
    rows = every(
        db,
        """SELECT alerts.fingerprint, alerts.episode FROM alerts
        JOIN episodes ON episodes.id = alerts.episode
        WHERE episodes.cluster = ? AND episodes.closed_at IS NULL AND alerts.status = 'firing'""",
        [cluster],
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(str(row["fingerprint"]), []).append(str(row["episode"]))
    return found


def escalate(db: Database, episode: str, now: int) -> bool:
    """Notes that somebody is called about an episode; False when that was done before."""
    sql = "INSERT INTO alert_escalations (episode, at) VALUES (?, ?) ON CONFLICT DO NOTHING"
    return changed(db, sql, [episode, now]) == 1


def escalated_storm(db: Database, storm: str, now: int) -> None:
    """Notes when somebody was called about a storm last: it may call again for what is new."""
    sql = """INSERT INTO alert_escalations (episode, at) VALUES (?, ?)
        ON CONFLICT DO UPDATE SET at = excluded.at"""
    changed(db, sql, [storm, now])


def escalated_at(db: Database, episode: str) -> int | None:
    """When somebody was called about an episode that nobody had taken; None when never."""
    row = first(db, "SELECT at FROM alert_escalations WHERE episode = ?", [episode])
    return int(row["at"]) if row else None


def unescalate(db: Database, place: str) -> None:
    """Forgets that help was called about an episode, or about a storm and what it sums up.

    The call went where nobody reads it; what nobody has taken calls again.
    """
    sql = """DELETE FROM alert_escalations WHERE episode = :place
        OR episode IN (SELECT id FROM episodes
            WHERE storm = :place AND storm <> '' AND +message_key = '')"""
    changed(db, sql, {"place": place})


def wait(db: Database, episode: str, severity: str, now: int) -> None:
    """Notes since when an episode of that severity waits for somebody, unless it does already."""
    sql = """INSERT INTO alert_waits (episode, severity, since) VALUES (?, ?, ?)
        ON CONFLICT DO NOTHING"""
    changed(db, sql, [episode, severity, now])


def fired_again(db: Database, episode: str) -> None:
    """Forgets who was called when an episode, or a storm, was there before: it calls anew."""
    for table in ("alert_escalations", "alert_calls", "alert_waits"):
        changed(db, f"DELETE FROM {table} WHERE episode = ?", [episode])  # noqa: S608


def call(db: Database, episode: str, actors: Sequence[str], now: int) -> tuple[str, ...]:
    """Notes who is called about an episode; returns those who had not been called before."""
    sql = "INSERT INTO alert_calls (episode, actor, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
    return tuple(actor for actor in actors if changed(db, sql, [episode, actor, now]) == 1)


def called(db: Database, episode: str, actors: Sequence[str]) -> bool:
    """Whether all of them have been called about an episode."""
    rows = every(db, "SELECT actor FROM alert_calls WHERE episode = ?", [episode])
    return set(actors) <= {str(row["actor"]) for row in rows}


def unowned(db: Database, severities: Sequence[str], before: int) -> list[str]:
    """Episodes that nobody has taken, nor was called about, though they wait since a moment.

    They wait since they were first told to fire with one of these severities, and an alert of such
    a severity still fires. What was not told (it is muted, say) calls nobody, nor what a silence
    holds back as a whole.
    """
    marks = ", ".join("?" for _ in severities)
    rows = every(
        db,
        f"""SELECT id FROM episodes WHERE closed_at IS NULL AND state = 'firing' AND owner = ''
        AND (message_key <> '' OR storm <> '') AND severity IN ({marks})
        AND id NOT IN (SELECT episode FROM alert_escalations)
        AND EXISTS (SELECT 1 FROM alert_waits WHERE episode = episodes.id
            AND severity IN ({marks}) AND since <= ?)
        AND EXISTS (SELECT 1 FROM alerts WHERE episode = episodes.id AND status = 'firing'
            AND json_extract(labels, '$.severity') IN ({marks}))
        AND NOT EXISTS (SELECT 1 FROM alert_silences WHERE episode = episodes.id
            AND ended_at IS NULL AND covers >= firing)
        ORDER BY created_at, id""",  # noqa: S608 - only question marks
        [*severities, *severities, before, *severities],
    )
    return [str(row["id"]) for row in rows]


def ended_since(db: Database, cluster: str, since: int, limit: int) -> list[Episode]:
    """Episodes that were over at that moment or later, the last one first."""
    rows = every(
        db,
        """SELECT * FROM episodes WHERE closed_at >= :since
        AND (:cluster = '' OR cluster = :cluster) ORDER BY closed_at DESC, id LIMIT :limit""",
        {"since": since, "cluster": cluster, "limit": limit},
    )
    return [alerts.made(row) for row in rows]


def prune(db: Database, before: int) -> int:
    """Deletes silences, escalations and calls that were over before that moment."""
    gone = changed(db, "DELETE FROM alert_silences WHERE ended_at < ?", [before])
    for table in ("alert_escalations", "alert_calls"):
        gone += changed(
            db,
            f"""DELETE FROM {table} WHERE at < ?
            AND episode NOT IN (SELECT id FROM episodes WHERE closed_at IS NULL)""",  # noqa: S608
            [before],
        )
    return gone


_COLUMNS = tuple(f.name for f in fields(Silencing))
_PUT = (
    f"INSERT INTO alert_silences ({', '.join(_COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join(f':{name}' for name in _COLUMNS)}) "
    "ON CONFLICT (cluster, silence, episode) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[3:])
)
