"""Conditions of rules: `replicas <= 10 and name in (mongodb, parse)`. Pure.

A condition is comparisons joined by `and`; each is an argument's name, an operator and a literal.
It is checked against the command's parameters when the rule is added, so that a rule that can never
hold, or that compares a number with a word, is refused there and not found out at night.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.errors import UsageError

Literal = bool | int | str
GRAMMAR = "ARG OP VALUE [and …], with OP one of <= < >= > == != in"

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<op><=|>=|==|!=|<|>)
      | (?P<punct>[(),])
      | (?P<word>[^\s"'<>=!(),]+)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison; `value` is a tuple for `in`."""

    arg: str
    op: str
    value: Literal | tuple[Literal, ...]

    def holds(self, params: Mapping[str, Any]) -> bool:
        """Whether the arguments satisfy it.

        One that was not given, or is of another type, never does. Of an argument with several
        values every one has to; of none at all, nothing holds.
        """
        given = params.get(self.arg)
        if isinstance(given, list | tuple):
            return bool(given) and all(self._holds(item) for item in given)
        return self._holds(given)

    def _holds(self, given: Any) -> bool:
        if isinstance(self.value, tuple):
            return any(_same(given, value) for value in self.value)
        if given is None or type(given) is not type(self.value):
            return False
        if self.op in _ORDER:
            return _ORDER[self.op](given, self.value)
        return _same(given, self.value) == (self.op == "==")


@dataclass(frozen=True, slots=True)
class Condition:
    """Comparisons that must all hold; none of them always do."""

    comparisons: tuple[Comparison, ...] = ()

    def holds(self, params: Mapping[str, Any]) -> bool:
        """Whether the arguments of a request satisfy it."""
        return all(comparison.holds(params) for comparison in self.comparisons)


def parse(text: str, types: Mapping[str, type] | None = None) -> Condition:
    """Reads a condition; the empty one always holds.

    Args:
        text: As a person wrote it.
        types: Name → `str`, `int` or `bool` of the arguments it may speak of; unchecked when None,
            as for a stored rule that was checked when it was added.

    Raises:
        UsageError: With what is wrong, and where.
    """
    if not text.strip():
        return Condition()
    tokens, found = _tokens(text), []
    while True:
        comparison, tokens = _comparison(text, tokens)
        if types is not None:
            _check(text, comparison, types)
        found.append(comparison)
        if not tokens:
            return Condition(tuple(found))
        if tokens[0] != ("word", "and"):
            raise _wrong(text, f"{tokens[0][1]!r} stands where `and` or the end should be")
        tokens = tokens[1:]


Token = tuple[str, str]


def _tokens(text: str) -> list[Token]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise _wrong(text, f"{text[at:].strip()[:20]!r} cannot be read")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return tokens


def _comparison(text: str, tokens: list[Token]) -> tuple[Comparison, list[Token]]:
    if len(tokens) < 3:
        raise _wrong(text, "it ends too early")
    (kind, arg), (op_kind, op), *rest = tokens
    if kind != "word" or not arg.replace("-", "_").isidentifier():
        raise _wrong(text, f"{arg!r} is not the name of an argument")
    name = arg.replace("-", "_")
    if (op_kind, op) == ("word", "in"):
        values, rest = _list(text, rest)
        return Comparison(name, "in", values), rest
    if op_kind != "op":
        raise _wrong(text, f"{op!r} is not an operator")
    return Comparison(name, op, _literal(text, rest[0])), rest[1:]


def _list(text: str, tokens: list[Token]) -> tuple[tuple[Literal, ...], list[Token]]:
    if tokens[0] != ("punct", "("):
        raise _wrong(text, "after `in` comes a list such as (a, b)")
    try:
        end = tokens.index(("punct", ")"))
    except ValueError:
        raise _wrong(text, "the list after `in` is not closed") from None
    inner, rest = tokens[1:end], tokens[end + 1 :]
    if len(inner) % 2 == 0 or any(token != ("punct", ",") for token in inner[1::2]):
        raise _wrong(text, "the list after `in` needs values with commas between them")
    return tuple(_literal(text, token) for token in inner[::2]), rest


def _literal(text: str, token: Token) -> Literal:
    kind, raw = token
    if kind == "string":
        return re.sub(r"\\(.)", r"\1", raw[1:-1])
    if kind != "word":
        raise _wrong(text, f"{raw!r} is not a value")
    if raw in ("true", "false"):
        return raw == "true"
    return int(raw) if re.fullmatch(r"[+-]?[0-9]{1,18}", raw) else raw


def _check(text: str, comparison: Comparison, types: Mapping[str, type]) -> None:
    kind = types.get(comparison.arg)
    if kind is None:
        have = ", ".join(sorted(types)) or "none"
        raise _wrong(text, f"there is no argument {comparison.arg!r}; there are: {have}")
    values = comparison.value if isinstance(comparison.value, tuple) else (comparison.value,)
    names = {int: "a number", str: "a word", bool: "true or false"}
    for value in values:
        if type(value) is not kind:
            hint = " (put it in quotes)" if kind is str else ""
            raise _wrong(text, f"{comparison.arg} is {names[kind]}, {value!r} is not{hint}")
    if comparison.op in _ORDER and kind is not int:
        raise _wrong(text, f"{comparison.op} is for numbers, {comparison.arg} is {names[kind]}")


def _same(given: Any, value: Literal) -> bool:
    return type(given) is type(value) and given == value


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(f"The condition {text!r} cannot be used", why=why, hint=f"Write {GRAMMAR}")
