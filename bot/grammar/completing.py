"""What may come next, for the shell and for a chat box."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.grammar.compiling import options
from bot.grammar.words import split_partial
from bot.spec import Command, Param

Lists = Mapping[str, Sequence[str]]


def complete(
    text: str, commands: Sequence[Command[Any, Any]], lists: Lists, *, terminal: bool = False
) -> list[str]:
    """Candidates for the last word of `text`, which may be empty or half typed.

    Args:
        text: What stands before the cursor, without the slash command's name.
        commands: The commands to offer; the caller leaves out what the asker may not run.
        lists: The names behind `Arg(complete=…)`: `apps`, `workloads`, `clusters` …
        terminal: Whether flags of the terminal are offered.
    """
    done, partial = split_partial(text)
    lists = {"commands": [c.name for c in commands], **lists}
    found: set[str] = set(_next_words(done, commands))
    command, rest = _command(done, commands)
    if command is not None:
        found |= set(_for_command(command, rest, partial, lists, terminal=terminal))
    return sorted(word for word in found if word.startswith(partial) and word != partial)


def _next_words(done: Sequence[str], commands: Sequence[Command[Any, Any]]) -> Iterable[str]:
    for command in commands:
        words = command.name.split(" ")
        if len(words) > len(done) and words[: len(done)] == [w.lower() for w in done]:
            yield words[len(done)]


def _command(
    done: Sequence[str], commands: Sequence[Command[Any, Any]]
) -> tuple[Command[Any, Any] | None, Sequence[str]]:
    named = {name: c for c in commands for name in (*c.aliases, c.name)}
    for count in (3, 2, 1):
        name = " ".join(done[:count]).lower()
        if len(done) >= count and name in named:
            return named[name], done[count:]
    return None, done


def _for_command(
    command: Command[Any, Any], rest: Sequence[str], partial: str, lists: Lists, *, terminal: bool
) -> Iterable[str]:
    takes = options(command, terminal=terminal)
    flag, equals, _ = partial.partition("=")
    if equals and takes.get(flag):
        return (f"{flag}={value}" for value in _values(_flagged(command, flag), lists))
    if rest and takes.get(rest[-1]):
        return _values(_flagged(command, rest[-1]), lists)
    if partial.startswith("-"):
        repeatable = {p.option for p in command.params if p.many}
        used = {word.partition("=")[0] for word in rest} - repeatable
        return (name for name in takes if name.startswith("--") and name not in used)
    return _values(_positional(command, rest, takes), lists)


def _flagged(command: Command[Any, Any], flag: str) -> Param | None:
    return next((p for p in command.params if flag in (p.option, *p.arg.short)), None)


def _positional(
    command: Command[Any, Any], rest: Sequence[str], takes: Mapping[str, bool]
) -> Param | None:
    """The positional parameter that the next word would fill."""
    filled = 0
    for index, word in enumerate(rest):
        value = index > 0 and takes.get(rest[index - 1], False)
        filled += not value and not word.startswith("-")
    places = [p for p in command.params if not p.arg.flag and p.type is not bool]
    if places and filled >= len(places) and places[-1].many:
        return places[-1]
    return places[filled] if filled < len(places) else None


def _values(param: Param | None, lists: Lists) -> Iterable[str]:
    if param is None:
        return ()
    return param.arg.choices or lists.get(param.arg.complete, ())
