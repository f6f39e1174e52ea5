"""Plain text → Slack's mrkdwn, with nothing from outside left that Slack would act on.

`&`, `<` and `>` are escaped (docs.slack.dev/messaging/formatting-message-text). Marks that would
format at this place become look-alikes, because Slack has no escape for them; exact values belong
in `Mono`, where only the backtick has to give way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import assert_never

from bot.render.document import Inline, Link, Mono, Person, Strong, When
from bot.render.text import clean, moment

ZERO_WIDTH = "\u200b"
_ALIKE = {"*": "∗", "_": "＿", "~": "∼", "`": "ˋ"}
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MEMBER = re.compile(r"slack:[A-Z0-9]+/([A-Z0-9]+)")
_GROUP = re.compile(r"slack-group:[A-Z0-9]+/([A-Z0-9]+)")
_WEB = re.compile(r"https?://[^\s<>|\x00-\x20\x7f]+")
_LONGEST_LINK = 2_000
_PIECE = 300


def escape(text: str) -> str:
    """Escapes what Slack would read as markup: three characters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def tokens(part: Inline) -> list[str]:
    """One part of a paragraph as pieces of mrkdwn between which it may be cut."""
    match part:
        case str():
            return literal(clean(part))
        case Mono():
            return [f"`{_code(piece)}`" for piece in _pieces(part.text)]
        case Strong():
            return [_bold(piece) for piece in _pieces(part.text)]
        case When():
            return [when(part.at)]
        case Person():
            if match := _MEMBER.fullmatch(part.actor):
                return [f"<@{match[1]}>"]
            if match := _GROUP.fullmatch(part.actor):
                return [f"<!subteam^{match[1]}>"]
            return literal(clean(part.name or part.actor, breaks=False))
        case Link():
            return _link(part)
        case _:
            assert_never(part)


def _link(link: Link) -> list[str]:
    """A link as one piece; its words alone when the address is none that Slack would take."""
    words = literal(clean(link.text, breaks=False)[:_PIECE])
    if len(link.url) > _LONGEST_LINK or not _WEB.fullmatch(link.url):
        return words
    return [f"<{escape(link.url)}|{''.join(words).replace('|', '¦') or 'link'}>"]


def when(at: int) -> str:
    """A moment that Slack shows in the reader's time zone; UTC where it cannot."""
    seconds = at // 1_000_000
    if not 0 <= seconds < 2**33:
        return escape(moment(at))
    return f"<!date^{seconds}^{{date_short_pretty}} {{time}}|{moment(at)}>"


def literal(text: str) -> list[str]:
    """Text that shows as it is, one piece for each character."""
    found: list[str] = []
    for index, char in enumerate(text):
        before, after = text[index - 1 : index], text[index + 1 : index + 2]
        if char in _ALIKE and not (before.isalnum() and after.isalnum()):
            found.append(_ALIKE[char])
        elif char == ">" and before in ("", "\n"):
            found.append(ZERO_WIDTH + "&gt;")
        elif char == ":" and (after.isalpha() or after in ("+", "-")):
            found.append(":" + ZERO_WIDTH if _emoji(text, index) else char)
        else:
            found.append(_ESCAPED.get(char, char))
    return found


def _emoji(text: str, at: int) -> bool:
    return re.match(r":[A-Za-z0-9_+'-]+:", text[at : at + 120]) is not None


def _pieces(text: str) -> Iterable[str]:
    cleaned = clean(text).translate({9: " ", 10: " "})
    return (cleaned[i : i + _PIECE] for i in range(0, len(cleaned), _PIECE))


def _bold(text: str) -> str:
    """Bold text; Slack takes no space inside of the marks, so spaces go around them."""
    inner = text.strip()
    if not inner:
        return text
    before, after = text.split(inner, 1)
    return f"{before}*{''.join(literal(inner)).replace('*', '∗')}*{after}"


def _code(text: str) -> str:
    """The inside of a code span; spaces at its ends become hard ones."""
    inner = text.strip()
    if not inner:
        return "\u00a0"
    before, after = text.split(inner, 1)
    return "\u00a0" * len(before) + escape(inner.replace("`", "ˋ")) + "\u00a0" * len(after)


def packed(parts: Sequence[Inline], limit: int) -> list[str]:
    """A paragraph as strings of at most `limit` characters, cut at spaces where there are some."""
    pending = [token for part in parts for token in tokens(part)]
    result: list[str] = []
    current: list[str] = []
    size = 0
    for token in pending:
        if size + len(token) > limit:
            cut = _last_space(current)
            if sum(map(len, current[cut:])) + len(token) > limit:
                cut = len(current)
            result.append("".join(current[:cut]))
            current = current[cut:]
            size = sum(map(len, current))
        current.append(token)
        size += len(token)
    result.append("".join(current))
    return [text for text in result if text.strip(" \n\t" + ZERO_WIDTH)]


def _last_space(pieces: list[str]) -> int:
    """Where to cut: behind the last space near the end, else at the end."""
    for index in range(len(pieces) - 1, max(0, len(pieces) - 120), -1):
        if pieces[index].isspace():
            return index + 1
    return len(pieces)


def fenced(lines: Sequence[str]) -> str:
    """Lines as a code block."""
    return "```\n" + escape("\n".join(lines).replace("```", "ˋˋˋ")) + "\n```"


def _cost(line: str) -> int:
    return len(escape(line)) + 1


def fits(lines: Sequence[str], limit: int) -> bool:
    """Whether lines fit into this many characters once they are escaped."""
    return len(beginning(lines, limit)) == len(lines)


def beginning(lines: Sequence[str], limit: int) -> list[str]:
    """As many whole lines from the start as fit."""
    found: list[str] = []
    for line in lines:
        limit -= _cost(line)
        if limit < 0:
            break
        found.append(line)
    return found


def ends(lines: Sequence[str], limit: int) -> tuple[list[str], list[str]]:
    """Whole lines from the start (a third of the room) and from the end, where errors are."""
    head = beginning(lines, limit // 3)
    tail = beginning(list(reversed(lines[len(head) :])), limit - limit // 3)
    return head, tail[::-1]
