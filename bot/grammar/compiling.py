"""A `Command` → click: options, arguments, and values that check themselves.

click reads `-1` as an option and takes the last of a flag given twice; both get their own
sentence here: numbers are shielded before click sees them, and every flag is collected.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

import click

from bot.errors import UsageError
from bot.names import clip
from bot.spec import Command, Effect, Param

SHIELD = "\0"
LARGEST = 2**31 - 1
_FLAG = re.compile(r"-[A-Za-z][A-Za-z0-9_-]+(=.*)?", re.DOTALL)
_NUMBER = re.compile(r"-[.]?[0-9]")


def spaced(prefix: str) -> str:
    """The slash command's name with one space behind it, or nothing."""
    return f"{prefix.strip()} " if prefix.strip() else ""


def wrong(command: Command[Any, Any], prefix: str, what: str, why: str = "") -> UsageError:
    """An error about one command: the sentence, then its usage line."""
    return UsageError(what, why=why, hint=f"Usage: {command.usage(prefix)}")


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known word most like this one."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=likeness)
    return near[0] if near else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean “…”?` for the nearest known word, else nothing."""
    near = nearest(word, known)
    return f"; did you mean “{near}”?" if near else ""


def label(param: Param) -> str:
    """How an error names a parameter: `--grace`, `REPLICAS`."""
    return param.option if param.arg.flag else (param.arg.metavar or param.name.upper())


def universal(command: Command[Any, Any], *, terminal: bool) -> dict[str, str]:
    """Flags that every command has: name → help. A `NAME` at the end takes a value."""
    flags = {"--help": "Show how the command is used."}
    if command.effect is Effect.CHANGE:
        flags["--dry-run"] = "Show what would happen, and stop."
        flags["--confirm NAME"] = "Confirm at once, by the name that would be asked for."
        if terminal:
            flags["--yes"] = "Confirm without being asked."
    if terminal:
        flags["--json"] = "Answer in JSON."
    return flags


def options(command: Command[Any, Any], *, terminal: bool) -> dict[str, bool]:
    """Every flag as typed → whether it takes a value."""
    found = {}
    for param in command.params:
        if param.arg.flag or param.type is bool:
            for spelling in (param.option, *param.arg.short):
                found[spelling] = param.type is not bool
    for flag in universal(command, terminal=terminal):
        found[flag.split(" ")[0]] = " " in flag
    return {**found, "-h": False} if "-h" not in found else found


class Value(click.ParamType[Any]):
    """Converts one value, or raises a `UsageError` that names parameter, value and usage."""

    name = "value"

    def __init__(self, command: Command[Any, Any], param: Param, prefix: str) -> None:
        self._command, self._param, self._prefix = command, param, prefix

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Converts as click asks; the last two arguments are not needed."""
        text = str(value).removeprefix(SHIELD)
        arg, name = self._param.arg, label(self._param)
        shown = "the value" if arg.secret else clip(text)
        if not text:
            raise self._wrong(f"{name} is empty")
        result: Any = self._number(text, shown) if self._param.type is int else text
        if arg.choices and text not in arg.choices:
            among = f"use {', '.join(arg.choices)}" + suggestion(text, arg.choices)
            raise self._wrong(f"{shown} is no {name}", among)
        if arg.check and (problem := arg.check(result)):
            raise self._wrong(f"{name} is wrong", "see its help" if arg.secret else problem)
        return result

    def _number(self, text: str, shown: str) -> int:
        name = label(self._param)
        least = self._param.arg.minimum if self._param.arg.minimum is not None else 0
        most = self._param.arg.maximum if self._param.arg.maximum is not None else LARGEST
        if re.fullmatch(r"-[0-9]+", text):
            raise self._wrong(f"{name} must be at least {least}, not {shown}")
        if not re.fullmatch(r"[0-9]+", text):
            raise self._wrong(f"{name} must be a whole number in digits, not {shown}")
        if len(text.lstrip("0")) > 10 or int(text) > most:
            raise self._wrong(f"{name} must be at most {most}, not {shown}")
        if int(text) < least:
            raise self._wrong(f"{name} must be at least {least}, not {shown}")
        return int(text)

    def _wrong(self, what: str, why: str = "") -> UsageError:
        return wrong(self._command, self._prefix, what, why)


def compiled(command: Command[Any, Any], prefix: str, *, terminal: bool) -> click.Command:
    """The click command; nothing in it is required, the caller tells all that is missing."""
    params: list[click.Parameter] = []
    for param in command.params:
        kind = Value(command, param, prefix)
        if param.type is bool:
            params.append(click.Option([param.option, *param.arg.short, param.name], is_flag=True))
        elif param.arg.flag:
            names = [param.option, *param.arg.short, param.name]
            params.append(click.Option(names, type=kind, multiple=True))
        else:
            nargs = -1 if param.many or param.arg.rest else 1
            params.append(click.Argument([param.name], type=kind, nargs=nargs, required=False))
    for flag in universal(command, terminal=terminal):
        option, _, takes = flag.partition(" ")
        name = "_" + option.strip("-").replace("-", "_")
        spellings = [option, name, *(["-h"] if option == "--help" and not _has_h(command) else [])]
        if takes:
            params.append(click.Option(spellings, multiple=True))
        else:
            params.append(click.Option(spellings, is_flag=True))
    rest = any(param.arg.rest for param in command.params)
    settings = {
        "allow_extra_args": True,
        "help_option_names": [],
        "ignore_unknown_options": rest,  # the remaining words may be a command with flags
    }
    return click.Command(command.name, params=params, context_settings=settings, callback=None)


def _has_h(command: Command[Any, Any]) -> bool:
    return any("-h" in param.arg.short for param in command.params)


def repaired(words: list[str], takes: dict[str, bool]) -> list[str]:
    """Makes `-opt` `--opt` and shields negative numbers, except in the value of a flag.

    Args:
        words: What follows the command's name.
        takes: Every flag → whether the next word is its value.
    """
    result: list[str] = []
    for index, word in enumerate(words):
        if word == "--":
            return [*result, *words[index:]]
        before = result[-1] if result else ""
        if takes.get(before) and not (len(result) > 1 and takes.get(result[-2])):
            result.append(word)
        elif _NUMBER.match(word):
            result.append(SHIELD + word)
        elif _FLAG.fullmatch(word):
            result.append("-" + word)
        else:
            result.append(word)
    return result
