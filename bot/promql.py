"""PromQL as text: literals that nothing can leave, and the places that queries keep for them.

A query has places such as `$namespace` where values are put in as whole literals, never as text
inside one. So `namespace=~$namespace` stands without quotes, and a place inside quotes is refused.
The grammar is that of Prometheus 3 (`promql/parser/lex.go`, `util/strutil/quote.go`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping

_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | `[^`]*`)
    | (?P<comment>\#[^\n]*)
    | \$(?P<place>[A-Za-z_]\w*)
    | (?P<open>["'`])""",
    re.VERBOSE,
)
_DURATION = re.compile(r"[1-9][0-9]{0,8}(ms|[smhdwy])")
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def quote(value: str) -> str:
    """A string literal that means exactly this text.

    JSON's escapes are Go's too, which PromQL reads. Half of a surrogate pair, which UTF-8 cannot
    say, becomes U+FFFD; that one is always escaped, because the lexer takes it for an error.
    """
    text = json.dumps(_SURROGATES.sub("\ufffd", value), ensure_ascii=False)
    return text.replace("\ufffd", "\\ufffd")


def escape(value: str) -> str:
    """A regular expression (RE2) that matches exactly this text; not yet a literal."""
    return _SPECIAL.sub(r"\\\g<0>", value)


def duration(value: str) -> str:
    """The same text, if it is a duration such as `5m`.

    Raises:
        ValueError: It is none.
    """
    if not _DURATION.fullmatch(value):
        raise ValueError("a duration is written as 30s, 5m or 2h")
    return value


def places(query: str, known: Collection[str]) -> frozenset[str]:
    """The places of a query, without their `$`.

    Raises:
        ValueError: A place is unknown or inside quotes, or a quote is not closed; the sentence is
            for whoever wrote the query.
    """
    return frozenset(match["place"] for match in _checked(query, known))


def fill(query: str, values: Mapping[str, str]) -> str:
    """A query with its places filled; comments are left out.

    Args:
        query: With places.
        values: For each place what is put there as it is: a `quote`, or a `duration`.

    Raises:
        ValueError: As `places`, for a place without value.
    """
    places(query, values)

    def replaced(match: re.Match[str]) -> str:
        if match["comment"]:
            return ""
        return values[match["place"]] if match["place"] else match[0]

    return _TOKEN.sub(replaced, query).strip()


def _checked(query: str, known: Collection[str]) -> Iterator[re.Match[str]]:
    for match in _TOKEN.finditer(query):
        if match["open"]:
            raise ValueError(f"the quote {match['open']} is not closed")
        if match["text"]:
            for inside in re.findall(r"\$([A-Za-z_]\w*)", match["text"]):
                if inside in known:
                    raise ValueError(f"write ${inside} without quotes: they come with its value")
        if match["place"]:
            if match["place"] not in known:
                there = ", ".join(f"${name}" for name in sorted(known))
                raise ValueError(f"there is no ${match['place']}; there is {there}")
            yield match
