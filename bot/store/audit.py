"""The audit log: append-only, each row tied to the one before it by a keyed hash.

Without the key, which lies outside the database, nobody can change, remove or insert a row so that
`verify` stays silent. A missing tail shows against a head that was noted elsewhere (`Head`, see
`bot.store.anchor`). A break never stops the product: a `break` row is written, and every row after
it carries `after_break`.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sqlite_utils import Database

from bot.redaction import Redactor
from bot.store.keys import AuditKey
from bot.store.rows import changed, dump, every, first, like, load

FORMAT = 1


class Kind(enum.StrEnum):
    """What a row tells of. The column takes any word; these are the ones the product writes."""

    INTENT = "intent"
    DENIED = "denied"
    PLAN = "plan"
    CONFIRM = "confirm"
    OUTCOME = "outcome"
    CANCEL = "cancel"
    ROLE = "role"
    RULE = "rule"
    LOCK = "lock"
    STATE = "state"
    ROTATE = "rotate"
    BREAK = "break"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What happened. `body` is JSON; secrets in it are removed before it is hashed."""

    kind: str
    actor: str
    person: str
    action: str
    cluster: str = ""
    target: str = ""
    request_id: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row as it is stored.

    Attributes:
        at: Microseconds UTC.
        after_break: First broken row that was known when this one was written, else None.
    """

    seq: int
    at: int
    kind: str
    actor: str
    person: str
    cluster: str
    action: str
    target: str
    request_id: str
    body: Mapping[str, Any]
    format: int
    key_id: str
    after_break: int | None
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row; noted outside the database it proves that no tail is missing."""

    seq: int
    hash: str


COLUMNS = tuple(f.name for f in fields(AuditRow))


class AuditLog:
    """Appends rows.

    Args:
        key: Signs them.
        clock: Microseconds UTC.
        redactor: Removes secrets first.
    """

    def __init__(self, key: AuditKey, clock: Callable[[], int], redactor: Redactor) -> None:
        self.key, self._clock, self._redactor = key, clock, redactor

    def append(self, db: Database, event: AuditEvent) -> int:
        """Adds a row, inside the caller's transaction, and returns its number.

        When the key has changed since the last row, a `rotate` row signed by the old key comes
        first.

        Raises:
            sqlite3.Error: If it cannot be written.
        """
        last = _last(db)
        if last and last["key_id"] != self.key.id and not _announces(last, self.key.id):
            self._rotate(db, last)
            last = _last(db)
        return self._write(db, event, last, self.key.id, self.key.secret)

    def mark_broken(self, db: Database, first_broken: int, why: str) -> int:
        """Writes a `break` row; every later row carries the number of the broken one."""
        event = AuditEvent(
            Kind.BREAK,
            "system:onprem",
            "system:onprem",
            "audit verify",
            body={"first_broken": first_broken, "why": why},
        )
        last = _last(db)
        broken = {**(last or _NOTHING), "after_break": first_broken}
        return self._write(db, event, broken, self.key.id, self.key.secret)

    def _rotate(self, db: Database, last: dict[str, Any]) -> None:
        old, new = last["key_id"], self.key
        event = AuditEvent(
            Kind.ROTATE, "system:onprem", "system:onprem", "audit rotate", body={"key_id": new.id}
        )
        # A lost key cannot sign its own farewell; verify then says that its rows are unproved.
        signer = old if old in new.ring else new.id
        self._write(db, event, last, signer, new.ring[signer])

    def _write(
        self,
        db: Database,
        event: AuditEvent,
        last: Mapping[str, Any] | None,
        key_id: str,
        secret: bytes,
    ) -> int:
        last, clean = last or _NOTHING, self._redactor
        row = {
            "seq": last["seq"] + 1,
            "at": self._clock(),
            "kind": str(event.kind),
            "actor": clean.text(event.actor),
            "person": clean.text(event.person),
            "cluster": clean.text(event.cluster),
            "action": clean.text(event.action),
            "target": clean.text(event.target),
            "request_id": event.request_id,
            "body": dump(clean.data(dict(event.body))),
            "format": FORMAT,
            "key_id": key_id,
            "after_break": last["after_break"],
            "prev_hash": last["hash"],
        }
        row["hash"] = sign(row, secret)
        names, slots = ", ".join(row), ", ".join(f":{name}" for name in row)
        changed(db, f"INSERT INTO audit ({names}) VALUES ({slots})", row)  # noqa: S608
        return int(row["seq"])


