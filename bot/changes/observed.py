"""What of a workload, and of a Helm release's record, tells that somebody changed it. Pure.

Who wrote which field, and when, stands in ``metadata.managedFields``
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management): an entry for
each writer and subresource, with the time of its last write. Of a release's Secret only the
metadata is looked at; labels and names are those of Helm's ``pkg/storage/driver/secrets.go``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.releases.words import moment
from integrations.helm.names import OPERATION_LABEL

Object = Mapping[str, Any]

RELEASE_SECRET = re.compile(r"sh\.helm\.release\.v1\.(?P<release>.+)\.v(?P<number>\d+)\Z")
RESTARTED = "kubectl.kubernetes.io/restartedAt"
_RELEASE = "meta.helm.sh/release-name"
_TEMPLATE = ("f:spec", "f:template")


@dataclass(frozen=True, slots=True)
class Write:
    """Somebody's last write of part of a spec.

    Attributes:
        manager: As the cluster calls them: `kubectl-edit`, `helm`.
        at: Microseconds UTC, to the second; 0 when it is not told.
        subresource: `scale` when it came through that.
        fields: How many fields are theirs. Times have whole seconds: who writes twice in one is
            told by having more of them.
    """

    manager: str
    at: int
    subresource: str = ""
    fields: int = 0

    @property
    def who(self) -> str:
        """Tells the entry from others; each has the time of its last write only."""
        return f"{self.manager}/{self.subresource}"


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet or DaemonSet, as far as it matters here.

    Attributes:
        object: `deployment/web`.
        made_at: Microseconds UTC.
        replicas: None for a DaemonSet.
        images: Container → image.
        restarted: What the last restart left in the pod template; empty without one.
        release: The Helm release that it belongs to; empty for none.
        writes: Those who wrote parts of its spec, the newest last.
        owners: `replicas`, `restart` or `image NAME` → who wrote it last.
    """

    object: str
    namespace: str
    uid: str
    generation: int
    made_at: int
    replicas: int | None
    images: Mapping[str, str]
    restarted: str
    release: str
    writes: tuple[Write, ...] = ()
    owners: Mapping[str, Write] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """What is kept of it until the next look."""
        return {
            "uid": self.uid,
            "generation": self.generation,
            "replicas": self.replicas,
            "images": dict(self.images),
            "restarted": self.restarted,
            "release": self.release,
            "written": {write.who: [write.at, write.fields] for write in self.writes},
        }


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a Helm release, by its record's metadata.

    Attributes:
        status: `deployed`, `superseded`, `failed`, `pending-upgrade`, `uninstalling` …
        operation: The bot's operation that its label names; a later upgrade inherits the label.
        manager: Who wrote the record.
    """

    release: str
    namespace: str
    number: int
    made_at: int
    status: str
    operation: str
    manager: str

    @property
    def pending(self) -> bool:
        """Helm has not finished it."""
        return self.status.startswith("pending")


def workload(item: Object) -> Workload:
    """Reads an object that came with its managed fields.

    Raises:
        KeyError, TypeError, ValueError: It is no workload.
    """
    meta, spec = item["metadata"], item["spec"]
    template = spec.get("template") or {}
    notes = (template.get("metadata") or {}).get("annotations") or {}
    containers = (template.get("spec") or {}).get("containers") or []
    images = {str(c["name"]): str(c.get("image") or "") for c in containers}
    entries = [*_entries(meta)]
    kind = str(item["kind"])
    wanted = spec.get("replicas")
    return Workload(
        object=f"{kind.lower()}/{meta['name']}",
        namespace=str(meta["namespace"]),
        uid=str(meta.get("uid") or ""),
        generation=int(meta.get("generation") or 0),
        made_at=moment(str(meta.get("creationTimestamp") or "")) or 0,
        replicas=None if kind == "DaemonSet" else 1 if wanted is None else int(wanted),
        images=images,
        restarted=str(notes.get(RESTARTED) or ""),
        release=str((meta.get("annotations") or {}).get(_RELEASE) or ""),
        writes=tuple(write for write, _ in entries),
        owners=_owners(entries, images),
    )


def revision(item: Object) -> Revision | None:
    """Reads the metadata of a Secret; None when it is no record of Helm's."""
    meta = item["metadata"]
    found = RELEASE_SECRET.match(str(meta["name"]))
    if found is None:
        return None
    labels = meta.get("labels") or {}
    writers = sorted(meta.get("managedFields") or (), key=lambda e: str(e.get("time") or ""))
    return Revision(
        release=found["release"],
        namespace=str(meta["namespace"]),
        number=int(found["number"]),
        made_at=moment(str(meta.get("creationTimestamp") or "")) or 0,
        status=str(labels.get("status") or ""),
        operation=str(labels.get(OPERATION_LABEL) or ""),
        manager=str(writers[0].get("manager") or "").lower() if writers else "",  # "Helm"
    )


def _entries(meta: Object) -> Iterator[tuple[Write, Object]]:
    """Who wrote parts of the spec, with which parts; the oldest write first."""
    written = [
        (
            Write(
                str(entry.get("manager") or ""),
                moment(str(entry.get("time") or "")) or 0,
                str(entry.get("subresource") or ""),
                _leaves(entry["fieldsV1"]["f:spec"]),
            ),
            entry["fieldsV1"],
        )
        for entry in meta.get("managedFields") or ()
        if "f:spec" in (entry.get("fieldsV1") or {})
    ]
    yield from sorted(written, key=lambda pair: pair[0].at)


def _owners(entries: list[tuple[Write, Object]], images: Mapping[str, str]) -> dict[str, Write]:
    places = {
        "replicas": ("f:spec", "f:replicas"),
        "restart": (*_TEMPLATE, "f:metadata", "f:annotations", f"f:{RESTARTED}"),
    }
    for name in images:
        key = f"k:{json.dumps({'name': name}, separators=(',', ':'))}"
        places[f"image {name}"] = (*_TEMPLATE, "f:spec", "f:containers", key, "f:image")
    found: dict[str, Write] = {}
    for write, fields in entries:  # several own a field that they agree on: the last one counts
        for what, path in places.items():
            if _has(fields, path):
                found[what] = write
    return found


def _leaves(fields: Any) -> int:
    """How many fields are owned; an element of a list counts, too."""
    if not isinstance(fields, Mapping) or not fields:
        return 1
    return sum(1 if name == "." else _leaves(below) for name, below in fields.items())


def _has(fields: Object, path: tuple[str, ...]) -> bool:
    here: Any = fields
    for step in path:
        if not isinstance(here, Mapping) or step not in here:
            return False
        here = here[step]
    return True
