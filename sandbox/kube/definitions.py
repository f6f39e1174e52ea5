"""Custom kinds: a CustomResourceDefinition makes its resources served, at once."""

from __future__ import annotations

from sandbox.kube.clock import timestamp
from sandbox.kube.eventlog import Event
from sandbox.kube.jsonutil import Json, dig
from sandbox.kube.resources import CRDS, Resource
from sandbox.kube.schema.fields import Schemas
from sandbox.kube.store import Store
from sandbox.kube.table.render import Tables


def resources_of(definition: Json) -> list[tuple[Resource, Json]]:
    """Return the served resources of a definition, each with its version entry."""
    spec = definition["spec"]
    names = spec["names"]
    made = []
    for version in spec.get("versions") or ():
        if not version.get("served", True):
            continue
        resource = Resource(
            group=spec["group"],
            version=version["name"],
            kind=names["kind"],
            plural=names["plural"],
            singular=names.get("singular") or names["kind"].lower(),
            namespaced=spec.get("scope") != "Cluster",
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            subresources=tuple(sorted(version.get("subresources") or ())),
            tracks_generation=True,
            custom=True,
        )
        made.append((resource, version))
    return made


class Definitions:
    """Follows the store's definitions and keeps registry, schemas and tables in step."""

    def __init__(self, store: Store, schemas: Schemas, tables: Tables) -> None:
        self._store = store
        self._schemas = schemas
        self._tables = tables
        for definition in store.scan(CRDS):
            self._serve(definition)
        self._end = store.subscribe(self._on_event)

    def close(self) -> None:
        """Stop following."""
        self._end()

    def _on_event(self, event: Event) -> None:
        if event.resource.key != CRDS.key:
            return
        if event.type == "DELETED":
            self._withdraw(event.object)
            return
        if event.previous is None or event.previous.get("spec") != event.object.get("spec"):
            if event.previous is not None:
                for resource, _ in resources_of(event.previous):
                    self._store.registry.remove(resource)
            self._serve(event.object)
        self._establish(event.object)

    def _serve(self, definition: Json) -> None:
        for resource, version in resources_of(definition):
            self._store.registry.add(resource)
            self._schemas.define(resource, dig(version, "schema", "openAPIV3Schema", default={}))
            self._tables.define(resource, version.get("additionalPrinterColumns") or [])

    def _establish(self, definition: Json) -> None:
        if dig(definition, "status", "conditions"):
            return
        current = self._store.find(CRDS, None, definition["metadata"]["name"])
        if current is None:
            return
        now = timestamp(self._store.clock())
        names = current["spec"]["names"]
        current["status"] = {
            "acceptedNames": names,
            "conditions": [
                _condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
                _condition(
                    "Established",
                    "InitialNamesAccepted",
                    "the initial names have been accepted",
                    now,
                ),
            ],
            "storedVersions": [
                v["name"] for v in current["spec"].get("versions") or () if v.get("storage")
            ],
        }
        self._store.update(CRDS, current, subresource="status")

    def _withdraw(self, definition: Json) -> None:
        for resource, _ in resources_of(definition):
            for obj in self._store.list(resource):
                if obj["metadata"].pop("finalizers", None):
                    self._store.update(resource, obj)
                meta = obj["metadata"]
                if self._store.peek(resource, meta.get("namespace"), meta["name"]):
                    self._store.delete(resource, meta.get("namespace"), meta["name"])
            self._store.registry.remove(resource)


def _condition(kind: str, reason: str, message: str, now: str) -> Json:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": now,
    }
