"""Runs what `syntax` read, against host objects given from outside."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.kube.pods.mongo.errors import MongoError
from sandbox.kube.pods.mongo.syntax import Node, ScriptError, parse
from sandbox.kube.pods.mongo.values import UNDEFINED, Undefined

Function = Callable[..., Any]


class Host:
    """An object with methods, such as ``db``. Unknown members are refused by name."""

    def __init__(
        self, name: str, members: Mapping[str, Any], other: Callable[[str], Any] | None = None
    ) -> None:
        """Make one; `other` gives the members that are not listed."""
        self.name = name
        self._members, self._other = members, other

    def member(self, name: str) -> Any:
        """Return a method or a value.

        Raises:
            ScriptError: It has none of that name.
        """
        if name in self._members:
            return self._members[name]
        if self._other is None:
            raise ScriptError(f"{self.name}.{name} is not known to it")
        return self._other(name)


class Thrown(Exception):
    """A value thrown by the script itself."""

    def __init__(self, value: Any) -> None:
        super().__init__(str(value))
        self.value = value


class Evaluator:
    """Runs statements; names are looked up in one flat scope."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names: dict[str, Any] = {
            "true": True,
            "false": False,
            "null": None,
            "undefined": UNDEFINED,
            **names,
        }

    def run(self, text: str) -> Any:
        """Run a script and return the value of its last expression.

        Raises:
            ScriptError: It needs more than there is.
            MongoError: The server refused something and the script did not catch it.
            Thrown: The script threw something.
        """
        result: Any = UNDEFINED
        for statement in parse(text):
            result = self._statement(statement)
        return result

    def _statement(self, node: Node) -> Any:
        match node:
            case ("nothing",):
                return UNDEFINED
            case ("value", value):
                return self._value(value)
            case ("set", name, value):
                self._names[name] = self._value(value)
                return UNDEFINED
            case ("block", inside):
                result: Any = UNDEFINED
                for statement in inside:
                    result = self._statement(statement)
                return result
            case ("if", test, then, other):
                return self._statement(then if truthy(self._value(test)) else other)
            case ("throw", value):
                raise Thrown(self._value(value))
            case ("try", body, name, handler):
                return self._attempt(body, name, handler)
        raise ScriptError(f"{node[0]} is more than it can run")

    def _attempt(self, body: Node, name: str, handler: Node) -> Any:
        try:
            return self._statement(body)
        except MongoError as error:
            caught: Any = {
                "name": "MongoServerError",
                "code": error.code,
                "codeName": error.name,
                "message": error.message,
                "errmsg": error.message,
            }
        except Thrown as error:
            caught = error.value
        if name:
            self._names[name] = caught
        return self._statement(handler)

    def _value(self, node: Node) -> Any:
        match node:
            case ("number" | "text", value):
                return value
            case ("name", name):
                if name not in self._names:
                    raise ScriptError(f"{name} is not known to it")
                return self._names[name]
            case ("list", items):
                return [self._value(item) for item in items]
            case ("object", pairs):
                return {key: self._value(value) for key, value in pairs}
            case ("member", owner, key, maybe):
                return self._member(self._value(owner), self._value(key), maybe=maybe)
            case ("call", function, arguments):
                return self._call(function, arguments)
        return self._operate(node)

    def _operate(self, node: Node) -> Any:
        match node:
            case ("unary", sign, operand):
                return _unary(sign, self._value(operand))
            case ("choose", test, then, other):
                return self._value(then if truthy(self._value(test)) else other)
            case ("binary", "&&" | "||" | "??" as sign, left, right):
                first = self._value(left)
                enough = (
                    first is not None and first is not UNDEFINED
                    if sign == "??"
                    else truthy(first) == (sign == "||")
                )
                return first if enough else self._value(right)
            case ("binary", sign, left, right):
                return _binary(sign, self._value(left), self._value(right))
        raise ScriptError(f"{node[0]} is more than it can run")

    def _member(self, owner: Any, key: Any, *, maybe: bool) -> Any:
        match owner:
            case Host():
                return owner.member(str(key))
            case dict():
                return owner.get(str(key), UNDEFINED)
            case list() if isinstance(key, int):
                return owner[key] if 0 <= key < len(owner) else UNDEFINED
            case list() | str() if key == "length":
                return len(owner)
            case None | Undefined():
                if maybe:
                    return UNDEFINED
                word = "null" if owner is None else "undefined"
                text = f"Cannot read properties of {word} (reading '{key}')"
                raise Thrown({"name": "TypeError", "message": text})
        raise ScriptError(f"the member {key!r} is not known to it")

    def _call(self, function: Node, arguments: list[Node]) -> Any:
        target = self._value(function)
        if not callable(target):
            raise ScriptError(f"{_named(function)} is no function it knows")
        values = [self._value(argument) for argument in arguments]
        try:
            return target(*values)
        except TypeError as error:
            raise ScriptError(f"{_named(function)} was called in a way it does not know") from error


_NUMBERS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def _binary(sign: str, first: Any, second: Any) -> Any:
    if sign in ("===", "=="):
        return _same(first, second)
    if sign in ("!==", "!="):
        return not _same(first, second)
    if sign == "+" and (isinstance(first, str) or isinstance(second, str)):
        return _text(first) + _text(second)
    if isinstance(first, int | float) and isinstance(second, int | float):
        return _NUMBERS[sign](first, second)
    raise ScriptError(f"{sign!r} works here on numbers only")


def _unary(sign: str, value: Any) -> Any:
    if sign == "!":
        return not truthy(value)
    if sign == "typeof":
        kinds = {str: "string", bool: "boolean", int: "number", float: "number"}
        return "undefined" if value is UNDEFINED else kinds.get(type(value), "object")
    if isinstance(value, int | float):
        return -value
    raise ScriptError("'-' works here on numbers only")


def truthy(value: Any) -> bool:
    """JavaScript's notion of truth: empty objects and lists are true."""
    return True if isinstance(value, dict | list | Host) else bool(value)


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, bool) != isinstance(second, bool):
        return False
    return bool(first == second)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _named(node: Node) -> str:
    match node:
        case ("name", name):
            return str(name)
        case ("member", owner, ("text", key), _):
            return f"{_named(owner)}.{key}"
        case ("call", function, _):
            return f"{_named(function)}()"
    return "this"
