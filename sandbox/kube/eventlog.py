"""What happened to the objects: the bounded log that watches read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.kube.errors import gone
from sandbox.kube.resources import Resource

Json = dict[str, Any]
EventType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class Event:
    """One change. ``object`` and ``previous`` are the kept objects: read them, never change them.

    Attributes:
        type: ADDED, MODIFIED or DELETED.
        resource: Whose object it is (the stored form, never an alias).
        object: The object after the change; for DELETED its last state.
        previous: The object before the change, None for ADDED.
        version: The resourceVersion of the change, as a number.
    """

    type: EventType
    resource: Resource
    object: Json
    previous: Json | None
    version: int


Subscriber = Callable[[Event], None]


class EventLog:
    """Keeps the newest events of each resource and passes every event on, in order."""

    def __init__(self, keep: int = 5000) -> None:
        self._keep = keep
        self._logs: dict[str, deque[Event]] = {}
        self._dropped: dict[str, int] = {}
        self._compacted = 0
        self._subscribers: list[Subscriber] = []
        self._pending: deque[Event] = deque()
        self._draining = False

    def publish(self, event: Event) -> None:
        """Record the event and tell subscribers; events made meanwhile come after it."""
        key = event.resource.key
        log = self._logs.setdefault(key, deque())
        log.append(event)
        if len(log) > self._keep:
            self._dropped[key] = log.popleft().version
        self._pending.append(event)
        if self._draining:
            return
        self._draining = True
        try:
            while self._pending:
                current = self._pending.popleft()
                for subscriber in tuple(self._subscribers):
                    subscriber(current)
        finally:
            self._draining = False

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber`` with every later event; the returned function ends that."""
        self._subscribers.append(subscriber)

        def end() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return end

    def since(self, key: str, version: int) -> Iterator[Event]:
        """Yield the kept events of one resource after ``version``.

        Raises:
            ApiError: 410, when events in between were dropped.
        """
        oldest = max(self._dropped.get(key, 0), self._compacted)
        if version < oldest:
            raise gone(oldest, version)
        return iter([event for event in self._logs.get(key, ()) if event.version > version])

    def compact(self, version: int) -> None:
        """Forget events up to ``version``, as etcd's compaction does."""
        self._compacted = max(self._compacted, version)
        for log in self._logs.values():
            while log and log[0].version <= version:
                log.popleft()

    @property
    def compacted(self) -> int:
        """Versions below this one can no longer be listed or watched exactly."""
        return self._compacted
