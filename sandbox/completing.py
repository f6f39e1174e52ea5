"""What the page offers while somebody types: the bot's own grammar, over this world's names.

Real Slack offers nothing behind a slash command's name; the practice page may be kinder.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.slack.server import Completer

MOST = 50


def completer(command: str, settings: Mapping[str, Any]) -> Completer:
    """Completes whole lines for a world's page.

    Args:
        command: The slash command's name, `/onprem`.
        settings: The bot's configuration in this world.
    """
    lists = _lists(settings)
    load = functools.cache(_words)

    async def complete(text: str, _user: str) -> list[str]:
        name, space, typed = text.partition(" ")
        if not space:
            return [command] if command.startswith(name) and command != name else []
        if name != command:
            return []
        words = await asyncio.to_thread(load)
        return [f"{command} {line}" for line in words(typed, lists)][:MOST]

    return complete


def _lists(settings: Mapping[str, Any]) -> dict[str, list[str]]:
    apps: Mapping[str, Any] = settings["apps"]
    aliases = [alias for app in apps.values() for alias in app.get("aliases", {})]
    return {
        "apps": sorted(apps),
        "clusters": sorted(settings["clusters"]),
        "workloads": sorted({*apps, *aliases}),
        "roles": ["admin", "operator", "viewer"],
    }


Lines = Callable[[str, Mapping[str, Sequence[str]]], list[str]]


def _words() -> Lines:
    """The bot's grammar; imported when somebody first types, for it takes a moment."""
    from bot.grammar import complete
    from bot.grammar.words import split_partial
    from bot.registry import COMMANDS

    def lines(typed: str, lists: Mapping[str, Sequence[str]]) -> list[str]:
        _, partial = split_partial(typed)
        kept = typed[: len(typed) - len(partial)]
        if kept + partial != typed or (kept and not kept[-1].isspace()):
            return []  # quotes and dashes that the grammar repairs are not for us to finish
        return [kept + word for word in complete(typed, COMMANDS, lists)]

    return lines
