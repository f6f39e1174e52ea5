"""Terminal text: plain in a pipe, drawn for a person, and JSON for machines."""

from __future__ import annotations

import enum
import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import Actions, Button, Code, Document, Fields, Mono, Note, Strong, Table, Text, Title
from bot.render.terminal import coloured, plain, show, to_data


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


DOCUMENT = Document.of(Title("Down", tone="bad"), Table(("a", "b"), (("1", "2"),)))


def test_a_pipe_gets_plain_lines() -> None:
    stream = io.StringIO()
    show(DOCUMENT, stream)
    assert stream.getvalue() == "Problem: Down\n\na  b\n1  2\n"


def test_a_person_gets_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    show(DOCUMENT, stream)
    assert "\x1b[1;31m" in stream.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    show(DOCUMENT, stream)
    assert "\x1b[1;31m" not in stream.getvalue()


@settings(deadline=None)
@given(st.text(st.characters(categories=["Cc", "Cf", "Lu", "Po"])))
def test_no_control_character_of_outside_text_reaches_a_terminal(text: str) -> None:
    hostile = f"\x1b]0;title\x07\x1b[2J{text}\u202e"
    document = Document.of(
        Title(hostile),
        Text.of(hostile, Mono(hostile), Strong(hostile)),
        Fields(((hostile, (hostile,)),)),
        Table((hostile,), ((hostile,),), title=hostile),
        Code(hostile),
        Note.of(hostile),
    )
    shown = plain(document)
    assert all(char in "\n\t" or ord(char) >= 32 for char in shown)
    assert not {"\x7f", "\x9b", "\u202e"} & set(shown)
    assert "\x1b]" not in coloured(document)
    assert "\x1b[2J" not in coloured(document)


def test_wide_characters_stay_aligned() -> None:
    shown = plain(Document.of(Table(("name", "x"), (("名前", "1"), ("abcd", "2")))))
    assert shown == "name  x\n名前  1\nabcd  2\n"


def test_buttons_that_run_something_are_commands_to_type() -> None:
    asks = Button("Silence …", "ask", "silence k7 --for 12h")
    runs, leaves = Button("Ack", "run", "ack k7"), Button("Leave it", "dismiss")
    lines = plain(Document.of(Actions((runs, asks, leaves)))).split("\n")
    said = [line.strip() for line in lines if line.strip()]
    assert said == ["Ack: onprem ack k7", "Silence …: onprem silence k7 --for 12h"]


class Phase(enum.Enum):
    RUNNING = "Running"


@dataclass(frozen=True)
class Result:
    name: str
    phase: Phase
    path: Path
    parts: tuple[int, ...]


def test_results_become_json() -> None:
    assert to_data({"r": Result("a", Phase.RUNNING, Path("/x"), (1, 2)), "n": None}) == {
        "r": {"name": "a", "phase": "running", "path": "/x", "parts": [1, 2]},
        "n": None,
    }
    assert to_data(Document.of(Title("x")))["elements"][0]["text"] == "x"
    with pytest.raises(TypeError, match="object has no form in JSON"):
        to_data(object())
