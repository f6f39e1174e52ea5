"""Watches: events as they happen, from a version on, with bookmarks and initial lists."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.kube import convert
from sandbox.kube.errors import ApiError
from sandbox.kube.eventlog import Event
from sandbox.kube.jsonutil import Json
from sandbox.kube.listing import invalid_options, parse_version, selection
from sandbox.kube.media import dumps
from sandbox.kube.requests import Target, flag, number
from sandbox.kube.selectors import Test
from sandbox.kube.store import Store

_END_OF_LIST = {"k8s.io/initial-events-end": "true"}
_DEFAULT_SECONDS = 1800
_ENCODED_KEPT = 256
_BACKLOG = 20_000

Present = Callable[[Json], Any]


class Sink(Protocol):
    """Where a watch writes; raises ConnectionError when the client is gone."""

    async def write(self, data: bytes) -> None:
        """Send bytes to the client."""


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What a client watches and in which form it wants it.

    Attributes:
        target: Resource, namespace and perhaps a name.
        test: What objects must pass.
        form: Name of the form, for sharing encoded events; ``present`` makes it.
        present: Brings a kept object into the form that is sent.
        start: Version after which events are wanted; None: begin with what is there.
        initial: WatchList: initial objects, then a bookmark that says so.
        bookmarks: Send bookmarks.
        seconds: When the server ends the watch.
    """

    target: Target
    test: Test
    form: str
    present: Present
    start: int | None
    initial: bool
    bookmarks: bool
    seconds: float


def read_watch(
    target: Target, query: Mapping[str, str], form: str, present: Present
) -> WatchRequest:
    """Read the parameters of a watch.

    Raises:
        ApiError: For parameters that cannot be read or do not go together.
    """
    number(query, "limit")
    initial = flag(query, "sendInitialEvents")
    match = query.get("resourceVersionMatch", "")
    if "sendInitialEvents" in query and match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise invalid_options("resourceVersionMatch", why)
    if match and "sendInitialEvents" not in query:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        raise invalid_options("resourceVersionMatch", why)
    version = query.get("resourceVersion", "")
    start = None if version in ("", "0") else parse_version(version)
    if initial:
        start = None
    return WatchRequest(
        target=target,
        test=_named(target, selection(target, query)),
        form=form,
        present=present,
        start=start,
        initial=initial,
        bookmarks=flag(query, "allowWatchBookmarks"),
        seconds=float(number(query, "timeoutSeconds") or _DEFAULT_SECONDS),
    )


def _named(target: Target, test: Test) -> Test:
    if not target.name:
        return test
    return lambda obj: obj["metadata"]["name"] == target.name and test(obj)


class _Watcher:
    """One open watch: the events waiting to be sent."""

    def __init__(self) -> None:
        self.waiting: deque[Event] = deque()
        self.woken = asyncio.Event()
        self.closed = False
        self.dropped = False

    def offer(self, event: Event) -> None:
        self.waiting.append(event)
        if len(self.waiting) > _BACKLOG:
            self.dropped = True
        self.woken.set()


