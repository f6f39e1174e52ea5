"""Sets of fields: which paths an object has, which changed, and their ``FieldsV1`` form.

A path is a tuple of elements as ``FieldsV1`` writes them: ``f:name``, ``k:{"name":"x"}`` for an
element of a keyed list, ``v:"x"`` for a member of a set. Follows
``sigs.k8s.io/structured-merge-diff``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.kube.jsonutil import Json
from sandbox.kube.schema.fields import Field

Path = tuple[str, ...]
FieldSet = frozenset[Path]

_STRUCTS = frozenset(
    {"f:metadata", "f:spec", "f:status", "f:template", "f:strategy", "f:updateStrategy"}
)
_STRIPPED: FieldSet = frozenset(
    {
        ("f:apiVersion",),
        ("f:kind",),
        ("f:metadata",),
        *(
            ("f:metadata", f"f:{name}")
            for name in (
                "name",
                "namespace",
                "creationTimestamp",
                "selfLink",
                "uid",
                "generation",
                "managedFields",
                "resourceVersion",
            )
        ),
    }
)


def to_fields_v1(paths: FieldSet) -> Json:
    """Return the nested form that managedFields carries."""
    root: Json = {}
    for path in sorted(paths):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return _tidy(root)


def _tidy(node: Json) -> Json:
    return {
        name: _tidy({} if set(child) == {"."} else child)
        for name, child in node.items()
        if name != "." or len(node) > 1
    }


def from_fields_v1(node: Json) -> FieldSet:
    """Read the nested form."""
    return frozenset(_read(node, ()))


def _read(node: Json, path: Path) -> Iterator[Path]:
    if path and (not node or "." in node):
        yield path
    for name, child in node.items():
        if name != ".":
            yield from _read(child, (*path, name))


def element_key(field: Field, item: Any) -> str:
    """Return the path element of one element of a list that is no atom."""
    if field.list_type == "set" or not isinstance(item, dict):
        return "v:" + json.dumps(item, separators=(",", ":"))
    keys = {}
    for name in sorted(field.map_keys):
        value = item.get(name)
        if value is None and field.items is not None:
            value = field.items.default(name)
        if value is not None:
            keys[name] = value
    return "k:" + json.dumps(keys, separators=(",", ":"))


def parts(field: Field | None, value: Any) -> dict[str, tuple[Field | None, Any]] | None:
    """Split a value into the parts that may have different owners; None for an atom.

    Without a schema maps are split and lists are atoms, as for custom kinds of unknown form.
    """
    if isinstance(value, dict):
        if field is not None and field.atomic:
            return None
        return {f"f:{k}": (field.member(k) if field else None, v) for k, v in value.items()}
    if isinstance(value, list) and field is not None and field.list_type in ("map", "set"):
        return {element_key(field, item): (field.items, item) for item in value}
    return None


def field_set(field: Field | None, value: Json) -> FieldSet:
    """Return the fields that an applied configuration sets."""
    return frozenset(_leaves(field, value, ())) - _STRIPPED


def _leaves(field: Field | None, value: Any, path: Path) -> Iterator[Path]:
    members = parts(field, value)
    if not members:
        if path:
            yield path
        return
    for element, (child, item) in members.items():
        below = (*path, element)
        if element.startswith("k:"):
            yield below
        yield from _leaves(child, item, below)


@dataclass(frozen=True, slots=True)
class Difference:
    """Which fields came, changed and went between two states of an object."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet

    @property
    def written(self) -> FieldSet:
        """Fields that have a new value."""
        return self.added | self.modified


def compare(field: Field | None, old: Json, new: Json) -> Difference:
    """Compare two states of an object, field by field."""
    added: set[Path] = set()
    modified: set[Path] = set()
    removed: set[Path] = set()
    _compare(field, old, new, (), (added, modified, removed))
    return Difference(
        frozenset(added) - _STRIPPED,
        frozenset(modified) - _STRIPPED,
        frozenset(removed) - _STRIPPED,
    )


def _compare(
    field: Field | None,
    old: Any,
    new: Any,
    path: Path,
    found: tuple[set[Path], set[Path], set[Path]],
) -> None:
    if old is new or old == new:
        return
    added, modified, removed = found
    before, after = parts(field, old), parts(field, new)
    if before is None or after is None:
        modified.add(path)
        return
    for element, (child, item) in after.items():
        below = (*path, element)
        if element in before:
            _compare(child, before[element][1], item, below, found)
        else:
            added.update(_whole(child, item, below))
    for element, (child, item) in before.items():
        if element not in after:
            removed.update(_whole(child, item, (*path, element)))


def _whole(field: Field | None, value: Any, path: Path) -> Iterator[Path]:
    if path[-1] not in _STRUCTS or not isinstance(value, dict):
        yield path
    for element, (child, item) in (parts(field, value) or {}).items():
        yield from _whole(child, item, (*path, element))
