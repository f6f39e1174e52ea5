"""Who belongs to whom, kept up to date from the store's events."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sandbox.kube.controllers.meta import Json, controller_of
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import PODS, Resource


@dataclass(frozen=True, slots=True)
class Ref:
    """One object in the store."""

    resource: Resource
    namespace: str
    name: str


class Index:
    """Kept objects (read, never change) by owner, by node and by namespace."""

    def __init__(self) -> None:
        self._owned: defaultdict[str, dict[Ref, Json]] = defaultdict(dict)
        self._orphans: defaultdict[tuple[str, str], dict[str, Json]] = defaultdict(dict)
        self._on_node: defaultdict[str, dict[Ref, Json]] = defaultdict(dict)
        self._pods_in: defaultdict[str, dict[str, Json]] = defaultdict(dict)

    def apply(self, event: Event) -> None:
        """Take one change in."""
        meta = event.object["metadata"]
        ref = Ref(event.resource, meta.get("namespace", ""), meta["name"])
        if event.previous is not None:
            self._forget(ref, event.previous)
        if event.type != "DELETED":
            self._learn(ref, event.object)

    def _forget(self, ref: Ref, obj: Json) -> None:
        for owner in obj["metadata"].get("ownerReferences") or ():
            self._owned[owner["uid"]].pop(ref, None)
            if not self._owned[owner["uid"]]:
                del self._owned[owner["uid"]]
        self._orphans[ref.resource.key, ref.namespace].pop(ref.name, None)
        if ref.resource is PODS:
            self._on_node[obj["spec"].get("nodeName", "")].pop(ref, None)
            self._pods_in[ref.namespace].pop(ref.name, None)

    def _learn(self, ref: Ref, obj: Json) -> None:
        for owner in obj["metadata"].get("ownerReferences") or ():
            self._owned[owner["uid"]][ref] = obj
        if ref.resource.key in _ADOPTABLE and controller_of(obj) is None:
            self._orphans[ref.resource.key, ref.namespace][ref.name] = obj
        if ref.resource is PODS:
            self._on_node[obj["spec"].get("nodeName", "")][ref] = obj
            self._pods_in[ref.namespace][ref.name] = obj

    def dependents(self, uid: str) -> dict[Ref, Json]:
        """Everything whose owner references name `uid`."""
        return dict(self._owned.get(uid, {}))

    def owned(self, uid: str, resource: Resource) -> list[Json]:
        """The objects of one resource whose *controller* is `uid`."""
        return [
            obj
            for ref, obj in self._owned.get(uid, {}).items()
            if ref.resource is resource and (controller_of(obj) or {}).get("uid") == uid
        ]

    def orphans(self, resource: Resource, namespace: str) -> list[Json]:
        """Pods, ReplicaSets or revisions without a controller, which a matching one adopts."""
        return list(self._orphans.get((resource.key, namespace), {}).values())

    def on_node(self, node: str) -> list[Json]:
        """The pods bound to a node."""
        return list(self._on_node.get(node, {}).values())

    def pods_in(self, namespace: str) -> list[Json]:
        """The pods of a namespace."""
        return list(self._pods_in.get(namespace, {}).values())


_ADOPTABLE = frozenset({"pods", "replicasets.apps", "controllerrevisions.apps"})
