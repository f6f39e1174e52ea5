"""Words → a command with its parameters, or one sentence and the usage line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from bot.errors import UsageError
from bot.grammar.compiling import (
    compiled,
    label,
    nearest,
    options,
    repaired,
    spaced,
    suggestion,
    wrong,
)
from bot.grammar.words import Unclosed, from_slack, quote, split, unwanted
from bot.names import clip
from bot.spec import Command, Param

Commands = Sequence[Command[Any, Any]]


@dataclass(frozen=True, slots=True)
class Parsed:
    """What was asked.

    Attributes:
        command: The command.
        params: An instance of its dataclass; None when `help` is asked for.
        words: All words, repaired.
        help: `--help`: show the usage, run nothing.
        dry_run: `--dry-run`: stop after the plan.
        confirm: The name given with `--confirm`.
        yes: `--yes`: confirm without asking; terminal only.
        json: `--json`: answer in JSON; terminal only.
    """

    command: Command[Any, Any]
    params: Any
    words: tuple[str, ...]
    help: bool = False
    dry_run: bool = False
    confirm: str | None = None
    yes: bool = False
    json: bool = False


def parse(
    given: str | Sequence[str],
    commands: Commands,
    *,
    prefix: str = "",
    terminal: bool | None = None,
) -> Parsed:
    """Reads a command, from Slack's text or from a terminal's words.

    Args:
        given: A line as Slack delivers it, or words that a shell has split already.
        commands: All commands.
        prefix: Goes before usage lines: `/onprem`.
        terminal: Whether `--yes` and `--json` are offered; unless given, for words only.

    Raises:
        UsageError: For whatever is wrong; its text holds one usage line.
    """
    prefix = spaced(prefix)
    terminal = not isinstance(given, str) if terminal is None else terminal
    words = _words(given, prefix)
    command, rest = find(words, commands, prefix)
    takes = options(command, terminal=terminal)
    rest = repaired(list(rest), takes)
    if _asks_help(rest, takes):
        return Parsed(command, None, tuple(words), help=True)
    values = _read(command, rest, prefix, takes, terminal=terminal)
    return Parsed(
        command,
        _params(command, values, prefix),
        tuple(words),
        dry_run=bool(values.get("_dry_run")),
        confirm=_once(command, "--confirm", values.get("_confirm") or (), prefix),
        yes=bool(values.get("_yes")),
        json=bool(values.get("_json")),
    )


def find(
    words: Sequence[str], commands: Commands, prefix: str
) -> tuple[Command[Any, Any], Sequence[str]]:
    """The command with the longest name that the words begin with, and the words after it.

    Raises:
        UsageError: If there is none; names the nearest one.
    """
    named = {name: c for c in commands for name in (*c.aliases, c.name)}
    if (not words or words[0] in ("--help", "-h", "-help")) and "help" in named:
        return named["help"], ()
    for count in (3, 2, 1):
        name = " ".join(words[:count]).lower()
        if len(words) >= count and name in named:
            return named[name], words[count:]
    listing = f"Usage: {prefix}COMMAND …; {prefix}help lists the commands"
    if not words:
        raise UsageError("No command was given", hint=listing)
    first = words[0].lower()
    family = sorted({n.split(" ")[1] for n in named if n.startswith(first + " ")})
    if family:
        raise UsageError(
            f"“{first}” needs one more word" if len(words) < 2 else _no(" ".join(words[:2])),
            why=f"use {', '.join(family)}" + suggestion(" ".join(words[1:2]), family),
            hint=f"Usage: {prefix}{first} {'|'.join(family)} …",
        )
    near = _nearest(words, list(named))
    if near:
        raise UsageError(
            _no(words[0]),
            why=f"did you mean “{near}”?",
            hint=f"Usage: {named[near].usage(prefix)}",
        )
    raise UsageError(_no(words[0]), hint=listing)


def line(parsed: Parsed) -> str:
    """Writes a request so that `parse` gives it back; secret values are left out."""
    command, params = parsed.command, parsed.params
    flags = ["--dry-run"] if parsed.dry_run else []
    positional: list[str] = []
    for param in command.params:
        value = getattr(params, param.name)
        if param.arg.secret or (not param.required and value == param.default):
            continue
        values = [str(v) for v in (value if param.many else (value,))]
        if param.type is bool:
            flags.append(param.option)
        elif param.arg.flag:
            flags += [f"{param.option}={v}" for v in values]
        else:
            positional += values
    if any(v.startswith("-") for v in positional):
        return quote([*command.name.split(" "), *flags, "--", *positional])
    return quote([*command.name.split(" "), *positional, *flags])


def _words(given: str | Sequence[str], prefix: str) -> list[str]:
    text = given if isinstance(given, str) else " ".join(given)
    if char := unwanted(text):
        raise UsageError(
            f"The text holds a control character ({char})", hint=f"Usage: {prefix}COMMAND …"
        )
    if not isinstance(given, str):
        return list(given)
    try:
        return split(from_slack(given))
    except Unclosed as error:
        raise UsageError(
            f"A quote is not closed: {clip(str(error))}",
            hint=f"Usage: {prefix}COMMAND …, with quotes around values that hold spaces",
        ) from None


def _no(word: str) -> str:
    return f"There is no command {clip(word)}"


def _nearest(words: Sequence[str], names: list[str]) -> str | None:
    for count in (3, 2, 1):
        same = [name for name in names if name.count(" ") == count - 1]
        if near := nearest(" ".join(words[:count]).lower(), same):
            return near
    return None


def _asks_help(words: Sequence[str], takes: dict[str, bool]) -> bool:
    for index, word in enumerate(words):
        if word == "--":
            return False
        value = index > 0 and takes.get(words[index - 1], False)
        if not value and (word == "--help" or (word == "-h" and not takes.get("-h"))):
            return True
    return False


def _read(
    command: Command[Any, Any],
    words: list[str],
    prefix: str,
    takes: dict[str, bool],
    *,
    terminal: bool,
) -> dict[str, Any]:
    """What click makes of the words: names → values, None or () where nothing was given."""
    tool = compiled(command, prefix, terminal=terminal)
    try:
        context = tool.make_context(command.name, words)
    except click.NoSuchOption as error:
        name = error.option_name
        if name in ("--yes", "--json"):
            raise wrong(command, prefix, f"{name} works in a terminal only") from None
        raise wrong(command, prefix, *_no_flag(name, takes)) from None
    except click.BadOptionUsage as error:
        name = error.option_name
        says = f"{name} needs a value" if takes.get(name) else f"{name} takes no value"
        raise wrong(command, prefix, says) from None
    except click.ClickException as error:  # nothing else is known to happen; never a traceback
        raise wrong(command, prefix, error.format_message()) from None
    if context.args:
        extra = ", ".join(clip(word.lstrip("\0")) for word in context.args[:3])
        raise wrong(command, prefix, f"There is more than the command takes: {extra}")
    for word in (w for p in command.params if p.arg.rest for w in context.params[p.name] or ()):
        if word.startswith("--") and nearest(word, takes, 0.8) and "--" not in words:
            raise wrong(command, prefix, *_no_flag(word, takes))
    return context.params


def _no_flag(name: str, takes: dict[str, bool]) -> tuple[str, str]:
    near = nearest(name, takes)
    why = f"did you mean “{near}”?" if near else "a value that begins with a dash goes after --"
    return f"There is no flag {clip(name)}", why


def _params(command: Command[Any, Any], values: dict[str, Any], prefix: str) -> Any:
    given: dict[str, Any] = {}
    for param in command.params:
        value = values.get(param.name)
        if param.many:
            value = tuple(value or ()) or None
        elif param.arg.flag and param.type is not bool:
            value = _once(command, param.option, value or (), prefix)
        if value is not None and value is not False:
            given[param.name] = value
    missing = [p for p in command.params if p.required and p.name not in given]
    if missing:
        raise wrong(command, prefix, _missing(missing))
    return command.params_type(**given)


def _missing(params: list[Param]) -> str:
    said = [f"{label(p)} ({p.arg.help[:1].lower()}{p.arg.help[1:]})" for p in params]
    return f"{' and '.join(said)} {'is' if len(said) == 1 else 'are'} missing"


def _once(command: Command[Any, Any], flag: str, values: Sequence[Any], prefix: str) -> Any:
    if len(values) > 1:
        raise wrong(command, prefix, f"{flag} is given {len(values)} times")
    return values[0] if values else None