class WatchHub:
    """All open watches of one server."""

    def __init__(self, store: Store, *, bookmark_seconds: float = 60.0) -> None:
        self._store = store
        self._bookmark_seconds = bookmark_seconds
        self._watchers: dict[_Watcher, str] = {}
        self._encoded: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        self._end = store.subscribe(self._pass_on)

    def _pass_on(self, event: Event) -> None:
        key = event.resource.key
        for watcher, watched in self._watchers.items():
            if watched == key:
                watcher.offer(event)

    def close(self) -> None:
        """End every watch and take no more events."""
        self._end()
        for watcher in self._watchers:
            watcher.closed = True
            watcher.woken.set()

    def drop_all(self) -> int:
        """Cut the connection of every watch, as a failing network does; returns how many."""
        for watcher in self._watchers:
            watcher.dropped = True
            watcher.woken.set()
        return len(self._watchers)

    async def serve(self, request: WatchRequest, sink: Sink) -> bool:
        """Send events until time is up; True when the connection is to be cut.

        Raises:
            ConnectionError: The client went away.
        """
        kept = convert.stored_form(request.target.resource)
        watcher = _Watcher()
        try:
            watcher.waiting.extend(self._backlog(request))
        except ApiError as error:
            await sink.write(_line("ERROR", dumps(error.status())))
            return False
        first = b"".join(self._first(request)) if request.start is None else b""
        self._watchers[watcher] = kept.key
        try:
            if first:
                await sink.write(first)
            return await self._follow(request, watcher, sink)
        finally:
            del self._watchers[watcher]

    def _backlog(self, request: WatchRequest) -> Iterator[Event]:
        if request.start is None:
            return iter(())
        key = convert.stored_form(request.target.resource).key
        return self._store.log.since(key, request.start)

    def _first(self, request: WatchRequest) -> Iterator[bytes]:
        kept = convert.stored_form(request.target.resource)
        for obj in self._store.scan(kept, request.target.namespace):
            if request.test(obj):
                yield _line("ADDED", dumps(request.present(obj)))
        if request.initial and request.bookmarks:
            yield self._bookmark(request, _END_OF_LIST)

    def _bookmark(self, request: WatchRequest, annotations: dict[str, str] | None = None) -> bytes:
        resource = request.target.resource
        meta: Json = {"resourceVersion": str(self._store.version)}
        if annotations:
            meta["annotations"] = annotations
        body = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
        return _line("BOOKMARK", dumps(body))

    async def _follow(self, request: WatchRequest, watcher: _Watcher, sink: Sink) -> bool:
        started = time.monotonic()
        ends = started + request.seconds
        next_bookmark = started + self._bookmark_seconds
        while True:
            if watcher.waiting:
                data = b"".join(self._lines(request, watcher))
                if data:
                    await sink.write(data)
                continue
            now = time.monotonic()
            if watcher.dropped:
                return True
            if watcher.closed or now >= ends:
                if request.bookmarks:
                    await sink.write(self._bookmark(request))
                return False
            if request.bookmarks and now >= next_bookmark:
                await sink.write(self._bookmark(request))
                next_bookmark = now + self._bookmark_seconds
            wake = min(ends, next_bookmark) if request.bookmarks else ends
            watcher.woken.clear()
            try:
                async with asyncio.timeout(max(wake - now, 0)):
                    await watcher.woken.wait()
            except TimeoutError:
                continue

    def _lines(self, request: WatchRequest, watcher: _Watcher) -> Iterator[bytes]:
        waiting, watcher.waiting = watcher.waiting, deque()
        for event in waiting:
            what = _seen_as(event, request)
            if what:
                yield self._encode(event, what, request)

    def _encode(self, event: Event, what: str, request: WatchRequest) -> bytes:
        key = (what, request.form, event.version)
        found = self._encoded.get(key)
        if found is None:
            found = _line(what, dumps(request.present(_shown(event, what))))
            self._encoded[key] = found
            if len(self._encoded) > _ENCODED_KEPT:
                self._encoded.popitem(last=False)
        return found


def _seen_as(event: Event, request: WatchRequest) -> str:
    """Return what the event is to this watch: objects may enter or leave its selection."""
    namespace = request.target.namespace
    if namespace and event.object["metadata"].get("namespace") != namespace:
        return ""
    before = event.previous is not None and request.test(event.previous)
    if event.type == "DELETED":
        return "DELETED" if before else ""
    after = request.test(event.object)
    if after:
        return "MODIFIED" if before else "ADDED"
    return "DELETED" if before else ""


def _shown(event: Event, what: str) -> Json:
    """Return the object to show: one that leaves a selection as it last was inside."""
    if what != "DELETED" or event.type == "DELETED" or event.previous is None:
        return event.object
    meta = {**event.previous["metadata"], "resourceVersion": str(event.version)}
    return {**event.previous, "metadata": meta}


def _line(what: str, body: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (what.encode(), body)
