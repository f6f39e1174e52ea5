"""What every surface shares: cleaned outside text, aligned tables, head and tail of long output."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_never

from bot.render.document import Inline, Link, Mono, Person, StepState, Strong, Table, Tone, When

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # titles, links
    r"|\x1b[PX^_][^\x1b\n]*\x1b\\"  # device strings
    r"|\x1b[ -/]*[0-~]?"
)
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"  # control characters, lone surrogates
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # direction overrides
)

TONE_WORD: dict[Tone, str] = {"plain": "", "good": "OK", "warn": "Warning", "bad": "Problem"}
TONE_EMOJI: dict[Tone, str] = {"plain": "", "good": "✅", "warn": "⚠️", "bad": "❌"}
TONE_MARK: dict[Tone, str] = {"plain": "", "good": "", "warn": "!", "bad": "x"}
STEP_EMOJI: dict[StepState, str] = {
    "pending": "⚪",
    "running": "🔄",
    "done": "✅",
    "skipped": "⏭️",
    "failed": "❌",
}


def clean(text: str, *, breaks: bool = True) -> str:
    """Removes terminal escapes, control characters and direction overrides.

    Args:
        text: Anything from outside.
        breaks: Keep line breaks and tabs; else they become spaces.
    """
    text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    if not breaks:
        text = " ".join(text.split())
    return _UNSHOWN.sub("", text)


def moment(at: int) -> str:
    """`2026-11-22 18:04 UTC`, for where the reader's own time zone is not known."""
    try:
        return f"{datetime.fromtimestamp(at / 1_000_000, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{at} µs"


def words(parts: Sequence[Inline]) -> str:
    """A paragraph without any emphasis."""
    return "".join(word(part) for part in parts)


def word(part: Inline) -> str:
    """One part of a paragraph without any emphasis."""
    match part:
        case str():
            return clean(part)
        case Mono() | Strong():
            return clean(part.text)
        case When():
            return moment(part.at)
        case Person():
            return clean(part.name or part.actor, breaks=False)
        case Link():
            return f"{clean(part.text, breaks=False)} ({clean(part.url, breaks=False)})"
        case _:
            assert_never(part)


def row_tones(table: Table) -> list[Tone]:
    """One tone for each row, plain where none is given."""
    missing: list[Tone] = ["plain"] * (len(table.rows) - len(table.tones))
    return [*table.tones[: len(table.rows)], *missing]


def table_lines(table: Table) -> list[str]:
    """Aligned columns under their names; rows that want attention carry a mark in front."""
    toned = any(TONE_MARK[tone] for tone in row_tones(table))
    head = ["", *table.columns] if toned else list(table.columns)
    rows = [[clean(cell, breaks=False) for cell in row] for row in table.rows]
    if toned:
        rows = [[TONE_MARK[tone], *row] for tone, row in zip(row_tones(table), rows, strict=True)]
    head = [clean(cell, breaks=False) for cell in head]
    count = max(map(len, [head, *rows]))
    cells = [[*row, *([""] * (count - len(row)))] for row in [head, *rows]]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(pad, row, widths)).rstrip() for row in cells]


def width(text: str) -> int:
    """How many cells of a fixed-width face the text fills."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def pad(text: str, cells: int) -> str:
    """Fills up with spaces."""
    return text + " " * (cells - width(text))
