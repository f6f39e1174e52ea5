"""The few lines every table module shares: reading rows, and JSON columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlite_utils import Database

Params = Sequence[Any] | Mapping[str, Any]


def dump(value: object) -> str:
    """Canonical JSON: sorted keys, no spaces, ASCII only; equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def load(text: str | None) -> Any:
    """The value of a JSON column; None for NULL."""
    return None if text is None else json.loads(text)


def every(db: Database, sql: str, params: Params = ()) -> list[dict[str, Any]]:
    """All rows of a query, read to the end so that no cursor holds back a checkpoint."""
    cursor = db.execute(sql, dict(params) if isinstance(params, Mapping) else params)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def first(db: Database, sql: str, params: Params = ()) -> dict[str, Any] | None:
    """The first row of a query, or None."""
    found = every(db, sql, params)
    return found[0] if found else None


def changed(db: Database, sql: str, params: Params = ()) -> int:
    """Runs an INSERT, UPDATE or DELETE and returns how many rows it touched."""
    return db.execute(sql, dict(params) if isinstance(params, Mapping) else params).rowcount


def like(text: str) -> str:
    r"""A LIKE pattern that finds `text` anywhere, taken literally; use with `ESCAPE '\'`."""
    for special in ("\\", "%", "_"):
        text = text.replace(special, "\\" + special)
    return f"%{text}%"
