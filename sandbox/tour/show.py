"""Messages as text: what a person reads in a Slack client, for a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from sandbox.slack.entities import JSON, Message

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_BOLD = re.compile(r"`[^`\n]*`|(?<![\w*])\*([^*\n]+)\*(?![\w*])")
"""What stands between asterisks; code, which keeps its own, goes first."""
Name = Callable[[str], str]
"""A user's id → what they are called."""


def text_of(message: Message, name: Name) -> str:
    """All that a message shows, one line below the other."""
    lines = [line for block in message.blocks for line in _block(block, name)]
    return "\n".join(lines) if lines else plain(message.text, name)


def labels(message: Message) -> list[str]:
    """The labels of a message's buttons."""
    return [
        element["text"]["text"]
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
        if element["type"] == "button"
    ]


def plain(text: str, name: Name) -> str:
    """Slack's mark-up as text: names for ids, the fallback of dates, no entities."""

    def unwrap(match: re.Match[str]) -> str:
        inside, _, label = match[1].partition("|")
        if inside.startswith("@"):
            return f"@{name(inside[1:])}"
        return label or inside.lstrip("#!")

    text = re.sub(r"<([^<>]+)>", unwrap, text.replace("```\n", "").replace("\n```", ""))
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, char)
    return _CONTROL.sub("", _BOLD.sub(lambda found: found[1] or found[0], text))


def _block(block: JSON, name: Name) -> Iterator[str]:
    kind = block["type"]
    if kind in ("header", "section"):
        if "text" in block:
            yield from plain(block["text"]["text"], name).split("\n")
        for field in block.get("fields", ()):
            yield plain(field["text"], name).replace("\n", ": ").replace("*", "")
    elif kind == "context":
        parts = [plain(e.get("text") or e.get("alt_text", ""), name) for e in block["elements"]]
        yield from "  ".join(parts).split("\n")
    elif kind == "actions":
        yield "  ".join(f"[ {plain(e['text']['text'], name)} ]" for e in block["elements"])
    elif kind != "divider":
        yield f"({kind})"


class Page:
    """Prints the tour.

    Args:
        out: Where to.
        colour: Whether somebody looks who likes colour.
    """

    def __init__(self, out: TextIO, *, colour: bool) -> None:
        self._out, self._colour = out, colour

    def line(self, text: str = "", style: str = "") -> None:
        """Prints a line, perhaps in a style."""
        self._out.write(self._styled(text, style) + "\n")
        self._out.flush()

    def chapter(self, number: int, title: str) -> None:
        """Begins a part of the story."""
        self.line()
        self.line(f"{number}. {title}", "bold")

    def said(self, who: str, role: str, channel: str, text: str) -> None:
        """What a person types or clicks."""
        by = self._styled(f"{who} ({role})", "cyan")
        self.line(f"   #{channel}  {by}  {self._styled(text, 'bold')}")

    def happened(self, what: str) -> None:
        """What happens to everybody."""
        self.line(f"   ~ {what}", "magenta")

    def told(self, channel: str, text: str) -> None:
        """What the bot says without being asked."""
        self.line(f"   #{channel}  onprem, by itself", "dim")
        self._quote(text)

    def answered(self, text: str, only: str = "") -> None:
        """What the bot answers; `only` is the one person who sees it."""
        if only:
            self.line(f"      onprem (only {only} sees this)", "dim")
        self._quote(text)

    def _quote(self, text: str) -> None:
        for line in text.split("\n"):
            self.line(f"      │ {line}".rstrip())

    def verdict(self, problems: list[str]) -> None:
        """Whether it went as it should."""
        for problem in problems:
            self.line(f"      ✗ {problem}", "red")

    def _styled(self, text: str, style: str) -> str:
        code = _STYLES.get(style, "")
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code else text


_STYLES: dict[str, Any] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "magenta": "35",
    "cyan": "36",
}
