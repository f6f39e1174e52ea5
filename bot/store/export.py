"""The audit log as CSV or JSON Lines, a line at a time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from bot.errors import UsageError
from bot.store.audit import COLUMNS, AuditRow
from bot.store.rows import dump

# What a spreadsheet takes for the start of a formula (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
FORMATS = ("csv", "jsonl")


def export(rows: Iterable[AuditRow], fmt: str) -> Iterator[str]:
    """Yields one line per row, each with its newline; CSV begins with a line of names.

    Times are ISO 8601 in UTC besides the exact microseconds. In CSV a cell that a spreadsheet would
    run as a formula gets a leading apostrophe.

    Raises:
        UsageError: For another format than `csv` or `jsonl`.
    """
    if fmt not in FORMATS:
        raise UsageError(f"The format {fmt!r} is unknown", hint=f"Choose {' or '.join(FORMATS)}")
    return _csv(rows) if fmt == "csv" else _jsonl(rows)


def _jsonl(rows: Iterable[AuditRow]) -> Iterator[str]:
    for row in rows:
        yield json.dumps({"time": _iso(row.at), **asdict(row)}, ensure_ascii=False) + "\n"


def _csv(rows: Iterable[AuditRow]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")

    def line(cells: Iterable[object]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(cells)
        return buffer.getvalue()

    yield line(["time", *COLUMNS])
    for row in rows:
        values = {**asdict(row), "body": dump(row.body)}
        yield line([_iso(row.at), *(_safe(values[name]) for name in COLUMNS)])


def _safe(cell: object) -> object:
    return "'" + cell if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _iso(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat(timespec="microseconds")
