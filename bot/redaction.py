"""Keeps secrets out of the audit log, the logs and the messages.

Two nets, cast in one pass over the text: the secret values that the product knows (registered when
they are read), and patterns of what secrets look like. Neither needs the other.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import quote

MARK = "[redacted]"
SHORTEST = 4  # a shorter value would blacken ordinary words

# Repetitions are bounded where a long line could make them quadratic.
_NAME = (
    r"(?:[\w.-]{0,40}(?:passw(?:or)?d|passphrase|secret|token|keyfile|credentials?"
    r"|(?:api|master|access|private|secret)[_-]?key))"
)
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"',;&}\])]+)"""

# `keep` is shown, all else of the match is not.
_PATTERNS = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    r"\bxox[a-z]-[\w-]{8,}|\bxapp-[\w-]{8,}",  # Slack
    r"\bgh[opsur]_\w{20,}|\bgithub_pat_\w{20,}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",  # JSON Web Token, as in service account tokens
    r"(?P<keep1>\bauthorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token)?\s*)[\w.~+/=-]{4,}",
    r"(?P<keep2>\bbearer\s+)[\w.~+/-]{20,}=*",
    r"(?P<keep3>\b[a-z][a-z0-9+.-]{0,20}://[^\s:/@]{0,200}:)\S{1,500}(?=@)",  # scheme://user:password@
    rf"(?P<keep4>\b{_NAME}[\"']?\s*[:=]\s*){_VALUE}",
    rf"(?P<keep5>--{_NAME}\s+){_VALUE}",
)
_SECRET_NAME = re.compile(rf"(?:{_NAME}|authorization)\Z", re.IGNORECASE)
_ALL_PATTERNS = "|".join(f"(?:{pattern})" for pattern in _PATTERNS)


class Redactor:
    """Removes secrets from text and data. Safe to use from several threads."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._lock = threading.Lock()
        self._expression = _compile(self._values)

    def register(self, *values: str) -> None:
        """Adds secret values; from now on neither they nor their usual encodings are shown.

        Values under four characters are left out: they would blacken ordinary words.
        """
        with self._lock:
            known = set(self._values)
            for value in values:
                if len(value) >= SHORTEST:
                    known |= {value, value.strip() or value, *_encodings(value)}
            if known != self._values:
                self._values, self._expression = known, _compile(known)

    def text(self, text: str) -> str:
        """The text with every secret replaced by `[redacted]`, and made storable.

        NUL and lone surrogates, which neither SQLite nor UTF-8 can carry, become U+FFFD.
        """
        if not text.isascii():
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return self._expression.sub(_hide, text.replace("\0", "\ufffd"))

    def data(self, value: Any) -> Any:
        """A copy of JSON-like data without secrets, neither by content nor under a secret name."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                self.text(str(name)): MARK
                if _SECRET_NAME.search(str(name)) and item not in (None, "", True, False)
                else self.data(item)
                for name, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.data(item) for item in value]
        return value

    def processor(
        self, logger: Any, method: str, event: MutableMapping[str, Any]
    ) -> Mapping[str, Any]:
        """The same, as a structlog processor."""
        cleaned: dict[str, Any] = self.data(event)
        return cleaned


def _compile(values: set[str]) -> re.Pattern[str]:
    known = "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))
    return re.compile(f"{known}|{_ALL_PATTERNS}" if known else _ALL_PATTERNS, re.I | re.S)


def _hide(match: re.Match[str]) -> str:
    kept = next((text for text in match.groupdict().values() if text is not None), "")
    return kept + MARK


def _encodings(value: str) -> set[str]:
    raw = value.encode("utf-8", "surrogatepass")
    plain = base64.b64encode(raw).decode()
    return {
        plain,
        plain.rstrip("="),
        base64.urlsafe_b64encode(raw).decode(),
        quote(value, safe="", errors="surrogatepass"),
    }
