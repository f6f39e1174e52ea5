"""Every command there is: an explicit tuple, and the modules that a configuration adds to it."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bot.errors import ConfigError, Problem
from bot.spec import Command
from commands import (
    about,
    ack,
    alerts,
    apps,
    audit,
    backup,
    backup_describe,
    backup_keep,
    backups,
    changes,
    dashboard,
    deploy,
    drill,
    graph,
    health,
    jobs,
    locks,
    recovery,
    restart,
    restore,
    roles,
    rollback,
    rules,
    scale,
    schedule_changes,
    schedules,
    silence,
    status,
    top,
    uninstall,
    unsilence,
)

AnyCommand = Command[Any, Any]

COMMANDS: tuple[AnyCommand, ...] = (
    *about.COMMANDS,
    *apps.COMMANDS,
    *status.COMMANDS,
    *deploy.COMMANDS,
    *rollback.COMMANDS,
    *uninstall.COMMANDS,
    *scale.COMMANDS,
    *restart.COMMANDS,
    *graph.COMMANDS,
    *dashboard.COMMANDS,
    *changes.COMMANDS,
    *health.COMMANDS,
    *top.COMMANDS,
    *restore.COMMANDS,
    *drill.COMMANDS,
    *alerts.COMMANDS,
    *ack.COMMANDS,
    *silence.COMMANDS,
    *unsilence.COMMANDS,
    *recovery.COMMANDS,
    *backup.COMMANDS,
    *backups.COMMANDS,
    *backup_describe.COMMANDS,
    *backup_keep.COMMANDS,
    *schedules.COMMANDS,
    *schedule_changes.COMMANDS,
    *jobs.COMMANDS,
    *roles.COMMANDS,
    *rules.COMMANDS,
    *audit.COMMANDS,
    *locks.COMMANDS,
)


NESTED = frozenset({"graph list", "restore drill"})
"""Names that begin with another command's on purpose: the longer one wins over an argument."""


class Registry(Mapping[str, AnyCommand]):
    """Commands by name and by alias; iterating gives each once, under its name, in order.

    Raises:
        ValueError: If a name or an alias is taken twice, or one command's name begins another's
            (`role` and `role grant`), because then words could not be told from arguments.
    """

    def __init__(self, commands: Iterable[AnyCommand]) -> None:
        self._by_name: dict[str, AnyCommand] = {}
        self._by_word: dict[str, AnyCommand] = {}
        for command in commands:
            for word in (command.name, *command.aliases):
                self._take(word, command)
            self._by_name[command.name] = command

    def __getitem__(self, word: str) -> AnyCommand:
        return self._by_word[word]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, word: object) -> bool:
        return word in self._by_word

    @property
    def all(self) -> tuple[AnyCommand, ...]:
        """Every command once."""
        return tuple(self._by_name.values())

    def family(self, word: str) -> tuple[AnyCommand, ...]:
        """The commands whose name begins with a word: `role` → `role create`, `role grant` …."""
        return tuple(c for c in self.all if c.name.startswith(word + " "))

    def close(self, word: str) -> str:
        """The nearest name, for a did-you-mean; empty when nothing is near."""
        near = difflib.get_close_matches(word, tuple(self._by_word), n=1, cutoff=0.5)
        return near[0] if near else ""

    def _take(self, word: str, command: AnyCommand) -> None:
        for taken, other in self._by_word.items():
            begins = f"{word} ".startswith(f"{taken} ") or f"{taken} ".startswith(f"{word} ")
            if word == taken or (begins and not {word, taken} & NESTED):
                raise ValueError(f"{command.name!r} and {other.name!r} cannot be told apart")
        self._by_word[word] = command


def load(modules: Iterable[str] = (), *, file: str = "onprem.yaml") -> Registry:
    """The shipped commands and those of users' own modules.

    Args:
        modules: Dotted names from the configuration's `commands`; each has a tuple `COMMANDS`.
        file: The configuration's name, for problems.

    Raises:
        ConfigError: All modules that cannot be imported, lack `COMMANDS`, or take a name that is
            taken already.
    """
    found, problems = list(COMMANDS), []
    for name in modules:
        try:
            added = _commands_of(name)
            Registry([*found, *added])
            found += added
        except Exception as error:  # a user's module may fail in any way; say which and how
            reason = str(error) or type(error).__name__
            problems.append(Problem(file, 0, f"commands: module {name} cannot be used: {reason}"))
    if problems:
        raise ConfigError(tuple(problems))
    return Registry(found)


def names(modules: Iterable[str] = ()) -> frozenset[str]:
    """The names of all commands, for checks of a configuration; arguments and errors as `load`."""
    return frozenset(load(modules))


def _commands_of(name: str) -> tuple[AnyCommand, ...]:
    added = getattr(importlib.import_module(name), "COMMANDS", None)
    if not isinstance(added, tuple) or not all(isinstance(c, Command) for c in added):
        raise TypeError("it needs COMMANDS, a tuple of what @command returns")
    return added
