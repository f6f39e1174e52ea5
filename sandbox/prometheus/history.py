"""What was when: the states of the cluster's objects, from the store's events.

Queries ask about the past, the store knows only the present; so each change is noted when it
happens. What the cluster began with counts as having been there all the time before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from sandbox.kube.eventlog import Event
from sandbox.kube.jsonutil import Json
from sandbox.kube.resources import NAMESPACES, Resource
from sandbox.kube.store import Store
from sandbox.prometheus.facts import FOLLOWED, READERS, Fact

FactType = TypeVar("FactType", bound=Fact)

BEFORE = 7 * 86_400_000
"""Milliseconds before the start for which there is history."""
NEVER = 1 << 62
"""A time that does not come."""
_SETTLING = 60_000
_STATES, _ENDED = 500, 5000


@dataclass(slots=True)
class Life(Generic[FactType]):
    """One object, from its making to its end.

    Attributes:
        namespace: Where it was; empty for nodes.
        name: Its name.
        uid: Tells it from another one of that name.
        born: When it was made, in ms.
        states: Since when it was how, in order.
        died: When it was deleted, in ms.
    """

    namespace: str
    name: str
    uid: str
    born: int
    states: list[tuple[int, FactType]] = field(default_factory=list)
    died: int = NEVER

    def phases(self) -> Iterator[tuple[int, int, FactType]]:
        """Yield from when to when it was how."""
        for number, (start, fact) in enumerate(self.states):
            last = number + 1 == len(self.states)
            yield start, (self.died if last else self.states[number + 1][0]), fact


class History:
    """Follows a store from now on; `close` ends that.

    Attributes:
        start: When it began, in ms.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.start = self.now()
        self._lives: dict[str, dict[str, Life[Fact]]] = {r.key: {} for r in FOLLOWED}
        self._ended: deque[tuple[str, str]] = deque()
        found = store.scan(NAMESPACES)
        self._first = {n["metadata"]["name"] for n in found if n["metadata"]["name"] != "default"}
        for resource in FOLLOWED:
            for obj in store.scan(resource):
                self._note(resource.key, obj, self.start - BEFORE)
        self._end = store.subscribe(self._on_event)

    def close(self) -> None:
        """Stop following."""
        self._end()

    def now(self) -> int:
        """The present, in ms."""
        return round(self._store.clock().timestamp() * 1000)

    def lives(self, resource: Resource, kind: type[FactType]) -> list[Life[FactType]]:
        """All objects of a resource that there were.

        Args:
            resource: Which.
            kind: What is known of them.
        """
        del kind  # it only tells the type
        return cast("list[Life[FactType]]", list(self._lives[resource.key].values()))

    def _on_event(self, event: Event) -> None:
        key = event.resource.key
        if key not in self._lives:
            return
        now = self.now()
        if event.type != "DELETED":
            self._note(key, event.object, now)
            return
        uid = event.object["metadata"]["uid"]
        life = self._lives[key].get(uid)
        if life is not None:
            life.died = now
            self._ended.append((key, uid))
            if len(self._ended) > _ENDED:
                old, whose = self._ended.popleft()
                self._lives[old].pop(whose, None)

    def _note(self, key: str, obj: Json, now: int) -> None:
        meta = obj["metadata"]
        fact = READERS[key](obj)
        life = self._lives[key].get(meta["uid"])
        if life is None:
            namespace = meta.get("namespace", "")
            # Velero's pods come a moment after the start, as part of it.
            settling = now - self.start < _SETTLING and namespace in self._first
            born = self.start - BEFORE if settling else now
            life = Life(namespace, meta["name"], meta["uid"], born)
            self._lives[key][meta["uid"]] = life
            now = born
        elif life.states and life.states[-1][1] == fact:
            return
        elif life.namespace and life.states[-1][0] < self.start and now - self.start < _SETTLING:
            # It settles: how it was on its way there is forgotten.
            life.states.clear()
            now = life.born
        life.states.append((now, fact))
        if len(life.states) > _STATES:
            del life.states[1]
