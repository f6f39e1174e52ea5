"""Tables as bytes. A row's fixed parts are encoded once per version of its object."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Literal

from sandbox.kube.clock import Clock
from sandbox.kube.eventlog import Event
from sandbox.kube.jsonutil import Json, dig
from sandbox.kube.media import dumps
from sandbox.kube.resources import Resource
from sandbox.kube.store import Store
from sandbox.kube.table import objects, workloads
from sandbox.kube.table.cells import Column, Layout, Since, age, duration_since

Include = Literal["None", "Metadata", "Object"]
_Parts = tuple[bytes | Since, ...]


class Tables:
    """Renders lists and single objects of any kind as ``meta.k8s.io/v1`` Table."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[tuple[str, str], tuple[str, _Parts]] = {}
        self._custom: dict[str, Layout] = {}
        store.subscribe(self._forget)

    def _forget(self, event: Event) -> None:
        if event.type == "DELETED":
            self._rows.pop((event.resource.key, event.object["metadata"]["uid"]), None)

    def define(self, resource: Resource, printer_columns: list[Json]) -> None:
        """Take up the columns that a CustomResourceDefinition gives."""
        self._custom[resource.key] = _custom_layout(printer_columns)

    def layout(self, resource: Resource) -> Layout:
        """Return the layout of a resource."""
        found = workloads.LAYOUTS.get(resource.key) or objects.LAYOUTS.get(resource.key)
        return found or self._custom.get(resource.key) or objects.GENERIC

    def encode(
        self,
        resource: Resource,
        items: Iterable[Json],
        metadata: Json,
        include: Include,
        *,
        head: bool = True,
    ) -> bytes:
        """Return an encoded Table; ``head`` False leaves the column definitions out."""
        layout = self.layout(resource)
        now = self._clock()
        ages: dict[Since, bytes] = {}
        definitions = [c.to_json() for c in layout.columns] if head else None
        start = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
        parts = [
            dumps(start)[:-1],
            b',"columnDefinitions":',
            dumps(definitions),
            b',"rows":[',
        ]
        rows = (self._row(resource, layout, obj, include, now, ages) for obj in items)
        parts.append(b",".join(rows))
        parts.append(b"]}")
        return b"".join(parts)

    def _row(
        self,
        resource: Resource,
        layout: Layout,
        obj: Json,
        include: Include,
        now: datetime,
        ages: dict[Since, bytes],
    ) -> bytes:
        meta = obj["metadata"]
        key, version = (resource.key, meta["uid"]), meta["resourceVersion"]
        known = self._rows.get(key)
        if known is None or known[0] != version:
            known = self._rows[key] = (version, _split(layout.row(obj)))
        pieces = []
        for part in known[1]:
            if isinstance(part, Since):
                shown = ages.get(part)
                if shown is None:
                    text = part.around.format(duration_since(part.moment, now))
                    shown = ages[part] = dumps(text)
                pieces.append(shown)
            else:
                pieces.append(part)
        return b'{"cells":[%s],"object":%s}' % (b"".join(pieces), _object(obj, include))


def _object(obj: Json, include: Include) -> bytes:
    if include == "None":
        return b"null"
    return dumps(partial(obj) if include == "Metadata" else obj)


def partial(obj: Json) -> Json:
    """Return the ``PartialObjectMetadata`` of an object."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }


def _split(cells: list[Any]) -> _Parts:
    """Encode cells into fixed bytes and ages in between."""
    parts: list[bytes | Since] = []
    fixed = bytearray()
    for index, cell in enumerate(cells):
        if index:
            fixed += b","
        if isinstance(cell, Since):
            parts += [bytes(fixed), cell]
            fixed = bytearray()
        else:
            fixed += dumps(cell)
    parts.append(bytes(fixed))
    return tuple(parts)


def _custom_layout(printer_columns: list[Json]) -> Layout:
    shown = [Column("Name", "string", 0, "name")]
    readers: list[Callable[[Json], Any]] = [lambda obj: obj["metadata"]["name"]]
    for column in printer_columns:
        kind = str(column.get("type", "string"))
        shown.append(Column(str(column.get("name", "")), kind, int(column.get("priority") or 0)))
        readers.append(_reader(str(column.get("jsonPath", "")), kind))
    if not printer_columns:
        shown.append(Column("Age", "date"))
        readers.append(age)
    return Layout(tuple(shown), lambda obj: [read(obj) for read in readers])


def _reader(path: str, kind: str) -> Callable[[Json], Any]:
    """Read a simple JSONPath such as ``.status.phase``; others give an empty cell."""
    steps = tuple(step for step in path.split(".") if step)

    def read(obj: Json) -> Any:
        found = dig(obj, *steps)
        if kind == "date":
            return Since(str(found)) if found else "<none>"
        return found if isinstance(found, str | int | float | bool) else None

    return read
