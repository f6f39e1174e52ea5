"""Document → Slack message: classic blocks within Slack's limits, and files for what is longer.

Limits: docs.slack.dev/reference/block-kit and slack_sdk 3.47; all blocks of a message together
about 13,200 characters (bolt-js #2509). Nothing is ever cut silently: long output keeps head and
tail, long tables their head, and the whole comes as a file; so does a message that is too long.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from bot.render import mrkdwn, terminal
from bot.render.document import (
    Actions,
    Button,
    Code,
    Diff,
    Document,
    Element,
    Fields,
    Image,
    Note,
    Progress,
    Strong,
    Table,
    Text,
    Title,
)
from bot.render.text import (
    STEP_EMOJI,
    TONE_EMOJI,
    TONE_WORD,
    clean,
    row_tones,
    table_lines,
    width,
)

BLOCKS = 50
CHARACTERS = 12_800
SECTION = 2_900
HEADER = 140
FIELD = 1_900
FIELDS = 10
CONTEXT = 10
BUTTONS = 25
LABEL = 75
NOTIFICATION = 1_000
WIDE = 92
"""Characters of a fixed-width face in one line of a message; Slack breaks longer ones."""
RECORDS = 8
"""So many rows of a wide table are written as paragraphs."""
PHRASE = 48
"""What is longer gets a line of its own there."""
_RESERVED = 400

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class File:
    """Something to upload into the thread.

    Attributes:
        alt: Describes a picture in words.
        shared: See `Image`.
    """

    name: str
    content: bytes
    alt: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message: always both `text` (notification, screen reader) and `blocks`."""

    text: str
    blocks: tuple[Block, ...]
    files: tuple[File, ...] = ()


def render(document: Document) -> Rendered:
    """Renders a document; whatever it holds, the result is within all of Slack's limits."""
    for inline in (SECTION, 1_200, 400):
        drawing = _Drawing(inline)
        blocks = list(drawing.draw_all(document.elements))
        if len(blocks) <= BLOCKS and _size(blocks) <= CHARACTERS:
            break
    else:
        blocks = _shortened(blocks)
        drawing.attach("message.txt", terminal.plain(document))
    if not blocks:
        blocks = [_section("–")]
    return Rendered(_notification(document), tuple(blocks), tuple(drawing.files))


@dataclass
class _Drawing:
    """One attempt to draw a document.

    Attributes:
        inline: Most characters of one code block or table inside the message.
        files: What did not fit, and pictures.
    """

    inline: int
    files: list[File] = field(default_factory=list)
    _buttons: int = 0

    def draw_all(self, elements: Iterable[Element]) -> Iterator[Block]:
        """Elements in order; small print that stands together shares a block, and so its lines."""
        for together, group in itertools.groupby(elements, _is_small_print):
            if together:
                notes = [note for note in group if isinstance(note, Note)]
                yield from _context(
                    text for note in notes for text in mrkdwn.packed(note.parts, SECTION)
                )
            else:
                yield from (block for element in group for block in self.draw(element))

    def draw(self, element: Element) -> Iterator[Block]:
        match element:
            case Title():
                yield from _title(element)
            case Text():
                yield from map(_section, mrkdwn.packed(element.parts, SECTION))
            case Fields():
                yield from _fields(element)
            case Table():
                yield from self._table(element)
            case Code() | Diff():
                yield from self._code(element)
            case Progress():
                yield from _progress(element)
            case Image():
                name = self.attach(element.name, element.png, element.alt, shared=element.shared)
                yield from _context(mrkdwn.packed((f"{name}: {element.alt}",), SECTION))
            case Actions():
                yield from self._actions(element.buttons)
            case Note():
                yield from _context(mrkdwn.packed(_toned(element), SECTION))
            case _:
                assert_never(element)

    def attach(
        self, name: str, content: str | bytes, alt: str = "", *, shared: bool = False
    ) -> str:
        """Adds a file under a name that is free, and returns that name."""
        name = clean(name, breaks=False).replace("/", "-").strip(". ")[-80:] or "file.txt"
        taken = {file.name for file in self.files}
        stem, dot, suffix = name.rpartition(".")
        count = 2
        unique = name
        while unique in taken:
            unique = f"{stem}-{count}{dot}{suffix}" if dot else f"{name}-{count}"
            count += 1
        data = content.encode() if isinstance(content, str) else content
        self.files.append(File(unique, data, clean(alt, breaks=False)[:1000], shared))
        return unique

    def _code(self, code: Code | Diff) -> Iterator[Block]:
        text = clean(code.text).rstrip("\n")
        lines = text.split("\n")
        if mrkdwn.fits(lines, self.inline):
            yield _section(mrkdwn.fenced(lines))
            return
        name = self.attach(code.name, text + "\n")
        most = self.inline // 8
        lines = [line if len(line) <= most else line[:most] + " …" for line in lines]
        head, tail = mrkdwn.ends(lines, self.inline)
        left_out = len(lines) - len(head) - len(tail)
        if head:
            yield _section(mrkdwn.fenced(head))
        what = f"{left_out} of {len(lines)} lines are" if left_out else "The ends of long lines are"
        yield from _context(mrkdwn.packed((f"{what} left out here. All of it is in {name}.",), 500))
        if tail:
            yield _section(mrkdwn.fenced(tail))

    def _table(self, table: Table) -> Iterator[Block]:
        if table.title:
            yield from map(_section, mrkdwn.packed((Strong(table.title),), SECTION))
        if not table.rows:
            yield from _context(mrkdwn.packed((table.empty or "nothing",), SECTION))
            return
        lines = table_lines(table)
        if len(table.rows) <= RECORDS and max(map(width, lines)) > WIDE:
            yield from _records(table)
            return
        if mrkdwn.fits(lines, self.inline):
            yield _section(mrkdwn.fenced(lines))
            return
        name = self.attach("table.txt", "\n".join(lines) + "\n")
        head = mrkdwn.beginning(lines, self.inline)
        if len(head) > 1:
            yield _section(mrkdwn.fenced(head))
        shown = max(0, len(head) - 1)
        sentence = f"{shown} of {len(table.rows)} rows are shown. All of them are in {name}."
        yield from _context(mrkdwn.packed((sentence,), 500))

    def _actions(self, buttons: Sequence[Button]) -> Iterator[Block]:
        for start in range(0, len(buttons), BUTTONS):
            elements = []
            for button in buttons[start : start + BUTTONS]:
                elements.append(_button(button, self._buttons))
                self._buttons += 1
            yield {"type": "actions", "elements": elements}


