"""Requests: the truth about everything that somebody asked for and that changes something."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sqlite_utils import Database

from bot.store.rows import changed, dump, every, first, load

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: read aloud without mistakes
EPOCH = 1_735_689_600_000_000  # 2025-01-01 in microseconds UTC


class State(enum.StrEnum):
    """Where a request stands.

    received → acked → running, then one of the ends; in between, where somebody has to decide,
    waiting → planning (decided, and planned again). `lost` was never acknowledged and never runs;
    `stuck` needs a person.
    """

    RECEIVED = "received"
    ACKED = "acked"
    PLANNING = "planning"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    EXPIRED = "expired"
    LOST = "lost"
    STUCK = "stuck"


PENDING = frozenset({State.ACKED, State.PLANNING, State.WAITING, State.RUNNING})
ENDED = frozenset(
    {State.DONE, State.FAILED, State.CANCELLED, State.REFUSED, State.EXPIRED, State.LOST}
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        id: Opaque; sorts by time (`new_id`).
        key: What a redelivery repeats, such as Slack's trigger_id; unique.
        origin: Where to answer.
        text: What was typed, secrets removed.
        fingerprint: Of the plan that was confirmed.
        cancel_by: Actor who asked to stop it; empty when nobody did.
        parent: Id of the request whose button started this one.
    """

    id: str
    key: str
    actor: str
    person: str
    command: str
    created_at: int
    origin: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    cluster: str = ""
    namespace: str = ""
    app: str = ""
    state: State = State.RECEIVED
    acked_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    fingerprint: str = ""
    plan: Mapping[str, Any] | None = None
    outcome: Mapping[str, Any] | None = None
    confirmed_by: str = ""
    cancel_by: str = ""
    cancel_at: int | None = None
    parent: str = ""


COLUMNS = tuple(f.name for f in fields(Request))
JSON = ("origin", "params", "plan", "outcome")
MAY_CHANGE = frozenset(COLUMNS) - {"id", "key", "actor", "person", "command", "created_at", "state"}


def new_id(clock: Callable[[], int]) -> str:
    """A short id that sorts by time: ten letters of microseconds, four of chance."""
    moment, letters = max(clock() - EPOCH, 0), ""
    for _ in range(10):
        moment, digit = divmod(moment, 32)
        letters = ALPHABET[digit] + letters
    return letters + "".join(secrets.choice(ALPHABET) for _ in range(4))


def insert(db: Database, request: Request) -> bool:
    """Stores a new request; False, and nothing stored, when its key is already known."""
    row = _row({name: getattr(request, name) for name in COLUMNS})
    names = ", ".join(row)
    slots = ", ".join(f":{name}" for name in row)
    sql = f"INSERT INTO requests ({names}) VALUES ({slots}) ON CONFLICT (key) DO NOTHING"  # noqa: S608
    return changed(db, sql, row) == 1


def get(db: Database, request_id: str) -> Request | None:
    """The request, or None."""
    return _request(first(db, "SELECT * FROM requests WHERE id = ?", [request_id]))


def by_key(db: Database, key: str) -> Request | None:
    """The request that a delivery already made, or None."""
    return _request(first(db, "SELECT * FROM requests WHERE key = ?", [key]))


def called(db: Database, actor: str, person: str) -> str:
    """What people call somebody: the person, else the name they last asked under, else the id."""
    if person != actor:
        return person
    sql = """SELECT json_extract(origin, '$.asker.name') AS name FROM requests WHERE actor = ?
        ORDER BY created_at DESC, id DESC LIMIT 1"""
    row = first(db, sql, [actor])
    return str(row["name"] or actor) if row else actor


def transition(
    db: Database, request_id: str, to: State | str, *, expect: Collection[str], **columns: Any
) -> bool:
    """Moves a request on, if it still is where the caller believes (compare-and-set).

    Args:
        db: The database, inside a transaction.
        request_id: Which.
        to: The new state; may equal the old one, to change columns only.
        expect: States it may be in now.
        **columns: Further columns to set.

    Returns:
        False when it is unknown or in another state; then nothing was changed.

    Raises:
        TypeError: For a column that does not exist or never changes.
    """
    if wrong := sorted(set(columns) - MAY_CHANGE):
        raise TypeError(f"requests have no column to change named {', '.join(wrong)}")
    row = _row(columns)
    sets = ", ".join(["state = :to", *(f"{name} = :{name}" for name in row)])
    states = {f"e{n}": str(state) for n, state in enumerate(expect)}
    marks = ", ".join(f":{name}" for name in states)
    sql = f"UPDATE requests SET {sets} WHERE id = :id AND state IN ({marks})"  # noqa: S608
    return changed(db, sql, {**row, **states, "id": request_id, "to": str(State(to))}) == 1


