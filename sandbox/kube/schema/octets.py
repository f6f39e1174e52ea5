"""Base64 as Go's ``encoding/base64`` reads it: where it stops, and the plain form it writes."""

from __future__ import annotations

import base64
import re

_PLAIN = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_WORD = re.compile(r"[A-Za-z0-9+/]")
_BREAKS = "\r\n"


def fault(text: str) -> int | None:
    """Return the place of the first illegal byte as Go tells it, None when all is well."""
    if _PLAIN.fullmatch(text):
        return None
    at, size = 0, len(text)
    while True:
        seen = 0
        while seen < 4:
            if at == size:
                return at - seen if seen else None
            letter, at = text[at], at + 1
            if letter in _BREAKS:
                continue
            if not _WORD.match(letter):
                if letter != "=":
                    return at - 1
                return _ending(text, at, seen)
            seen += 1


def _ending(text: str, at: int, seen: int) -> int | None:
    """Check what follows the first ``=``, which stands before ``at``."""
    if seen < 2:
        return at - 1
    if seen == 2:
        at = _past_breaks(text, at)
        if at == len(text):
            return at
        if text[at] != "=":
            return at - 1
        at += 1
    at = _past_breaks(text, at)
    return at if at < len(text) else None


def _past_breaks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BREAKS:
        at += 1
    return at


def plain(text: str) -> str:
    """Return the form in which the server gives good base64 back."""
    return base64.b64encode(base64.b64decode(text)).decode()
