"""Small helpers on plain JSON: copying, compacting, sharing and looking up."""

from __future__ import annotations

import sys
from typing import Any

Json = dict[str, Any]

_INTERN_UP_TO = 40


def thaw(value: Any) -> Any:
    """Copy a JSON value so that the copy may be changed."""
    if type(value) is dict:
        return {k: (v if type(v) in _SCALARS else thaw(v)) for k, v in value.items()}
    if type(value) is list:
        return [(v if type(v) in _SCALARS else thaw(v)) for v in value]
    return value


_SCALARS = frozenset({str, int, float, bool, type(None)})


def freeze(value: Any, old: Any = None) -> Any:
    """Copy a JSON value for keeping, with little memory.

    Keys and short strings are interned, and every subtree equal to the one at the same
    place of ``old`` is taken from there. The result must never be changed.
    """
    kind = type(value)
    if kind is str:
        return sys.intern(value) if len(value) <= _INTERN_UP_TO else value
    if kind is dict:
        before = old if type(old) is dict else {}
        fresh = {sys.intern(k): freeze(v, before.get(k)) for k, v in value.items()}
        return old if _same_members(fresh, old) else fresh
    if kind is list:
        earlier = old if type(old) is list else []
        pairs = zip(value, earlier + [None] * (len(value) - len(earlier)), strict=False)
        items = [freeze(v, o) for v, o in pairs]
        return old if type(old) is list and items == old else items
    return value


def _same_members(fresh: Json, old: Any) -> bool:
    return type(old) is dict and fresh == old


def dig(value: Any, *path: str, default: Any = None) -> Any:
    """Look up a nested member; ``default`` when any step is missing or None."""
    for name in path:
        if not isinstance(value, dict):
            return default
        value = value.get(name)
        if value is None:
            return default
    return value


def metadata(obj: Json) -> Json:
    """Return the object's metadata, making it when it is missing."""
    found = obj.get("metadata")
    if not isinstance(found, dict):
        found = obj["metadata"] = {}
    return found
