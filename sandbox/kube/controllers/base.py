"""What every controller stands on: the shared context and the shape of a controller."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from sandbox.kube.clock import timestamp
from sandbox.kube.controllers.behaviour import Behaviours
from sandbox.kube.controllers.index import Index
from sandbox.kube.controllers.load import Load
from sandbox.kube.controllers.meta import Json, controller_of, key_of
from sandbox.kube.controllers.pace import Pace
from sandbox.kube.controllers.records import Recorder
from sandbox.kube.controllers.work import Key, Work
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import Resource
from sandbox.kube.store import Store

Handler = Callable[[Event], None]


@dataclass(slots=True)
class Context:
    """What all controllers of one practice cluster share.

    Attributes:
        store: The cluster's objects.
        pace: How long simulated acts take.
        work: The queue.
        index: Objects by owner, node and namespace.
        events: Writes Event objects.
        behaviours: How images and containers behave.
        load: How busy workloads are.
        down: Names of the nodes that are switched off.
    """

    store: Store
    pace: Pace
    work: Work
    index: Index
    events: Recorder
    behaviours: Behaviours
    load: Load = field(default_factory=Load)
    down: set[str] = field(default_factory=set)

    def now(self) -> datetime:
        """The present."""
        return self.store.clock()

    def stamp(self) -> str:
        """The present as the API writes it."""
        return timestamp(self.store.clock())

    def put_status(self, resource: Resource, obj: Json, status: Json) -> None:
        """Write an object's status, if it differs from the kept one."""
        kept = self.store.peek(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"])
        if kept is None or kept["metadata"]["uid"] != obj["metadata"]["uid"]:
            return
        if kept.get("status") != status:
            body = {"metadata": kept["metadata"], "status": status}
            self.store.update(resource, body, subresource="status")

    def edit(self, resource: Resource, obj: Json, change: Callable[[Json], None]) -> Json | None:
        """Change a fresh copy of an object and write it; None if it is gone."""
        meta = obj["metadata"]
        copy = self.store.find(resource, meta.get("namespace"), meta["name"])
        if copy is None or copy["metadata"]["uid"] != meta["uid"]:
            return None
        change(copy)
        return self.store.update(resource, copy)

    def remove(self, resource: Resource, obj: Json, *, grace: int | None = None) -> None:
        """Delete an object unless it is already gone."""
        meta = obj["metadata"]
        if self.store.peek(resource, meta.get("namespace"), meta["name"]) is not None:
            self.store.delete(resource, meta.get("namespace"), meta["name"], grace=grace)


class Controller(ABC):
    """Brings the objects of one kind towards what they ask for, one key at a time."""

    name: ClassVar[str]
    level: ClassVar[int]
    """Order within a batch: 0 for pods, 1 for what owns pods, 2 for what owns those, 3 others."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx

    @abstractmethod
    def watches(self) -> Mapping[Resource, Handler]:
        """Name the resources whose changes concern this controller, and what to do then."""

    @abstractmethod
    def reconcile(self, key: Key) -> None:
        """Do what the object of that key needs now; it may be gone."""

    def enqueue(self, event: Event) -> None:
        """Have the changed object itself reconciled."""
        self.ctx.work.add(self.name, key_of(event.object))

    def enqueue_owner(self, kind: str) -> Handler:
        """Return a handler that has the changed object's controller of that kind reconciled."""

        def handle(event: Event) -> None:
            for obj in (event.object, event.previous):
                ref = controller_of(obj) if obj is not None else None
                if ref is not None and ref["kind"] == kind:
                    self.ctx.work.add(self.name, (key_of(event.object)[0], ref["name"]))

        return handle

    def again(self, key: Key, delay: float) -> None:
        """Have a key reconciled after `delay` seconds."""
        self.ctx.work.later(self.name, key, delay)