def ask_cancel(db: Database, request_id: str, actor: str, now: int) -> bool:
    """Notes who wants it stopped; False when it has ended or somebody already asked."""
    sql = """UPDATE requests SET cancel_by = ?, cancel_at = ? WHERE id = ? AND cancel_by = ''
        AND state IN ('received', 'acked', 'planning', 'waiting', 'running')"""
    return changed(db, sql, [actor, now, request_id]) == 1


def find(
    db: Database,
    *,
    states: Collection[str] | None = None,
    actor: str | None = None,
    cluster: str | None = None,
    limit: int = 50,
    before: int | None = None,
) -> list[Request]:
    """The newest requests first; `before` (microseconds) continues an earlier answer."""
    where = {"actor = ?": actor, "cluster = ?": cluster, "created_at < ?": before}
    conditions = [sql for sql, value in where.items() if value is not None]
    params: list[Any] = [value for value in where.values() if value is not None]
    if states is not None:
        conditions.append(f"state IN ({', '.join('?' * len(states))})")
        params += [str(state) for state in states]
    sql = f"""SELECT * FROM requests WHERE {" AND ".join(conditions) or "1"}
        ORDER BY created_at DESC, id DESC LIMIT ?"""  # noqa: S608
    return [_made(row) for row in every(db, sql, [*params, limit])]


def begun(
    db: Database,
    *,
    cluster: str,
    since: int,
    until: int,
    commands: Collection[str],
    namespace: str = "",
    app: str = "",
    limit: int = 500,
) -> list[Request]:
    """Operations that began to run in a time (microseconds; `until` excluded), newest first.

    An app's are those in its name, and those of its namespace that belong to no app alone.
    """
    sql = """SELECT * FROM requests WHERE cluster = :cluster
        AND started_at >= :since AND started_at < :until
        AND command IN (SELECT value FROM json_each(:commands))
        AND (:namespace = '' OR namespace = :namespace)
        AND (:app = '' OR app = :app OR (app = '' AND :namespace <> ''))
        ORDER BY started_at DESC, id DESC LIMIT :limit"""
    where = {"cluster": cluster, "since": since, "until": until, "limit": limit}
    names = dump(sorted(commands))
    rows = every(db, sql, {**where, "commands": names, "namespace": namespace, "app": app})
    return [_made(row) for row in rows]


def latest(
    db: Database, *, cluster: str, since: int, commands: Collection[str], states: Collection[str]
) -> dict[str, Request]:
    """App → the last of its operations that began after a moment and stands so now."""
    rows = every(
        db,
        """SELECT * FROM requests WHERE cluster = :cluster AND started_at >= :since AND app <> ''
        AND command IN (SELECT value FROM json_each(:commands))
        AND state IN (SELECT value FROM json_each(:states)) ORDER BY started_at, id""",
        {
            "cluster": cluster,
            "since": since,
            "commands": dump(sorted(commands)),
            "states": dump(sorted(states)),
        },
    )
    return {row["app"]: _made(row) for row in rows}


def count_states(db: Database) -> dict[State, int]:
    """How many requests stand where; every state is named."""
    found = {
        row["state"]: row["n"]
        for row in every(db, "SELECT state, count(*) AS n FROM requests GROUP BY state")
    }
    return {state: found.get(state, 0) for state in State}


def abandon(db: Database, now: int, why: str) -> list[str]:
    """Leaves everything that was under way to a person (`stuck`), and what was never acknowledged.

    Returns:
        The ids of the requests that are stuck now.
    """
    marks = ", ".join(f"'{state}'" for state in sorted(PENDING))
    rows = every(db, f"SELECT id FROM requests WHERE state IN ({marks}) ORDER BY id")  # noqa: S608
    changed(
        db,
        f"UPDATE requests SET state = 'stuck', outcome = ? WHERE state IN ({marks})",  # noqa: S608
        [dump({"why": why})],
    )
    changed(
        db,
        "UPDATE requests SET state = 'lost', finished_at = ? WHERE state = 'received'",
        [now],
    )
    return [row["id"] for row in rows]


def prune(db: Database, before: int) -> int:
    """Deletes requests that ended, and were made before that moment, with their steps."""
    marks = ", ".join(f"'{state}'" for state in sorted(ENDED))
    sql = f"DELETE FROM requests WHERE created_at < ? AND state IN ({marks})"  # noqa: S608
    return changed(db, sql, [before])


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    row = dict(values)
    for name in JSON:
        if row.get(name) is not None:
            row[name] = dump(row[name])
    if "state" in row:
        row["state"] = str(row["state"])
    return row


def _request(row: dict[str, Any] | None) -> Request | None:
    return _made(row) if row else None


def _made(row: dict[str, Any]) -> Request:
    for name in JSON:
        row[name] = load(row[name])
    row["state"] = State(row["state"])
    return Request(**row)
