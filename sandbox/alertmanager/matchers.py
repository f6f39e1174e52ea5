"""Matchers: of silences, and of filters such as `alertname="X"`.

Facts: `matcher/parse` and `pkg/labels` of Alertmanager v0.31.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sandbox.alertmanager.alerts import BadAlert, Malformed, quoted

_FORM = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^\s"=!~{},]+)\s*(=~|!~|!=|=)\s*(.*?)\s*', re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


@dataclass(frozen=True)
class Matcher:
    """One condition on a label."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    @cached_property
    def _fits(self) -> re.Pattern[str]:
        return re.compile(self.value, re.DOTALL)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it; one that is missing counts as empty."""
        value = labels.get(self.name, "")
        if self.is_regex:
            return (self._fits.fullmatch(value) is not None) == self.is_equal
        return (value == self.value) == self.is_equal

    def __str__(self) -> str:
        op = ("=~" if self.is_regex else "=") if self.is_equal else "!~" if self.is_regex else "!="
        return f"{self.name}{op}{quoted(self.value)}"

    def to_json(self) -> dict[str, Any]:
        """As the API has it."""
        return {
            "isEqual": self.is_equal,
            "isRegex": self.is_regex,
            "name": self.name,
            "value": self.value,
        }


def read(given: Any) -> Matcher:
    """Read a matcher of a silence.

    Raises:
        BadAlert: It is none.
    """
    if not isinstance(given, dict) or not isinstance(given.get("name"), str):
        raise Malformed("matchers.name in body is required")
    if not isinstance(given.get("value"), str):
        raise Malformed("matchers.value in body is required")
    equal = given.get("isEqual", True) is not False
    return Matcher(given["name"], given["value"], bool(given.get("isRegex")), equal)


def parsed(text: str) -> Matcher:
    """Read a filter: `alertname="X"`, `severity=~"warning|critical"`, unquoted values too.

    Raises:
        BadAlert: It is none.
    """
    found = _FORM.fullmatch(text.strip().removeprefix("{").removesuffix("}"))
    if found is None:
        raise BadAlert(f"bad matcher format: {text}")
    name, op, value = found[1], found[2], found[3]
    if value.startswith('"'):
        if not _QUOTED.fullmatch(value):
            raise BadAlert(f"bad matcher format: {text}")
        value = _unquoted(value)
    if name.startswith('"'):
        name = _unquoted(name)
    made = Matcher(name, value, op.endswith("~"), not op.startswith("!"))
    if made.is_regex:
        check_regex(made)
    return made


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        raise BadAlert(f"bad matcher format: {text}") from None


def check_regex(matcher: Matcher) -> None:
    """Check that its pattern is one.

    Raises:
        BadAlert: It is not.
    """
    try:
        re.compile(matcher.value)
    except re.error as error:
        text = f"invalid regular expression {matcher.value!r}: {error}"
        raise BadAlert(text) from None


def met(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether labels meet all filters; for `=""` and `!=""` it counts whether it is there."""
    for matcher in matchers:
        there = matcher.name in labels
        if matcher.value == "" and there != matcher.is_equal:
            continue
        if not matcher.matches(labels):
            return False
    return True
