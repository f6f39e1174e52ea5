"""Garbage collection by owner references: background, foreground and orphan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.kube.controllers.base import Context, Controller, Handler
from sandbox.kube.controllers.index import Ref
from sandbox.kube.controllers.meta import Json, deleting
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import Resource

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
BURST = 250


class Garbage(Controller):
    """Removes what lost its owners, and lets owners go once their dependents allow it.

    Its keys are (resource key, uid of the owner).
    """

    name = "garbage"
    level = 3

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self._owners: dict[str, Ref] = {}

    def watches(self) -> Mapping[Resource, Handler]:
        """Everything that is stored; the manager asks `handle_any` instead."""
        return {}

    def handle_any(self, event: Event) -> None:
        """Note owners that go, and dependents whose owner is gone or waits for them."""
        meta: dict[str, Any] = event.object["metadata"]
        if event.type == "DELETED":
            self._owners[meta["uid"]] = Ref(event.resource, meta.get("namespace", ""), meta["name"])
            self.ctx.work.add(self.name, ("gone", meta["uid"]))
        elif "deletionTimestamp" in meta and _waits(event.object):
            self._owners[meta["uid"]] = Ref(event.resource, meta.get("namespace", ""), meta["name"])
            self.ctx.work.add(self.name, ("waits", meta["uid"]))
        for ref in meta.get("ownerReferences") or ():
            if ref["uid"] in self._owners:
                self.ctx.work.add(self.name, ("waits", ref["uid"]))
            if event.type == "ADDED" and self._missing(ref, meta.get("namespace", "")):
                self.ctx.work.add(self.name, ("gone", ref["uid"]))

    def _missing(self, ref: Json, namespace: str) -> bool:
        resource = self.ctx.store.registry.by_kind(ref["apiVersion"], ref["kind"])
        if resource is None:
            return False
        owner = self.ctx.store.peek(resource, namespace, ref["name"])
        return owner is None or owner["metadata"]["uid"] != ref["uid"]

    def reconcile(self, key: Key) -> None:
        """Deal with the dependents of one owner."""
        word, uid = key
        if word == "gone":
            self._owners.pop(uid, None)
            self._collect(key, uid)
            return
        ref = self._owners.get(uid)
        owner = self.ctx.store.peek(ref.resource, ref.namespace, ref.name) if ref else None
        if ref is None or owner is None or owner["metadata"]["uid"] != uid or not deleting(owner):
            self._owners.pop(uid, None)
            return
        marks = owner["metadata"].get("finalizers") or ()
        if ORPHAN in marks:
            self._release(uid)
            self._unmark(ref, owner, ORPHAN)
        elif FOREGROUND in marks:
            if self._empty(key, uid):
                self._unmark(ref, owner, FOREGROUND)
        else:
            self._owners.pop(uid, None)

    def _collect(self, key: Key, uid: str) -> None:
        """Delete dependents that have no other living owner."""
        for number, (ref, obj) in enumerate(self.ctx.index.dependents(uid).items()):
            if number >= BURST:
                self.again(key, 0)
                return
            others = [o for o in obj["metadata"]["ownerReferences"] if o["uid"] != uid]
            if any(not self._missing(o, ref.namespace) for o in others):
                self._disown(ref, obj, uid)
            elif not deleting(obj):
                self._delete(ref, obj)

    def _empty(self, key: Key, uid: str) -> bool:
        """Delete dependents in the foreground; True once none blocks the owner."""
        blocked = False
        for number, (ref, obj) in enumerate(self.ctx.index.dependents(uid).items()):
            if number >= BURST:
                self.again(key, 0)
                return False
            mine = [o for o in obj["metadata"]["ownerReferences"] if o["uid"] == uid]
            blocked = blocked or any(o.get("blockOwnerDeletion") for o in mine)
            if not deleting(obj):
                self._delete(ref, obj, propagation="Foreground")
        if not blocked:
            return True
        left = self.ctx.index.dependents(uid).values()
        return not any(
            o.get("blockOwnerDeletion")
            for obj in left
            for o in obj["metadata"]["ownerReferences"]
            if o["uid"] == uid
        )

    def _delete(self, ref: Ref, obj: Json, propagation: str | None = None) -> None:
        if self.ctx.store.peek(ref.resource, ref.namespace, ref.name) is None:
            return
        if propagation and not self.ctx.index.dependents(obj["metadata"]["uid"]):
            propagation = None
        self.ctx.store.delete(ref.resource, ref.namespace, ref.name, propagation=propagation)

    def _release(self, uid: str) -> None:
        for ref, obj in self.ctx.index.dependents(uid).items():
            self._disown(ref, obj, uid)

    def _disown(self, ref: Ref, obj: Json, uid: str) -> None:
        def change(copy: Json) -> None:
            refs = copy["metadata"].get("ownerReferences") or []
            copy["metadata"]["ownerReferences"] = [o for o in refs if o["uid"] != uid]

        self.ctx.edit(ref.resource, obj, change)

    def _unmark(self, ref: Ref, owner: Json, mark: str) -> None:
        def change(copy: Json) -> None:
            marks = copy["metadata"].get("finalizers") or []
            copy["metadata"]["finalizers"] = [m for m in marks if m != mark]

        self.ctx.edit(ref.resource, owner, change)


def _waits(obj: Json) -> bool:
    marks = obj["metadata"].get("finalizers") or ()
    return FOREGROUND in marks or ORPHAN in marks
