"""What may come next in the page's box. Slack itself has no such thing; practice is easier with it.

The words come from the bot's own declarations, so that they are those that it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Completion:
    """Completes lines that begin with the slash command.

    Args:
        command: `/onprem`.
        lists: The names behind the declarations' lists: `apps`, `workloads`, `clusters` ….
    """

    def __init__(self, command: str, lists: Mapping[str, Sequence[str]]) -> None:
        self._command, self._lists = command, lists

    async def __call__(self, text: str, user: str) -> list[str]:
        """Whole lines that `text` may become; `user` makes no difference."""
        # Only when somebody types: the world starts faster than these are imported.
        from bot.grammar import complete
        from bot.grammar.words import split_partial
        from bot.registry import COMMANDS

        first, space, rest = text.partition(" ")
        if not space:
            return [self._command] if self._command.startswith(first) else []
        if first != self._command:
            return []
        _, partial = split_partial(rest)
        done = text[: len(text) - len(partial)]
        return [f"{done}{word}" for word in complete(rest, COMMANDS, self._lists)]
