"""Checks the audit log from its first row to its last, and names the first broken one."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from bot.store.audit import FORMAT, Head, Kind, sign
from bot.store.keys import AuditKey
from bot.store.rows import every, load
from bot.store.tables import AUDIT_TRIGGERS


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict.

    Attributes:
        ok: Every row is what was written, in order, and none is missing.
        rows: How many rows were read.
        first_broken: Number of the first row that is not proved, else None.
        why: A sentence; empty when all is well.
        head: The newest row, to be noted outside; None when the log is empty.
    """

    ok: bool
    rows: int
    first_broken: int | None
    why: str
    head: Head | None


def verify(db: Database, key: AuditKey, noted: Head | None = None) -> Verification:
    """Reads the whole log; about 15 µs a row, so run it with `Store.read`.

    Args:
        db: The database.
        key: With its older ones.
        noted: A head that was noted earlier outside the database: shows whether a tail is missing.
    """
    ring, rows, last = key.ring, 0, None
    broken: tuple[int, str] | None = None
    for row in _rows(db):
        rows += 1
        if broken is None:
            why = _wrong(row, last, ring) or _not_noted(row, noted)
            broken = (row["seq"], why) if why else _told(row)
        last = row
    head = Head(last["seq"], last["hash"]) if last else None
    if broken is None and noted and noted.seq > (head.seq if head else 0):
        start = head.seq + 1 if head else 1
        broken = (start, f"rows {start} to {noted.seq} are gone from the end")
    if broken is None and (missing := _missing_triggers(db)):
        broken = (rows + 1, f"the guard {', '.join(missing)} was taken off the table")
    if broken:
        return Verification(False, rows, broken[0], f"Row {broken[0]}: {broken[1]}.", head)
    return Verification(True, rows, None, "", head)


def _rows(db: Database) -> Iterator[dict[str, Any]]:
    after: int | None = None
    while True:
        where, params = ("WHERE seq > ?", [after]) if after is not None else ("", [])
        sql = f"SELECT * FROM audit {where} ORDER BY seq LIMIT 1000"  # noqa: S608
        page = every(db, sql, params)
        yield from page
        if len(page) < 1000:
            return
        after = page[-1]["seq"]


def _wrong(
    row: Mapping[str, Any], last: Mapping[str, Any] | None, ring: Mapping[str, bytes]
) -> str:
    wanted = last["seq"] + 1 if last else 1
    if row["seq"] != wanted:
        return f"row {wanted} is missing before it" if row["seq"] > wanted else "it was put in"
    if row["format"] != FORMAT:
        return f"its format {row['format']} is unknown to this version"
    if row["key_id"] not in ring:
        return f"it is signed with the key {row['key_id']}, which is not in the key file"
    signed = sign(row, ring[row["key_id"]]).encode()
    if not hmac.compare_digest(signed, row["hash"].encode("utf-8", "surrogateescape")):
        return "it was changed after it was written"
    if row["prev_hash"] != (last["hash"] if last else ""):
        return "it does not follow the row before it, which was replaced"
    if last and row["key_id"] != last["key_id"] and not _handed_over(row, last):
        return f"the key changed to {row['key_id']} without a row that says so"
    return ""


def _handed_over(row: Mapping[str, Any], last: Mapping[str, Any]) -> bool:
    return bool(last["kind"] == Kind.ROTATE and load(last["body"]).get("key_id") == row["key_id"])


def _not_noted(row: Mapping[str, Any], noted: Head | None) -> str:
    if noted and row["seq"] == noted.seq and row["hash"] != noted.hash:
        return "it is not the row that was noted outside the database"
    return ""


def _told(row: Mapping[str, Any]) -> tuple[int, str] | None:
    """What a `break` row says, so that a break stays visible for ever."""
    if row["kind"] != Kind.BREAK:
        return None
    body = load(row["body"])
    return int(body["first_broken"]), f"{body['why']} (found when row {row['seq']} was written)"


def _missing_triggers(db: Database) -> list[str]:
    have = {
        row["name"]: row["sql"]
        for row in every(db, "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    }
    return [name for name, sql in AUDIT_TRIGGERS.items() if have.get(name) != sql]
