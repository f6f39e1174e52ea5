"""Text as people and phones type it → words, and back.

Phones turn quotes into “smart” ones and `--` into a dash; Slack escapes `&`, `<` and `>` and wraps
links and mentions (https://docs.slack.dev/messaging/formatting-message-text). Inside straight
quotes nothing is repaired, so whatever `quote` wrote comes back unchanged.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_DOUBLE = '"“”„‟«»＂'
_SINGLE = "'‘’‚‛＇"
_DASHES = "-‐‑‒–—―−﹣－"
_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_SLACK = re.compile(
    r"<([@#!][^<>|\s]+)(?:\|[^<>]*)?>|<((?:https?|mailto|tel):[^<>|\s]+)(?:\|([^<>]*))?>"
)


class Unclosed(ValueError):
    """A quote was opened and not closed."""


def from_slack(text: str) -> str:
    """Undoes Slack's escaping: `<@U1|bob>` → `<@U1>`, links as typed, `&amp;` → `&`."""

    def unwrap(match: re.Match[str]) -> str:
        mention, address, label = match.groups()
        if mention:
            return f"<{mention}>"
        return label if label and address.endswith(label) else str(address)

    text = _SLACK.sub(unwrap, text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def unwanted(text: str) -> str | None:
    """Names the first character that no command may contain (control characters), else None."""
    for char in text:
        if unicodedata.category(char) in ("Cc", "Cs") and char not in "\t\n\r":
            return f"U+{ord(char):04X}"
    return None


def split(text: str) -> list[str]:
    """Splits into words as a shell would, repairing what phones did outside of straight quotes.

    Raises:
        Unclosed: If a quote is not closed.
    """
    words, rest = _split(text)
    if rest is not None:
        raise Unclosed(rest)
    return words


def split_partial(text: str) -> tuple[list[str], str]:
    """Splits what is being typed: the finished words, and the one at the end (may be empty)."""
    words, rest = _split(text)
    if rest is not None:
        return words, rest.lstrip(_DOUBLE + _SINGLE)
    if not words or text[-1:].isspace():
        return words, ""
    return words[:-1], words[-1]


def quote(words: Iterable[str]) -> str:
    """Writes words so that `split` gives them back."""
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_./:=@%+,#<>-]+", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _split(text: str) -> tuple[list[str], str | None]:
    """The words, and the rest from a quote on that was never closed."""
    words: list[str] = []
    word: str | None = None
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            if word is not None:
                words.append(word)
            word, at = None, at + 1
        elif char in _INVISIBLE:
            at += 1
        elif char == "\\" and text[at + 1 : at + 2] and _escapes(text[at + 1]):
            word, at = (word or "") + text[at + 1], at + 2
        elif _opens(char, text[at - 1] if word and at else ""):
            inside, end = _quotation(text, at)
            if end is None:
                return words, (word or "") + inside
            word, at = (word or "") + inside, end
        elif word is None and char in _DASHES:
            word, at = _dashes(text, at)
        else:
            word, at = (word or "") + char, at + 1
    return ([*words, word] if word is not None else words), None


def _escapes(char: str) -> bool:
    return char == "\\" or char.isspace() or char in _DOUBLE + _SINGLE


def _opens(char: str, before: str) -> bool:
    """Whether a quotation begins; an apostrophe inside a word, as in don't, is a letter."""
    return char in _DOUBLE or (char in _SINGLE and not before.isalnum())


def _quotation(text: str, at: int) -> tuple[str, int | None]:
    """What is quoted from `at` on and where it ends; (the rest, None) when it never does."""
    family = _DOUBLE if text[at] in _DOUBLE else _SINGLE
    tries = (text[at], family) if text[at] in "\"'" else (family,)
    for closing in tries:
        inside, end = _until(text, at + 1, closing, escapes=family is _DOUBLE)
        if end is not None:
            return inside, end
    return text[at:], None


def _until(text: str, at: int, closing: str, *, escapes: bool) -> tuple[str, int | None]:
    found = ""
    while at < len(text):
        char = text[at]
        following = text[at + 1 : at + 2]
        if escapes and char == "\\" and following and (following == "\\" or following in closing):
            found, at = found + following, at + 2
        elif char in closing and not (
            char in _SINGLE and found[-1:].isalnum() and following.isalnum()
        ):
            return found, at + 1
        else:
            found, at = found + char, at + 1
    return found, None


def _dashes(text: str, at: int) -> tuple[str, int]:
    """Dashes that begin a word: any long one before a letter is `--`, before a digit `-`."""
    end = at
    while end < len(text) and text[end] in _DASHES:
        end += 1
    run = text[at:end]
    if run.strip("-") and end < len(text):
        if text[end].isalpha():
            return "--", end
        if text[end].isdigit():
            return "-", end
    return run, end
