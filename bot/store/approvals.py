"""What stands behind a button: an opaque id that works once, for a while."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from bot.store.rows import changed, dump, first, load


class Unusable(enum.StrEnum):
    """Why a token does not work."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Token:
    """One button.

    Attributes:
        id: What the button carries; says nothing.
        request_id: The request it belongs to.
        action: What a click means, such as `approve`, `deny` or the name of a command.
        data: Whatever the click needs, such as parameters.
        choice: Buttons of a request with the same choice are used up together; empty for a button
            that stands alone.
        expires_at: Microseconds UTC.
        used_by: Actor; empty while unused.
    """

    id: str
    request_id: str
    action: str
    data: Mapping[str, Any]
    choice: str
    created_at: int
    expires_at: int
    used_by: str = ""
    used_at: int | None = None


def create(
    db: Database,
    request_id: str,
    action: str,
    *,
    now: int,
    expires_at: int,
    data: Mapping[str, Any] | None = None,
    choice: str = "",
) -> Token:
    """Makes a token for a stored request."""
    token = Token(
        secrets.token_urlsafe(18), request_id, action, data or {}, choice, now, expires_at
    )
    changed(
        db,
        """INSERT INTO approvals
        (id, request_id, action, data, choice, created_at, expires_at, used_by)
        VALUES (?, ?, ?, ?, ?, ?, ?, '')""",
        [token.id, request_id, action, dump(token.data), choice, now, expires_at],
    )
    return token


def get(db: Database, token_id: str) -> Token | None:
    """The token, used or not; None when it is unknown."""
    row = first(db, "SELECT * FROM approvals WHERE id = ?", [token_id])
    return Token(**{**row, "data": load(row["data"])}) if row else None


def use(db: Database, token_id: str, actor: str, now: int) -> Token | Unusable:
    """Uses a token up, and with it the others of its choice; or says why it does not work.

    Who used it first is in the token that `get` returns.
    """
    token = get(db, token_id)
    if token is None:
        return Unusable.UNKNOWN
    if token.used_at is not None:
        return Unusable.USED
    if token.expires_at <= now:
        return Unusable.EXPIRED
    changed(
        db,
        """UPDATE approvals SET used_by = :actor, used_at = :now WHERE used_at IS NULL
        AND (id = :id OR (:choice <> '' AND request_id = :request AND choice = :choice))""",
        {
            "actor": actor,
            "now": now,
            "id": token.id,
            "choice": token.choice,
            "request": token.request_id,
        },
    )
    return get(db, token_id) or Unusable.UNKNOWN


def release(db: Database, token_id: str) -> bool:
    """Takes a use back, with the others of its choice; False when there was none."""
    token = get(db, token_id)
    if token is None or token.used_at is None:
        return False
    sql = """UPDATE approvals SET used_by = '', used_at = NULL WHERE used_at = :at
        AND (id = :id OR (:choice <> '' AND request_id = :request AND choice = :choice))"""
    ours = {"id": token.id, "choice": token.choice, "request": token.request_id}
    return changed(db, sql, {**ours, "at": token.used_at}) > 0


def chosen(db: Database, request_id: str, choice: str) -> Token | None:
    """The token that made this choice last; None when nobody has made it."""
    row = first(
        db,
        """SELECT * FROM approvals WHERE request_id = ? AND choice = ? AND used_at IS NOT NULL
        ORDER BY used_at DESC LIMIT 1""",
        [request_id, choice],
    )
    return Token(**{**row, "data": load(row["data"])}) if row else None


def expire(db: Database, request_id: str, now: int) -> int:
    """Ends every unused token of a request, for when it was decided elsewhere."""
    return changed(
        db,
        """UPDATE approvals SET expires_at = :now
        WHERE request_id = :id AND used_at IS NULL AND expires_at > :now""",
        {"id": request_id, "now": now},
    )


def standing(
    db: Database, request_id: str, action: str, data: Mapping[str, Any], now: int
) -> Token | None:
    """An unused token for the same act, so that an edited message keeps its buttons."""
    row = first(
        db,
        """SELECT * FROM approvals WHERE request_id = ? AND action = ? AND data = ?
        AND used_at IS NULL AND expires_at > ? LIMIT 1""",
        [request_id, action, dump(data), now],
    )
    return Token(**{**row, "data": load(row["data"])}) if row else None
