"""The objects of the practice cluster: synchronous, in memory, used on one event loop.

Whoever writes here is trusted as the controllers of a real cluster are: values are defaulted
and counted, but checks of the API (names, immutable fields, unknown fields) belong to the server.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta

from sandbox.kube import errors, strategy
from sandbox.kube.clock import Clock, timestamp, utc_now
from sandbox.kube.eventlog import Event, EventLog, EventType, Subscriber
from sandbox.kube.jsonutil import Json, dig, freeze, metadata, thaw
from sandbox.kube.preconditions import check_current, check_preconditions
from sandbox.kube.resources import (
    NAMESPACES,
    PERSISTENTVOLUMECLAIMS,
    STORAGECLASSES,
    Registry,
    Resource,
)

__all__ = ["Event", "Store"]

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_KEPT_ON_UPDATE = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
)
_Key = tuple[str, str]


class Store:
    """All objects, their versions and their events.

    ``get``, ``find``, ``list`` and the writing methods return copies that may be changed.
    ``peek``, ``scan`` and the objects inside events are the kept ones, for reading only.
    """

    def __init__(
        self,
        *,
        clock: Clock = utc_now,
        registry: Registry | None = None,
        events_kept: int = 5000,
    ) -> None:
        self.clock = clock
        self.registry = registry or Registry()
        self.log = EventLog(events_kept)
        self.allocator = strategy.Allocator()
        self._objects: dict[str, dict[_Key, Json]] = {}
        self._version = 1

    @property
    def version(self) -> int:
        """The resourceVersion of the newest change."""
        return self._version

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber`` with every change from now on, in order, after it was kept.

        A subscriber may write; the events that makes are delivered after the current one.
        The returned function ends the subscription.
        """
        return self.log.subscribe(subscriber)

    # -- reading ---------------------------------------------------------------------------

    def peek(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        """Return the kept object itself, for reading only, or None."""
        return self._table(resource).get((_ns(resource, namespace), name))

    def scan(self, resource: Resource, namespace: str | None = None) -> list[Json]:
        """Return the kept objects, for reading only, sorted by namespace and name."""
        table = self._table(resource)
        if namespace and resource.namespaced:
            keys = sorted(key for key in table if key[0] == namespace)
        else:
            keys = sorted(table)
        return [table[key] for key in keys]

    def find(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        """Return a copy of the object, or None."""
        found = self.peek(resource, namespace, name)
        return None if found is None else thaw(found)

    def get(self, resource: Resource, namespace: str | None, name: str) -> Json:
        """Return a copy of the object.

        Raises:
            ApiError: NotFound.
        """
        copy: Json = thaw(self._existing(resource, namespace, name))
        return copy

    def list(self, resource: Resource, namespace: str | None = None) -> list[Json]:
        """Return copies of the objects, sorted by namespace and name."""
        return [thaw(obj) for obj in self.scan(resource, namespace)]

    # -- writing ---------------------------------------------------------------------------

    def create(self, resource: Resource, obj: Json, *, dry_run: bool = False) -> Json:
        """Keep a new object and return it as kept.

        Names it when only ``generateName`` is given, sets uid, creation time and defaults,
        and takes the status off as the real server does (Nodes keep theirs).

        Raises:
            ApiError: AlreadyExists; NotFound for a missing namespace; Forbidden when it ends.
        """
        fresh: Json = thaw(obj)
        meta = metadata(fresh)
        namespace = _ns(resource, meta.get("namespace"))
        self._check_namespace(resource, namespace, meta)
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = self._free_name(resource, namespace, meta["generateName"])
        if resource.namespaced:
            meta["namespace"] = namespace
        else:
            meta.pop("namespace", None)
        if self.peek(resource, namespace, meta["name"]) is not None:
            raise errors.already_exists(resource.group, resource.plural, meta["name"])
        fresh["apiVersion"], fresh["kind"] = resource.api_version, resource.kind
        for name in _KEPT_ON_UPDATE:
            meta.pop(name, None)
        meta["uid"] = str(uuid.uuid4())
        meta["creationTimestamp"] = timestamp(self.clock())
        if resource.tracks_generation or resource.custom:
            meta["generation"] = 1
        if resource.key == PERSISTENTVOLUMECLAIMS.key:
            self._give_default_class(fresh)
        strategy.prepare_create(resource, fresh, None if dry_run else self.allocator)
        if dry_run:
            return fresh
        return self._keep("ADDED", resource, fresh, None)

    def update(
        self,
        resource: Resource,
        obj: Json,
        *,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> Json:
        """Replace an object and return it as kept.

        Without ``subresource`` the status stays as it is; with ``"status"`` only the status
        and metadata change; with ``"finalize"`` (namespaces) the spec's finalizers too. An
        update that changes nothing keeps the resourceVersion. An object that is being
        deleted goes away with its last finalizer.

        Raises:
            ApiError: NotFound; Conflict when ``metadata.resourceVersion`` or ``uid`` is given
                and is not the kept one.
        """
        meta = metadata(obj)
        name = str(meta.get("name", ""))
        old = self._existing(resource, meta.get("namespace"), name)
        check_current(resource, meta, old)
        fresh = self._merged(resource, thaw(obj), old, subresource)
        strategy.prepare_update(resource, fresh, old, None if dry_run else self.allocator)
        if _changed(resource, fresh, old, subresource):
            generation = dig(old, "metadata", "generation", default=0)
            fresh["metadata"]["generation"] = generation + 1
        if dry_run:
            return fresh
        return self._settle(resource, fresh, old)

    def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str | None = None,
        grace: int | None = None,
        dry_run: bool = False,
    ) -> Json:
        """Delete an object, at once or in steps, and return its newest state.

        A finalizer, a running pod's grace period (``grace`` seconds; 0 ends it now),
        ``propagation`` Foreground or Orphan, or a namespace's content keep the object with a
        ``deletionTimestamp``; ``find`` tells whether it is still there.

        Raises:
            ApiError: NotFound; Conflict when ``uid`` or ``resource_version`` do not match.
        """
        old = self._existing(resource, namespace, name)
        check_preconditions(resource, old, uid, resource_version)
        if dry_run:
            return self.get(resource, namespace, name)
        fresh: Json = thaw(old)
        meta = fresh["metadata"]
        seconds = strategy.grace_seconds(resource, old, grace)
        strategy.mark_propagation(resource, meta, propagation)
        if "deletionTimestamp" not in meta:
            meta["deletionTimestamp"] = timestamp(self.clock() + timedelta(seconds=seconds))
            meta["deletionGracePeriodSeconds"] = seconds
            if "generation" in meta:
                meta["generation"] += 1
            strategy.prepare_delete(resource, fresh)
        elif seconds < meta.get("deletionGracePeriodSeconds", 0):
            meta["deletionGracePeriodSeconds"] = seconds
        return self._settle(resource, fresh, old)

    # -- inside ----------------------------------------------------------------------------

    def _table(self, resource: Resource) -> dict[_Key, Json]:
        return self._objects.setdefault(resource.key, {})

    def _existing(self, resource: Resource, namespace: str | None, name: str) -> Json:
        found = self.peek(resource, namespace, name)
        if found is None:
            raise errors.not_found(resource.group, resource.plural, name)
        return found

    def _check_namespace(self, resource: Resource, namespace: str, meta: Json) -> None:
        if not resource.namespaced:
            return
        home = self.peek(NAMESPACES, None, namespace)
        if home is None:
            raise errors.not_found("", "namespaces", namespace)
        if "deletionTimestamp" in home["metadata"]:
            why = (
                f"unable to create new content in namespace {namespace} "
                "because it is being terminated"
            )
            cause = errors.Cause(
                "NamespaceTerminating",
                f"namespace {namespace} is being terminated",
                "metadata.namespace",
            )
            name = str(meta.get("name", ""))
            raise errors.forbidden(resource.group, resource.plural, name, why, [cause])

    def _give_default_class(self, claim: Json) -> None:
        spec = claim.setdefault("spec", {})
        for candidate in self.scan(STORAGECLASSES):
            notes = candidate["metadata"].get("annotations") or {}
            if notes.get(_DEFAULT_CLASS) == "true" and spec.get("storageClassName") is None:
                spec["storageClassName"] = candidate["metadata"]["name"]

    def _free_name(self, resource: Resource, namespace: str, prefix: str) -> str:
        while True:
            name = prefix[:58] + "".join(secrets.choice(_SUFFIX) for _ in range(5))
            if self.peek(resource, namespace, name) is None:
                return name

    def _merged(self, resource: Resource, fresh: Json, old: Json, subresource: str | None) -> Json:
        meta, before = metadata(fresh), old["metadata"]
        if subresource in ("status", "finalize"):
            status, spec = fresh.get("status"), fresh.get("spec")
            fresh = thaw({k: v for k, v in old.items() if k != "metadata"})
            if subresource == "status":
                fresh["status"] = status or {}
            else:
                fresh["spec"] = spec or {}
        elif "status" in resource.subresources:
            fresh.pop("status", None)
            if "status" in old:
                fresh["status"] = thaw(old["status"])
        for name in (*_KEPT_ON_UPDATE, "resourceVersion", "namespace"):
            meta.pop(name, None)
            if name in before:
                meta[name] = before[name]
        fresh["metadata"] = meta
        fresh["apiVersion"], fresh["kind"] = old["apiVersion"], old["kind"]
        return fresh

    def _settle(self, resource: Resource, fresh: Json, old: Json) -> Json:
        meta = fresh["metadata"]
        held = resource is NAMESPACES and dig(fresh, "spec", "finalizers")
        if "deletionTimestamp" in meta and not (
            meta.get("finalizers") or meta.get("deletionGracePeriodSeconds") or held
        ):
            return self._drop(resource, fresh, old)
        return self._keep("MODIFIED", resource, fresh, old)

    def _keep(self, what: EventType, resource: Resource, fresh: Json, old: Json | None) -> Json:
        fresh["metadata"].pop("resourceVersion", None)
        if old is not None:
            fresh["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
            if freeze(fresh, old) is old:
                copy: Json = thaw(old)
                return copy
        self._version += 1
        fresh["metadata"]["resourceVersion"] = str(self._version)
        kept: Json = freeze(fresh, old)
        meta = kept["metadata"]
        self._table(resource)[_ns(resource, meta.get("namespace")), meta["name"]] = kept
        stored = self._stored_form(resource)
        self.log.publish(Event(what, stored, kept, old, self._version))
        return fresh

    def _drop(self, resource: Resource, fresh: Json, old: Json) -> Json:
        self._version += 1
        meta = fresh["metadata"]
        meta["resourceVersion"] = str(self._version)
        del self._table(resource)[_ns(resource, meta.get("namespace")), meta["name"]]
        self.allocator.release(resource, old)
        last: Json = freeze(fresh, old)
        stored = self._stored_form(resource)
        self.log.publish(Event("DELETED", stored, last, old, self._version))
        return fresh

    def _stored_form(self, resource: Resource) -> Resource:
        if not resource.alias_of:
            return resource
        kept = (r for r in self.registry if r.qualified == resource.alias_of and not r.alias_of)
        return next(kept)


def _ns(resource: Resource, namespace: str | None) -> str:
    return (namespace or "default") if resource.namespaced else ""


def _changed(resource: Resource, fresh: Json, old: Json, subresource: str | None) -> bool:
    if subresource == "status" or "generation" not in old["metadata"]:
        return False
    ignored: Iterable[str] = ("metadata", "status", "apiVersion", "kind")
    names = (set(fresh) | set(old)) - set(ignored)
    return any(fresh.get(name) != old.get(name) for name in names)
