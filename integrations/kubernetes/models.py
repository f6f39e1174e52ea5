"""What the API tells, as frozen records where raw JSON would only be in the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """How much of each object a list or watch brings.

    Attributes:
        metadata: Nothing but ``metadata``: of a Secret its labels, and none of its data.
        managed: With ``metadata.managedFields``, who wrote which field and when.
    """

    metadata: bool = False
    managed: bool = False

    def accept(self, kind: str) -> dict[str, str]:
        """The header that asks for it, where ``kind`` is PartialObjectMetadata or its list."""
        wanted = f"application/json;as={kind};g=meta.k8s.io;v=v1"
        return {"Accept": wanted} if self.metadata else {}

    def cut(self, item: Object) -> None:
        """Drop what was not asked for."""
        if not self.managed:
            item.get("metadata", {}).pop("managedFields", None)


WHOLE = Shape()


@dataclass(frozen=True, slots=True)
class ObjectList:
    """All objects of a list, and the version from which a watch goes on."""

    items: list[Object]
    resource_version: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; ``name`` and ``namespace`` only when metadata was asked for."""

    cells: tuple[Any, ...]
    name: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """What ``kubectl get`` would print, computed by the server."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """A workload's size: wanted and present replicas."""

    wanted: int
    present: int
    resource_version: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The server's answer to "may I"."""

    allowed: bool
    reason: str = ""


def table_row(row: Mapping[str, Any]) -> Row:
    """Read one row of a ``meta.k8s.io/v1`` Table."""
    meta = (row.get("object") or {}).get("metadata") or {}
    return Row(
        tuple(row.get("cells") or ()),
        str(meta.get("name") or ""),
        str(meta.get("namespace") or ""),
    )


def scale_from(answer: Mapping[str, Any]) -> Scale:
    """Read an ``autoscaling/v1`` Scale."""
    return Scale(
        int((answer.get("spec") or {}).get("replicas") or 0),
        int((answer.get("status") or {}).get("replicas") or 0),
        str((answer.get("metadata") or {}).get("resourceVersion") or ""),
    )
