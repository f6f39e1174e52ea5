"""The small checks from which block validation is made: text, counts, ids, lengths.

A `Check` collects every problem with its JSON pointer, worded as Slack words it
(`must be less than 3001 characters [json-pointer:/blocks/0/text/text]`).
"""

from __future__ import annotations

from typing import Any

from sandbox.slack.entities import JSON

ID_MAX = 255


class Check:
    """Collects what is wrong with one message or view."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.characters = 0
        """All text in blocks so far, which Slack limits as a whole."""
        self._block_ids: set[str] = set()

    def fail(self, problem: str, at: str) -> None:
        """Note a problem at a JSON pointer."""
        self.problems.append(f"{problem} [json-pointer:{at}]")

    def string(
        self, value: Any, at: str, most: int, *, least: int = 1, required: bool = True
    ) -> None:
        """A string of `least` to `most` characters."""
        if value is None:
            if required:
                parent, _, name = at.rpartition("/")
                self.fail(f"missing required field: {name}", parent)
        elif not isinstance(value, str):
            self.fail("must be a string", at)
        elif len(value) > most:
            self.fail(f"must be less than {most + 1} characters", at)
        elif len(value) < least:
            self.fail(f"must be more than {least - 1} characters", at)

    def items(self, value: Any, at: str, most: int, *, least: int = 1) -> list[Any]:
        """A list of `least` to `most` entries; gives it back, or an empty one."""
        if value is None:
            parent, _, name = at.rpartition("/")
            self.fail(f"missing required field: {name}", parent)
            return []
        if not isinstance(value, list):
            self.fail("must be an array", at)
            return []
        if len(value) > most:
            self.fail(f"no more than {most} items allowed", at)
        if len(value) < least:
            self.fail(f"no fewer than {least} items allowed", at)
        return value

    def text(
        self, value: Any, at: str, most: int, *, plain: bool = False, required: bool = True
    ) -> None:
        """A text object; `plain` allows only `plain_text`."""
        if value is None:
            if required:
                parent, _, name = at.rpartition("/")
                self.fail(f"missing required field: {name}", parent)
            return
        if not isinstance(value, dict):
            self.fail("must be an object", at)
            return
        allowed = ("plain_text",) if plain else ("plain_text", "mrkdwn")
        if value.get("type") not in allowed:
            self.fail(f"must be one of: {', '.join(allowed)}", f"{at}/type")
        self.string(value.get("text"), f"{at}/text", most)
        if isinstance(value.get("text"), str):
            self.characters += len(value["text"])

    def choice(self, value: Any, at: str, allowed: tuple[str, ...]) -> None:
        """One of some words, or nothing."""
        if value is not None and value not in allowed:
            self.fail(f"must be one of: {', '.join(allowed)}", at)

    def block_id(self, block: JSON, at: str) -> None:
        """At most 255 characters and used once."""
        name = block.get("block_id")
        if name is None:
            return
        self.string(name, f"{at}/block_id", ID_MAX)
        if isinstance(name, str):
            if name in self._block_ids:
                self.fail(f"`block_id` {name!r} already exists", f"{at}/block_id")
            self._block_ids.add(name)

    def action_ids(self, elements: list[Any], at: str) -> None:
        """Each at most 255 characters and used once within its block."""
        seen: set[str] = set()
        for i, element in enumerate(elements):
            name = element.get("action_id") if isinstance(element, dict) else None
            if name is None:
                continue
            self.string(name, f"{at}/{i}/action_id", ID_MAX)
            if name in seen:
                self.fail(f"`action_id` {name!r} already exists", f"{at}/{i}/action_id")
            seen.add(name)
