"""What a command's button leaves open, asked for in a form and put into the command.

A parameter whose `Arg` says `ask` is a field; everything else stays as the button has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.grammar.parsing import line
from bot.grammar.words import split, unwanted

if TYPE_CHECKING:
    from bot.grammar.parsing import Parsed
    from bot.spec import Param


@dataclass(frozen=True, slots=True)
class Field:
    """One question.

    Attributes:
        name: The parameter's name.
        label: What is asked.
        value: What is offered; may be empty.
        needed: It must not be left empty.
    """

    name: str
    label: str
    value: str
    needed: bool


@dataclass(frozen=True, slots=True)
class Form:
    """What to ask before a command runs.

    Attributes:
        command: The command's name.
        summary: What it does, one sentence.
        line: The command as one would type it, with what is offered.
    """

    command: str
    summary: str
    line: str
    fields: tuple[Field, ...]


def form(parsed: Parsed) -> Form:
    """The questions that a command leaves open; it offers what the command has already."""
    command = parsed.command
    fields = tuple(
        Field(p.name, p.arg.help, str(getattr(parsed.params, p.name)), needed=bool(p.default))
        for p in _asked(parsed)
    )
    return Form(command.name, f"{command.summary}.", line(parsed), fields)


def mistakes(parsed: Parsed, given: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the answers: the parameter's name → a sentence."""
    found = {p.name: _mistake(p, given.get(p.name, "").strip()) for p in _asked(parsed)}
    return {name: sentence for name, sentence in found.items() if sentence}


def filled(parsed: Parsed, given: Mapping[str, str]) -> tuple[str, ...]:
    """The words of the command with the answers, in which there are no mistakes, put in."""
    answers = {p.name: given.get(p.name, "").strip() for p in _asked(parsed)}
    return tuple(split(line(replace(parsed, params=replace(parsed.params, **answers)))))


def _asked(parsed: Parsed) -> tuple[Param, ...]:
    return tuple(param for param in parsed.command.params if param.arg.ask)


def _mistake(param: Param, value: str) -> str:
    if not value:
        return "this must not be empty" if param.default else ""
    if char := unwanted(value):
        return f"it holds a control character ({char})"
    return (param.arg.check(value) if param.arg.check else None) or ""
