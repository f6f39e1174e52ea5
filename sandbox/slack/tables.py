"""The table blocks: 100 rows of 20 cells, 10,000 characters (docs.slack.dev, table block)."""

from __future__ import annotations

from typing import Any

from sandbox.slack.checks import Check
from sandbox.slack.entities import JSON

ROWS = 100
CELLS = 20
CHARACTERS = 10_000


def check_table(check: Check, block: JSON, at: str) -> None:
    """A `table`: rows of `raw_text` or `rich_text` cells."""
    _rows(check, block, at, ROWS, {"raw_text", "rich_text"})
    settings = block.get("column_settings")
    if settings is not None:
        for i, column in enumerate(check.items(settings, f"{at}/column_settings", CELLS)):
            if isinstance(column, dict):
                here = f"{at}/column_settings/{i}/align"
                check.choice(column.get("align"), here, ("left", "center", "right"))


def check_data_table(check: Check, block: JSON, at: str) -> None:
    """A `data_table`: a caption, a header and 1–100 rows, also numbers, pages of 1–100."""
    check.string(block.get("caption"), f"{at}/caption", 150)
    _rows(check, block, at, ROWS + 1, {"raw_text", "raw_number", "rich_text"}, least=2)
    size = block.get("page_size")
    if size is not None and not (isinstance(size, int) and 1 <= size <= 100):
        check.fail("must be a number from 1 to 100", f"{at}/page_size")


def _rows(
    check: Check, block: JSON, at: str, most: int, kinds: set[str], *, least: int = 1
) -> None:
    characters = 0
    for i, row in enumerate(check.items(block.get("rows"), f"{at}/rows", most, least=least)):
        for j, cell in enumerate(check.items(row, f"{at}/rows/{i}", CELLS)):
            here = f"{at}/rows/{i}/{j}"
            kind = cell.get("type") if isinstance(cell, dict) else None
            if kind not in kinds:
                check.fail(f"unsupported type: {kind}", f"{here}/type")
            elif kind == "raw_text":
                check.string(cell.get("text"), f"{here}/text", CHARACTERS)
            characters += cell_length(cell)
    if characters > CHARACTERS:
        check.fail(f"must be less than {CHARACTERS + 1} characters in all cells", at)


def cell_length(cell: Any) -> int:
    """The characters that a cell shows."""
    if isinstance(cell, list):
        return sum(cell_length(part) for part in cell)
    if not isinstance(cell, dict):
        return 0
    own = len(cell["text"]) if isinstance(cell.get("text"), str) else 0
    return own + cell_length(cell.get("elements"))
