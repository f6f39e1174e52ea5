"""Finds fields that a kind does not have, and values of the wrong type, with the real words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.kube.schema import octets
from sandbox.kube.schema.fields import Field, Json

_GO_TYPES = {"integer": "int32", "boolean": "bool", "string": "string", "number": "float64"}


@dataclass(slots=True)
class Findings:
    """What decoding found.

    Attributes:
        unknown: Sentences such as ``unknown field "spec.x"``, in the order of the object.
        wrong: Sentences about values whose type does not fit; these always refuse the object.
    """

    unknown: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def check(root: Field, obj: Json, kind: str, *, prune: bool = False) -> Findings:
    """Compare an object with its schema.

    Args:
        root: The schema of the object's kind.
        obj: The decoded object; with ``prune`` its unknown fields are taken out.
        kind: The object's kind, for sentences.
        prune: Take unknown fields out, as decoding into typed objects does.
    """
    found = Findings()
    _object(root, obj, "", kind, found, prune)
    return found


def _object(here: Field, value: Json, path: str, kind: str, found: Findings, prune: bool) -> None:
    for name in list(value):
        place = f"{path}.{name}" if path else name
        member = here.member(name)
        if member is None:
            if not here.open:
                found.unknown.append(f'unknown field "{place}"')
                if prune:
                    del value[name]
            continue
        _value(member, value[name], place, kind, found, prune)


def _value(here: Field, value: Any, path: str, kind: str, found: Findings, prune: bool) -> None:
    if value is None:
        return
    fits = _fits(here, value)
    if not fits:
        found.wrong.append(_sentence(here, value, path, kind))
        return
    if isinstance(value, dict) and not (here.open and not here.properties):
        _object(here, value, path, kind, found, prune)
    elif isinstance(value, str) and here.octets:
        _octets(value, found)
    elif isinstance(value, list) and here.items is not None:
        for index, item in enumerate(value):
            _value(here.items, item, f"{path}[{index}]", kind, found, prune)


def _octets(text: str, found: Findings) -> None:
    at = octets.fault(text)
    if at is not None:
        found.wrong.append(f"illegal base64 data at input byte {at}")


def _fits(here: Field, value: Any) -> bool:
    types = here.types
    if not types:
        return True
    return any(name in types for name in _json_types(value))


def _json_types(value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield "boolean"
    elif isinstance(value, int):
        yield from ("integer", "number")
    elif isinstance(value, float):
        yield "number"
        if value.is_integer():
            yield "integer"
    elif isinstance(value, str):
        yield "string"
    elif isinstance(value, dict):
        yield "object"
    elif isinstance(value, list):
        yield "array"


def _sentence(here: Field, value: Any, path: str, kind: str) -> str:
    actual = next(_json_types(value))
    actual = {"boolean": "bool", "integer": "number"}.get(actual, actual)
    wanted = sorted(here.types)[0]
    if wanted == "object":
        go = "map[string]string" if here.is_map else here.go_type
    elif wanted == "array":
        go = "[]"
    else:
        go = _GO_TYPES.get(wanted, wanted)
    return f"json: cannot unmarshal {actual} into Go struct field {kind}.{path} of type {go}"
