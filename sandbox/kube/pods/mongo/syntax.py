"""Reads the small part of JavaScript that scripts for ``mongosh`` here may use.

Literals, names, member access, calls, ``! && || ?? === !== == != < > <= >= + - ? :``, ``const``,
``let``, ``var``, assignment to names, ``if``, ``try``, ``throw`` and blocks. No functions, no
loops: whoever needs them is told so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

Node = tuple[Any, ...]


class ScriptError(Exception):
    """A script that this shell does not understand; the message names the place."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the script."""

    kind: str
    text: str
    line: int


_TOKENS = re.compile(
    r"""
    (?P<blank>[ \t\r\f]+|//[^\n]*|/\*.*?\*/)
  | (?P<newline>\n)
  | (?P<number>\d+(?:\.\d+)?)
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\$]|\\.)*`)
  | (?P<name>[A-Za-z_$][\w$]*)
  | (?P<op>===|!==|=>|==|!=|<=|>=|&&|\|\||\?\?|\?\.|[-+*/%!<>=?:.,;(){}\[\]])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0", "\n": ""}
_LEVELS = (
    ("??",), ("||",), ("&&",), ("===", "!==", "==", "!="), ("<", ">", "<=", ">="), ("+", "-"),
)  # fmt: skip
_UNKNOWN_WORDS = {"for", "while", "do", "function", "class", "switch", "async", "await", "new"}


def tokens(text: str) -> list[Token]:
    """Split a script into words.

    Raises:
        ScriptError: A character belongs to no word.
    """
    found, at, line = [], 0, 1
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            raise ScriptError(f"cannot read {text[at : at + 10]!r} in line {line}")
        kind, piece = str(match.lastgroup), match.group()
        if kind not in ("blank", "newline"):
            found.append(Token(kind, piece, line))
        line += piece.count("\n")
        at = match.end()
    found.append(Token("end", "", line))
    return found


def parse(text: str) -> list[Node]:
    """Read a script into statements.

    Raises:
        ScriptError: It uses what this shell does not know.
    """
    reader = _Reader(tokens(text))
    statements = []
    while reader.peek().kind != "end":
        statements.append(reader.statement())
    return statements


class _Reader:
    """Recursive descent over the words."""

    def __init__(self, words: list[Token]) -> None:
        self._words, self._at = words, 0

    def peek(self) -> Token:
        return self._words[self._at]

    def _next(self) -> Token:
        word = self._words[self._at]
        self._at += 1
        return word

    def _take(self, text: str) -> bool:
        if self.peek().kind != "string" and self.peek().text == text:
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        word = self.peek()
        if not self._take(text):
            shown = word.text or "the end"
            raise ScriptError(f"expected {text!r}, not {shown!r}, in line {word.line}")

    def statement(self) -> Node:
        word = self.peek()
        if word.kind == "name" and word.text in _UNKNOWN_WORDS:
            raise ScriptError(f"{word.text!r} in line {word.line} is more than it can run")
        if self._take(";"):
            return ("nothing",)
        if self._take("{"):
            return self._block()
        if word.text in ("const", "let", "var") and word.kind == "name":
            return self._declaration()
        if word.kind == "name" and self._take("if"):
            self._expect("(")
            test = self.expression()
            self._expect(")")
            then = self.statement()
            other = self.statement() if self._take("else") else ("nothing",)
            return ("if", test, then, other)
        if word.kind == "name" and self._take("try"):
            return self._try()
        if word.kind == "name" and self._take("throw"):
            value = self.expression()
            self._take(";")
            return ("throw", value)
        value = self.expression()
        if self._take("="):
            if value[0] != "name":
                raise ScriptError(f"only a name can be assigned to, in line {word.line}")
            value = ("set", value[1], self.expression())
            self._end(word)
            return value
        self._end(word)
        return ("value", value)

    def _end(self, first: Token) -> None:
        """A statement ends with ``;``, with its line, with its block or with the script."""
        before, word = self._words[self._at - 1], self.peek()
        if self._take(";") or word.kind == "end" or word.text == "}" or word.line > before.line:
            return
        raise ScriptError(f"{word.text!r} in line {word.line} is more than it can run")

    def _declaration(self) -> Node:
        self._next()
        name = self._next()
        if name.kind != "name":
            raise ScriptError(f"expected a name, not {name.text!r}, in line {name.line}")
        self._expect("=")
        value = self.expression()
        self._end(name)
        return ("set", name.text, value)

    def _block(self) -> Node:
        inside = []
        while not self._take("}"):
            inside.append(self.statement())
        return ("block", inside)

    def _try(self) -> Node:
        self._expect("{")
        body = self._block()
        self._expect("catch")
        name = ""
        if self._take("("):
            name = self._next().text
            self._expect(")")
        self._expect("{")
        return ("try", body, name, self._block())

    def expression(self) -> Node:
        test = self._binary(0)
        if self._take("?"):
            then = self.expression()
            self._expect(":")
            return ("choose", test, then, self.expression())
        return test

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self.peek().kind == "op" and self.peek().text in _LEVELS[level]:
            operator = self._next().text
            left = ("binary", operator, left, self._binary(level + 1))
        return left

    def _unary(self) -> Node:
        for operator in ("!", "-"):
            if self.peek().kind == "op" and self._take(operator):
                return ("unary", operator, self._unary())
        if self.peek().kind == "name" and self._take("typeof"):
            return ("unary", "typeof", self._unary())
        return self._chain(self._primary())

    def _chain(self, value: Node) -> Node:
        while True:
            word = self.peek()
            if word.kind != "op":
                return value
            if self._take(".") or self._take("?."):
                value = ("member", value, ("text", self._next().text), word.text == "?.")
            elif self._take("["):
                value = ("member", value, self.expression(), False)
                self._expect("]")
            elif self._take("("):
                value = ("call", value, self._list(")"))
            else:
                return value

    def _list(self, end: str) -> list[Node]:
        items = []
        while not self._take(end):
            items.append(self.expression())
            if not self._take(","):
                self._expect(end)
                break
        return items

    def _primary(self) -> Node:
        word = self._next()
        if word.kind == "number":
            return ("number", float(word.text) if "." in word.text else int(word.text))
        if word.kind == "string":
            return ("text", _unquoted(word.text))
        if word.kind == "name" and word.text not in _UNKNOWN_WORDS:
            return ("name", word.text)
        if word.text == "(":
            value = self.expression()
            self._expect(")")
            return value
        if word.text == "[":
            return ("list", self._list("]"))
        if word.text == "{":
            return self._object()
        shown = word.text or "the end"
        raise ScriptError(f"{shown!r} in line {word.line} is more than it can run")

    def _object(self) -> Node:
        pairs = []
        while not self._take("}"):
            word = self._next()
            if word.kind not in ("name", "string", "number"):
                raise ScriptError(f"{word.text!r} in line {word.line} is more than it can run")
            name = _unquoted(word.text) if word.kind == "string" else word.text
            short = word.kind == "name" and self.peek().text in (",", "}")
            if short:
                pairs.append((name, ("name", name)))
            else:
                self._expect(":")
                pairs.append((name, self.expression()))
            if not self._take(","):
                self._expect("}")
                break
        return ("object", pairs)


def _unquoted(text: str) -> str:
    return re.sub(
        r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)",
        lambda m: chr(int(m[1][1:], 16)) if m[1][0] in "ux" else _ESCAPES.get(m[1], m[1]),
        text[1:-1],
        flags=re.DOTALL,
    )