def _title(title: Title) -> Iterator[Block]:
    text = " ".join(
        part for part in (TONE_EMOJI[title.tone], clean(title.text, breaks=False)) if part
    )
    if len(text) <= HEADER:
        yield {"type": "header", "text": _plain(text or "–")}
    else:
        yield from map(_section, mrkdwn.packed((Strong(text),), SECTION))


def _records(table: Table) -> Iterator[Block]:
    """Each row as a paragraph: its first cell, then what the others are called and say."""
    for row, tone in zip(table.rows, row_tones(table), strict=True):
        first, *rest = (clean(cell, breaks=False) for cell in row)
        said = [
            f"{name}: {cell}" for name, cell in zip(table.columns[1:], rest, strict=False) if cell
        ]
        between = "\n" if any(len(one) > PHRASE for one in said) else " · "
        mark = f"{TONE_EMOJI[tone]} " if TONE_EMOJI[tone] else ""
        parts = (mark, Strong(first or "–"), "\n" if said else "", between.join(said))
        yield from map(_section, mrkdwn.packed(parts, SECTION))


def _fields(fields: Fields) -> Iterator[Block]:
    short: list[dict[str, Any]] = []
    for label, value in fields.pairs:
        texts = mrkdwn.packed((Strong(label), "\n", *value), FIELD) or ["–"]
        if len(texts) == 1 and len(short) < FIELDS:
            short.append(_mrkdwn(texts[0]))
            continue
        if short:
            yield {"type": "section", "fields": short}
        short = [_mrkdwn(texts[0])] if len(texts) == 1 else []
        if len(texts) > 1:
            yield from map(_section, texts)
    if short:
        yield {"type": "section", "fields": short}


def _progress(progress: Progress) -> Iterator[Block]:
    parts: list[str] = []
    for step in progress.steps:
        said = "" if step.state == "done" else f" ({step.state})"
        detail = f" – {step.detail}" if step.detail else ""
        parts.append(clean(f"{STEP_EMOJI[step.state]} {step.name}{said}{detail}", breaks=False))
    yield from map(_section, mrkdwn.packed(("\n".join(parts),), SECTION))


def _is_small_print(element: Element) -> bool:
    return isinstance(element, Note) and element.tone == "plain"


def _toned(note: Note) -> tuple[Any, ...]:
    if note.tone == "plain":
        return note.parts
    return (f"{TONE_EMOJI[note.tone]} ", Strong(TONE_WORD[note.tone] + ":"), " ", *note.parts)


def _button(button: Button, number: int) -> Block:
    label = clean(button.label, breaks=False) or "–"
    element: Block = {
        "type": "button",
        "text": _plain(label if len(label) <= LABEL else label[: LABEL - 1] + "…"),
        "action_id": f"{button.act}.{number}",
    }
    if button.token:
        element["value"] = button.token
    if button.style != "plain":
        element["style"] = button.style
    return element


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _context(texts: Iterable[str]) -> Iterator[Block]:
    elements = [_mrkdwn(text) for text in texts]
    for start in range(0, len(elements), CONTEXT):
        yield {"type": "context", "elements": elements[start : start + CONTEXT]}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _size(value: Any) -> int:
    """All characters of text in blocks."""
    if isinstance(value, dict):
        own = len(value["text"]) if isinstance(value.get("text"), str) else 0
        return own + sum(_size(v) for v in value.values() if isinstance(v, dict | list))
    return sum(map(_size, value)) if isinstance(value, list) else 0


def _shortened(blocks: list[Block]) -> list[Block]:
    """The beginning of a message and its last buttons, with a word about the file."""
    buttons = [block for block in blocks if block["type"] == "actions"][-2:]
    room = CHARACTERS - _RESERVED - _size(buttons)
    kept: list[Block] = []
    for block in blocks:
        room -= _size([block])
        if room < 0 or len(kept) >= BLOCKS - 1 - len(buttons):
            break
        if block not in buttons:
            kept.append(block)
    note = "This message is too long for Slack. All of it is in message.txt."
    return [*kept, *_context(mrkdwn.packed((note,), 500)), *buttons]


def _notification(document: Document) -> str:
    headline = document.headline or terminal.plain(document)
    title = next((e for e in document.elements if isinstance(e, Title)), None)
    toned = f"{TONE_EMOJI[title.tone]} {headline}".strip() if title else headline
    packed = mrkdwn.packed((clean(toned, breaks=False),), NOTIFICATION)
    return packed[0] + (" …" if len(packed) > 1 else "") if packed else "–"
