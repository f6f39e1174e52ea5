"""A message, independent of where it is shown: about ten frozen elements.

Text here is plain. Emphasis is said with `Mono` and `Strong` parts, never with markup inside a
string, so whatever came from outside stays text until a renderer escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

Tone = Literal["plain", "good", "warn", "bad"]
StepState = Literal["pending", "running", "done", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Mono:
    """A name, number or command shown in a fixed-width face."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """A word that must not be missed."""

    text: str


@dataclass(frozen=True, slots=True)
class When:
    """A moment (microseconds UTC), shown in the reader's own time zone."""

    at: int


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acted or is called, or a group of people: a mention in Slack, else a name."""

    actor: str
    name: str


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead to a page; only the words are shown where `url` is no web address."""

    text: str
    url: str


Inline = str | Mono | Strong | When | Person | Link


def marked(sentence: str) -> tuple[Inline, ...]:
    """Turns `quoted` words of a sentence into `Mono` parts; an odd quote stays as it is."""
    parts = sentence.split("`")
    if len(parts) % 2 == 0:
        return (sentence,)
    shown: list[Inline] = [Mono(p) if n % 2 else p for n, p in enumerate(parts)]
    return tuple(part for part in shown if part not in ("", Mono("")))


@dataclass(frozen=True, slots=True)
class Title:
    """The one line that a notification shows."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    parts: tuple[Inline, ...]

    @classmethod
    def of(cls, *parts: Inline) -> Text:
        """Builds a paragraph from its parts."""
        return cls(parts)


@dataclass(frozen=True, slots=True)
class Fields:
    """Label and value pairs."""

    pairs: tuple[tuple[str, tuple[Inline, ...]], ...]

    @classmethod
    def of(cls, **pairs: Inline) -> Fields:
        """Builds fields from keywords; underscores become spaces."""
        return cls(tuple((key.replace("_", " "), (value,)) for key, value in pairs.items()))


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of equal length under named columns; `tones` colours whole rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    tones: tuple[Tone, ...] = ()
    empty: str = "nothing"


@dataclass(frozen=True, slots=True)
class Code:
    """Verbatim output. Too long for the surface: head and tail inline, the whole as a file."""

    text: str
    name: str = "output.txt"


@dataclass(frozen=True, slots=True)
class Diff:
    """A unified diff."""

    text: str
    name: str = "changes.diff"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a `Progress`."""

    name: str
    state: StepState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """The steps of an operation."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture.

    Attributes:
        alt: Tells its numbers in words.
        shared: It goes where it was asked for, where others see it; else to the asker alone.
    """

    png: bytes
    name: str
    alt: str
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Button:
    """An offer. `act` is what a press asks the engine for.

    `run` starts `command` as a request of whoever presses, and `ask` asks them in a form first for
    what the command leaves open; `confirm`, `type` and `dismiss` decide
    about the waiting request that shows the button (`type` opens a field for `typed`); `cancel`
    stops the running one. `token` is the opaque one-use id that a surface puts into the button's
    value: the engine fills it, commands leave it empty.
    """

    label: str
    act: Literal["run", "ask", "confirm", "type", "dismiss", "cancel"]
    command: str = ""
    typed: str = ""
    style: Literal["plain", "primary", "danger"] = "plain"
    token: str = ""


@dataclass(frozen=True, slots=True)
class Actions:
    """Buttons in Slack, suggested commands in a terminal."""

    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """Small print: a warning, a hint, a reference id."""

    parts: tuple[Inline, ...]
    tone: Tone = "plain"

    @classmethod
    def of(cls, *parts: Inline, tone: Tone = "plain") -> Note:
        """Builds a note from its parts."""
        return cls(parts, tone)


Element = Title | Text | Fields | Table | Code | Diff | Progress | Image | Actions | Note


@dataclass(frozen=True, slots=True)
class Document:
    """Elements in reading order. The first `Title` is also the plain-text notification."""

    elements: tuple[Element, ...] = field(default=())

    @classmethod
    def of(cls, *elements: Element | None) -> Document:
        """Builds a document, leaving out what is None."""
        return cls(tuple(element for element in elements if element is not None))

    def __add__(self, other: Document) -> Document:
        return Document(self.elements + other.elements)

    @property
    def headline(self) -> str:
        """The text a screen reader or a notification gets."""
        return next((e.text for e in self.elements if isinstance(e, Title)), "")


_TYPES = {
    cls.__name__: cls
    for cls in (
        *(Mono, Strong, When, Person, Link, Title, Text, Fields, Table, Code, Diff),
        *(Step, Progress, Image, Button, Actions, Note, Document),
    )
}


def to_json(value: object) -> Any:
    """Turns a document (or a part of one) into JSON values; `from_json` is the way back."""
    if is_dataclass(value) and not isinstance(value, type):
        body = {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
        return {"is": type(value).__name__, **body}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, bytes):
        return {"is": "bytes", "hex": value.hex()}
    return value


def from_json(value: Any) -> Any:
    """Rebuilds what `to_json` wrote.

    Raises:
        KeyError: If an element's name is unknown to this version.
    """
    if isinstance(value, list):
        return tuple(from_json(item) for item in value)
    if isinstance(value, Mapping):
        kind = value["is"]
        if kind == "bytes":
            return bytes.fromhex(value["hex"])
        return _TYPES[kind](**{k: from_json(v) for k, v in value.items() if k != "is"})
    return value
