"""Namespaces: what each one has from the start, and how one is emptied when it goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sandbox.kube.controllers.base import Controller, Handler
from sandbox.kube.controllers.meta import Json, deleting, key_of, with_condition
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import (
    CONFIGMAPS,
    EVENTS,
    NAMESPACES,
    SERVICEACCOUNTS,
    Resource,
)

BURST = 250
_ROOT_CA = "kube-root-ca.crt"


class Namespaces(Controller):
    """Fills new namespaces and empties those that are deleted."""

    name = "namespaces"
    level = 3

    def watches(self) -> Mapping[Resource, Handler]:
        """Namespaces; the manager also tells of content that goes (`handle_any`)."""
        return {NAMESPACES: self.enqueue}

    def handle_any(self, event: Event) -> None:
        """Look at a namespace again when something in it went away."""
        name = event.object["metadata"].get("namespace")
        if name and event.type == "DELETED" and event.resource is not EVENTS:
            home = self.ctx.store.peek(NAMESPACES, None, name)
            if home is not None and deleting(home):
                self.ctx.work.add(self.name, ("", name))

    def reconcile(self, key: Key) -> None:
        """Fill or empty one namespace."""
        home = self.ctx.store.peek(NAMESPACES, None, key[1])
        if home is None:
            return
        if not deleting(home):
            self._fill(key[1])
            return
        left = self._empty(key)
        if left:
            self._tell(home, left)
            return
        if (home.get("spec") or {}).get("finalizers"):
            copy = self.ctx.store.get(NAMESPACES, None, key[1])
            copy["spec"]["finalizers"] = []
            self.ctx.store.update(NAMESPACES, copy, subresource="finalize")

    def _fill(self, name: str) -> None:
        if self.ctx.store.peek(SERVICEACCOUNTS, name, "default") is None:
            account = {"metadata": {"name": "default", "namespace": name}}
            self.ctx.store.create(SERVICEACCOUNTS, account)
        if self.ctx.store.peek(CONFIGMAPS, name, _ROOT_CA) is None:
            note = {"kubernetes.io/description": "The certificate authority of this cluster."}
            self.ctx.store.create(
                CONFIGMAPS,
                {
                    "metadata": {"name": _ROOT_CA, "namespace": name, "annotations": note},
                    "data": {"ca.crt": ""},
                },
            )

    def _empty(self, key: Key) -> list[tuple[Resource, Json]]:
        """Ask for the deletion of what is left, and return what still is there afterwards."""
        asked = 0
        left: list[tuple[Resource, Json]] = []
        for resource in self.ctx.store.registry:
            if not resource.namespaced or not resource.stored or resource.alias_of:
                continue
            for obj in self.ctx.store.scan(resource, key[1]):
                if not deleting(obj):
                    if asked >= BURST:
                        self.again(key, 0)
                        return [*left, (resource, obj)]
                    asked += 1
                    self.ctx.remove(resource, obj)
                kept = self.ctx.store.peek(resource, *key_of(obj))
                if kept is not None:
                    left.append((resource, kept))
        return left

    def _tell(self, home: Json, left: list[tuple[Resource, Json]]) -> None:
        """Say in the namespace's conditions what it waits for."""
        kinds = Counter(resource.qualified for resource, _ in left)
        marks = Counter(mark for _, obj in left for mark in obj["metadata"].get("finalizers") or ())
        words = ", ".join(
            f"{name if '.' in name else name + '.'} has {n} resource instances"
            for name, n in sorted(kinds.items())
        )
        held = ", ".join(f"{m} in {n} resource instances" for m, n in sorted(marks.items()))
        status = dict(home.get("status") or {})
        now, have = self.ctx.stamp(), list(status.get("conditions") or ())
        have = with_condition(
            have,
            "NamespaceContentRemaining",
            "True",
            now,
            reason="SomeResourcesRemain",
            message=f"Some resources are remaining: {words}",
        )
        have = with_condition(
            have,
            "NamespaceFinalizersRemaining",
            "True" if marks else "False",
            now,
            reason="SomeFinalizersRemain" if marks else "ContentHasNoFinalizers",
            message=f"Some content in the namespace has finalizers remaining: {held}"
            if marks
            else "All content-preserving finalizers finished",
        )
        status["conditions"] = have
        self.ctx.put_status(NAMESPACES, home, status)
