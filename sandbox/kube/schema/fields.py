"""Schemas as a tree of fields: what patches, apply and strict decoding ask about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sandbox.kube.resources import Resource
from sandbox.kube.schema.facts import load_schemas

Json = dict[str, Any]

_PREFIX = "#/components/schemas/"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_EMBEDDED: Json = {
    "type": "object",
    "properties": {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"$ref": _PREFIX + _META},
    },
}


class Field:
    """One place in an object: its type, its members and how lists and maps there merge."""

    def __init__(self, schemas: Schemas, node: Json) -> None:
        self._schemas = schemas
        self._node = node
        target = node
        while "$ref" in target or (len(target.get("allOf") or ()) == 1 and "type" not in target):
            reference = target.get("$ref") or target["allOf"][0].get("$ref")
            if reference is None:
                target = target["allOf"][0]
            else:
                target = schemas.raw(reference.removeprefix(_PREFIX))
        self._target = target

    def _mark(self, name: str) -> Any:
        found = self._node.get(f"x-kubernetes-{name}")
        return self._target.get(f"x-kubernetes-{name}") if found is None else found

    @cached_property
    def types(self) -> frozenset[str]:
        """Allowed JSON types; empty when anything goes."""
        target = self._target
        if self._mark("int-or-string"):
            return frozenset({"integer", "string"})
        if "type" in target:
            return frozenset({target["type"]})
        choices = target.get("oneOf") or target.get("anyOf") or ()
        return frozenset(c["type"] for c in choices if "type" in c)

    @property
    def octets(self) -> bool:
        """True for text that holds bytes as base64."""
        return self._target.get("format") == "byte"

    @property
    def go_type(self) -> str:
        """The name of the struct in Go, for sentences; ``v1.struct`` when it has none."""
        node = self._node if "$ref" in self._node else (self._node.get("allOf") or [{}])[0]
        return ".".join(node.get("$ref", "v1.struct").split(".")[-2:])

    @cached_property
    def open(self) -> bool:
        """True when members that the schema does not name are kept."""
        if self._mark("preserve-unknown-fields") or not self.types:
            return True
        return "object" in self.types and not self.properties and self.additional is None

    @cached_property
    def properties(self) -> dict[str, Field]:
        """The named members."""
        own = self._target.get("properties") or {}
        if self._mark("embedded-resource"):
            own = {**_EMBEDDED["properties"], **own}
        return {name: Field(self._schemas, node) for name, node in own.items()}

    @cached_property
    def additional(self) -> Field | None:
        """What every value of a free map looks like; None when this is no such map."""
        node = self._target.get("additionalProperties")
        return Field(self._schemas, node) if isinstance(node, dict) else None

    @cached_property
    def items(self) -> Field | None:
        """What every element of a list looks like."""
        node = self._target.get("items")
        return Field(self._schemas, node) if isinstance(node, dict) else None

    def member(self, name: str) -> Field | None:
        """Return the field of one member of an object or map; None when it is unknown."""
        return self.properties.get(name) or self.additional

    @cached_property
    def merge_key(self) -> str:
        """The key by which strategic patches match elements; empty when there is none."""
        return str(self._mark("patch-merge-key") or "")

    @cached_property
    def patch_strategies(self) -> frozenset[str]:
        """Some of ``merge``, ``replace``, ``retainKeys``."""
        return frozenset(str(self._mark("patch-strategy") or "").split(",")) - {""}

    @cached_property
    def list_type(self) -> str:
        """``atomic`` (also when nothing is said), ``set`` or ``map``."""
        return str(self._mark("list-type") or "atomic")

    @cached_property
    def map_keys(self) -> tuple[str, ...]:
        """The keys that name an element of a list of type ``map``."""
        return tuple(self._mark("list-map-keys") or ())

    @cached_property
    def atomic(self) -> bool:
        """True for objects that have one owner as a whole."""
        return bool(self._mark("map-type") == "atomic")

    @cached_property
    def is_map(self) -> bool:
        """True for free maps such as labels."""
        return self.additional is not None and not self.properties

    def default(self, name: str) -> Any:
        """Return the schema's default of a member, or None."""
        found = self.properties.get(name)
        return None if found is None else found._node.get("default")


@dataclass(frozen=True, slots=True)
class _Custom:
    group: str
    version: str
    kind: str


class Schemas:
    """All schemas: those of the facts file and those that definitions of custom kinds bring."""

    def __init__(self) -> None:
        self._fields: dict[tuple[str, str, str], Field] = {}
        self._custom: dict[_Custom, Json] = {}

    @cached_property
    def _facts(self) -> dict[str, Json]:
        return load_schemas()

    @cached_property
    def _names(self) -> dict[tuple[str, str, str], str]:
        found = {}
        for name, schema in self._facts.items():
            for kind in schema.get("x-kubernetes-group-version-kind") or ():
                found[kind["group"], kind["version"], kind["kind"]] = name
        return found

    def raw(self, name: str) -> Json:
        """Return a schema by its full name; an unknown one allows everything."""
        return self._facts.get(name, {})

    def field(self, resource: Resource) -> Field:
        """Return the root field of a resource's objects."""
        key = (resource.group, resource.version, resource.kind)
        if key not in self._fields:
            self._fields[key] = Field(self, self._root(key))
        return self._fields[key]

    def kind(self, group: str, version: str, kind: str) -> Field:
        """Return the root field of a kind that is no resource, such as Scale."""
        return Field(self, self._root((group, version, kind)))

    def _root(self, key: tuple[str, str, str]) -> Json:
        custom = self._custom.get(_Custom(*key))
        if custom is not None:
            return custom
        return self.raw(self._names.get(key, ""))

    def define(self, resource: Resource, schema: Json) -> None:
        """Take up the schema that a CustomResourceDefinition gives for one version."""
        root = {**schema, "type": "object"}
        root["properties"] = {**(schema.get("properties") or {}), **_EMBEDDED["properties"]}
        self._custom[_Custom(resource.group, resource.version, resource.kind)] = root
        self._fields.pop((resource.group, resource.version, resource.kind), None)

    def components(self, resources: list[Resource]) -> dict[str, Json]:
        """Return every schema that the given resources need, by full name."""
        found: dict[str, Json] = {}
        waiting: list[Any] = []
        for resource in resources:
            key = (resource.group, resource.version, resource.kind)
            name = self.name(resource)
            root = {**self._root(key)}
            root["x-kubernetes-group-version-kind"] = [
                {"group": resource.group, "version": resource.version, "kind": resource.kind}
            ]
            found[name] = root
            waiting.append(root)
        while waiting:
            node = waiting.pop()
            if isinstance(node, list):
                waiting.extend(node)
            elif isinstance(node, dict):
                reference = node.get("$ref")
                if isinstance(reference, str):
                    name = reference.removeprefix(_PREFIX)
                    if name not in found:
                        found[name] = self.raw(name)
                        waiting.append(found[name])
                waiting.extend(node.values())
        return found

    def name(self, resource: Resource) -> str:
        """Return the full name of a resource's schema."""
        key = (resource.group, resource.version, resource.kind)
        if key in self._names:
            return self._names[key]
        reverse = ".".join(reversed(resource.group.split(".")))
        return f"{reverse}.{resource.version}.{resource.kind}"