_NOTHING: Mapping[str, Any] = {"seq": 0, "hash": "", "after_break": None, "key_id": ""}


def sign(row: Mapping[str, Any], secret: bytes) -> str:
    """The keyed hash of a row: HMAC-SHA256 over its values in column order, as canonical JSON."""
    values = dump([row[name] for name in COLUMNS if name != "hash"])
    return hmac.new(secret, values.encode("ascii"), hashlib.sha256).hexdigest()


def head(db: Database) -> Head | None:
    """The newest row's number and hash; None when the log is empty."""
    last = first(db, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    return Head(last["seq"], last["hash"]) if last else None


def search(
    db: Database,
    *,
    actor: str | None = None,
    person: str | None = None,
    kind: str | None = None,
    action: str | None = None,
    target: str | None = None,
    cluster: str | None = None,
    request_id: str | None = None,
    since: int | None = None,
    until: int | None = None,
    text: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[AuditRow]:
    r"""The newest matching rows first.

    `action`, `target` and `text` (in action, target and body) are looked for anywhere within;
    `since` and `until` are microseconds, the latter excluded; `before` is the `seq` where an
    earlier answer ended.
    """
    where: dict[str, object] = {
        "actor = ?": actor,
        "person = ?": person,
        "kind = ?": kind,
        "cluster = ?": cluster,
        "request_id = ?": request_id,
        "at >= ?": since,
        "at < ?": until,
        "seq < ?": before,
        r"action LIKE ? ESCAPE '\'": None if action is None else like(action),
        r"target LIKE ? ESCAPE '\'": None if target is None else like(target),
        r"(action || char(10) || target || char(10) || body) LIKE ? ESCAPE '\'": (
            None if text is None else like(text)
        ),
    }
    conditions = [sql for sql, value in where.items() if value is not None]
    params = [value for value in where.values() if value is not None]
    sql = f"""SELECT * FROM audit WHERE {" AND ".join(conditions) or "1"}
        ORDER BY seq DESC LIMIT ?"""  # noqa: S608
    return [made(row) for row in every(db, sql, [*params, limit])]


def page(db: Database, after: int = 0, size: int = 1000) -> list[AuditRow]:
    """The rows after that number in their order: for reading the whole log in pieces."""
    sql = "SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
    return [made(row) for row in every(db, sql, [after, size])]


def results(db: Database, after: int = 0) -> tuple[int, dict[tuple[str, str], int]]:
    """Outcomes after that row: the newest row's number, and (command, result) → how many."""
    last = _last(db)
    rows = every(
        db,
        """SELECT action, coalesce(body ->> '$.state', '') AS result, count(*) AS n FROM audit
        WHERE seq > ? AND seq <= ? AND kind = 'outcome' AND json_valid(body) GROUP BY 1, 2""",
        [after, last["seq"] if last else 0],
    )
    return (last["seq"] if last else 0), {(r["action"], r["result"]): r["n"] for r in rows}


def known_break(db: Database) -> int | None:
    """The first broken row, as far as it is known; None while the chain is taken for whole."""
    last = _last(db)
    return last["after_break"] if last else None


def made(row: Mapping[str, Any]) -> AuditRow:
    """A stored row as an object."""
    return AuditRow(**{**row, "body": load(row["body"])})


def _last(db: Database) -> dict[str, Any] | None:
    return first(
        db,
        """SELECT seq, hash, after_break, key_id, kind, body FROM audit
        ORDER BY seq DESC LIMIT 1""",
    )


def _announces(row: Mapping[str, Any], key_id: str) -> bool:
    try:
        return bool(row["kind"] == Kind.ROTATE and load(row["body"]).get("key_id") == key_id)
    except (ValueError, AttributeError):  # somebody changed it; that must not stop the log
        return False
