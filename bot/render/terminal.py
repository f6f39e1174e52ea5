"""Document → text for a terminal: colour and drawn tables for a person, plain lines for a pipe.

Control characters of outside text are removed in both. Rich is loaded only for colour.
"""

from __future__ import annotations

import enum
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any, assert_never

from bot.render.document import (
    Actions,
    Code,
    Diff,
    Document,
    Element,
    Fields,
    Image,
    Mono,
    Note,
    Progress,
    StepState,
    Strong,
    Table,
    Text,
    Title,
    Tone,
    to_json,
)
from bot.render.text import TONE_WORD, clean, pad, row_tones, table_lines, width, word, words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text as RichText

_STYLE: dict[Tone, str] = {"plain": "", "good": "green", "warn": "yellow", "bad": "bold red"}
_STEP_STYLE: dict[StepState, str] = {
    "pending": "dim",
    "running": "cyan",
    "done": "green",
    "skipped": "dim",
    "failed": "bold red",
}
_STEP_MARK: dict[StepState, str] = {
    "pending": "[ ]",
    "running": "[>]",
    "done": "[x]",
    "skipped": "[-]",
    "failed": "[!]",
}


def show(document: Document, stream: IO[str], *, program: str = "onprem") -> None:
    """Writes a document to a stream, in colour when a person looks at it.

    Args:
        document: What to show.
        stream: Usually `sys.stdout`.
        program: The name before suggested commands.
    """
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        from rich.console import Console

        _print(Console(file=stream, highlight=False, markup=False, emoji=False), document, program)
    else:
        stream.write(plain(document, program=program))


def coloured(document: Document, *, columns: int = 100, program: str = "onprem") -> str:
    """What `show` writes to a terminal of this many columns."""
    from rich.console import Console

    stream = io.StringIO()
    console = Console(
        file=stream,
        force_terminal=True,
        color_system="standard",
        width=columns,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    _print(console, document, program)
    return stream.getvalue()


def plain(document: Document, *, program: str = "onprem") -> str:
    """The document as plain lines, each paragraph apart; ends with a line break."""
    parts = (_lines(element, program) for element in document.elements)
    texts = ["\n".join(line.rstrip() for line in lines) for lines in map(list, parts) if lines]
    return "\n\n".join(text for text in texts if text) + "\n" if any(texts) else ""


def to_data(value: Any) -> Any:
    """A command's result as JSON values, for `--json`: dataclasses become mappings."""
    if isinstance(value, Document):
        return to_json(value)
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_data(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_data(item) for key, item in value.items()}
    if isinstance(value, str | bool | int | float | None):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Iterable):
        return [to_data(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _lines(element: Element, program: str) -> Iterator[str]:  # noqa: C901 - one case for each
    match element:
        case Title():
            yield _toned(clean(element.text, breaks=False), element.tone)
        case Text():
            yield from words(element.parts).split("\n")
        case Note():
            yield from _toned(words(element.parts), element.tone).split("\n")
        case Fields():
            yield from _pairs(element)
        case Table():
            if element.title:
                yield clean(element.title, breaks=False)
            yield from table_lines(element) if element.rows else [clean(element.empty)]
        case Code() | Diff():
            yield from clean(element.text).rstrip("\n").split("\n")
        case Progress():
            yield from (_step(s.state, s.name, s.detail) for s in element.steps)
        case Image():
            yield clean(f"[{element.name}: {element.alt}]", breaks=False)
        case Actions():
            yield from _suggestions(element, program)
        case _:
            assert_never(element)


def _toned(text: str, tone: Tone) -> str:
    return f"{TONE_WORD[tone]}: {text}" if tone in ("warn", "bad") else text


def _step(state: StepState, name: str, detail: str) -> str:
    return clean(f"{_STEP_MARK[state]} {name}" + (f" - {detail}" if detail else ""), breaks=False)


def _pairs(element: Fields) -> Iterator[str]:
    labels = [clean(label, breaks=False) + ":" for label, _ in element.pairs]
    widest = max(map(width, labels), default=0)
    for label, (_, value) in zip(labels, element.pairs, strict=True):
        first, *more = words(value).split("\n")
        yield f"{pad(label, widest)}  {first}"
        yield from (" " * (widest + 2) + line for line in more)


def _suggestions(element: Actions, program: str) -> Iterator[str]:
    """Buttons that start a command; those that decide are asked by the terminal itself."""
    for button in element.buttons:
        if button.act in ("run", "ask") and button.command:
            yield clean(f"{button.label}: {program} {button.command}", breaks=False)


def _print(console: Console, document: Document, program: str) -> None:
    from rich.padding import Padding

    before = False
    for element in document.elements:
        drawn = list(_drawn(element, program))
        if drawn and before:
            console.print()
        before = before or bool(drawn)
        for renderable in drawn:
            indented = isinstance(element, Code | Diff | Actions)
            console.print(
                Padding(renderable, (0, 0, 0, 2), expand=False) if indented else renderable
            )


def _drawn(  # noqa: C901 - one case for each
    element: Element, program: str
) -> Iterator[RenderableType]:
    from rich.text import Text as RichText

    match element:
        case Title():
            text = _toned(clean(element.text, breaks=False), element.tone)
            yield RichText(text, style=f"bold {_STYLE[element.tone]}".strip())
        case Text():
            yield _styled(element.parts)
        case Note():
            line = _styled(element.parts)
            mark = TONE_WORD[element.tone]
            prefix = RichText(f"{mark}: ", style=_STYLE[element.tone]) if mark else RichText()
            line.style = "" if mark else "dim"
            yield prefix + line
        case Table():
            yield _table(element)
        case Diff():
            for text in clean(element.text).rstrip("\n").split("\n"):
                style = {"+": "green", "-": "red", "@": "cyan"}.get(text[:1], "")
                yield RichText(text, style=style)
        case Progress():
            for step in element.steps:
                text = _step(step.state, step.name, step.detail)
                yield RichText(text, style=_STEP_STYLE[step.state])
        case Fields() | Code() | Image() | Actions():
            for text in _lines(element, program):
                yield RichText(text)
        case _:
            assert_never(element)


def _styled(parts: Iterable[Any]) -> RichText:
    from rich.text import Text as RichText

    line = RichText()
    for part in parts:
        style = "bold" if isinstance(part, Strong) else "cyan" if isinstance(part, Mono) else ""
        line.append(word(part), style=style)
    return line


def _table(element: Table) -> RenderableType:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text as RichText

    title = clean(element.title, breaks=False)
    if not element.rows:
        text = clean(element.empty, breaks=False)
        return RichText(f"{title}: {text}" if title else text, style="dim")
    table = RichTable(
        title=RichText(title) if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    for column in element.columns:
        table.add_column(RichText(clean(column, breaks=False)), overflow="fold")
    for tone, row in zip(row_tones(element), element.rows, strict=True):
        cells = [RichText(clean(cell, breaks=False), style=_STYLE[tone]) for cell in row]
        table.add_row(*cells)
    return table
