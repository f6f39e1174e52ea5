"""List and watch: every change of a set of objects, over dropped connections and expiries.

The SDK's own watches retry an expired version with the same version, or reconnect without
backoff, so this one speaks raw JSON: paged list → watch with bookmarks → after any error
a pause with full jitter and a new list, whose differences are delivered as events.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import aiohttp

from integrations.kubernetes import wording
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import (
    BadRequest,
    ClusterConfigError,
    Forbidden,
    Gone,
    InvalidName,
    KubernetesError,
    NotFound,
    Unauthorized,
    from_response,
)
from integrations.kubernetes.kinds import Kind
from integrations.kubernetes.models import WHOLE, Object, Shape
from integrations.kubernetes.transport import Request

TIMEOUT_SECONDS = 300
"""How long the server keeps one watch open; ± 10 %, so that watches do not all end at once."""
BACKOFF_BASE = 0.2
BACKOFF_CAP = 30.0
QUICK_END = 1.0
"""A watch that ends sooner than this (seconds) without an event counts as a failure."""

_HOPELESS = (
    BadRequest, ClusterConfigError, Forbidden, InvalidName, NotFound, Unauthorized,
)  # fmt: skip


OnLost = Callable[[KubernetesError | None], None]
"""Told why contact with the server was lost, and None when it is back; must not block."""


class Change(StrEnum):
    """What an event says."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    SYNCED = "SYNCED"
    """Everything that a list showed has been delivered; ``object`` is empty."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change. A deletion found by a new list carries only identifying metadata."""

    type: Change
    object: Object


@dataclass(frozen=True, slots=True)
class _Known:
    uid: str
    version: str


class Watch:
    """An endless async iterator of events; ends only by an error that waiting cannot mend.

    Raises (while iterated):
        Forbidden, NotFound, Unauthorized, BadRequest: The list or watch itself is refused.

    Attributes:
        last_contact: ``time.monotonic()`` of the server's last sign of life; None before.
        last_error: The last failure since contact was lost; None while connected.
    """

    def __init__(
        self,
        client: KubeClient,
        kind: Kind,
        *,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        shape: Shape = WHOLE,
        timeout_seconds: int = TIMEOUT_SECONDS,
        on_lost: OnLost | None = None,
    ) -> None:
        self._on_lost = on_lost
        self._client = client
        client.watches.add(self)
        self._kind = kind
        self._namespace = namespace
        self._labels = labels
        self._fields = fields
        self._shape = shape
        self._timeout = timeout_seconds
        self._version = ""
        self._known: dict[tuple[str, str], _Known] = {}
        self.last_contact: float | None = None
        self.last_error: KubernetesError | None = None

    @property
    def kind(self) -> str:
        """What is watched: `deployments`."""
        return self._kind.plural

    def staleness(self) -> float:
        """Seconds since the server's last sign of life; infinite before the first."""
        return float("inf") if self.last_contact is None else time.monotonic() - self.last_contact

    def __aiter__(self) -> AsyncIterator[Event]:
        return self.events()

    async def events(self) -> AsyncGenerator[Event, None]:
        """Deliver the events; close it (``contextlib.aclosing``) to end the connection at once."""
        failures = 0
        while True:
            try:
                if not self._version:
                    for event in await self._list():
                        yield event
                started, delivered = time.monotonic(), False
                async with aclosing(self._watch()) as messages:
                    async for message in messages:
                        failures, delivered = 0, True
                        if message is not None:
                            yield message
                if not delivered and time.monotonic() - started < QUICK_END:
                    failures += 1
                    await _pause(failures)
            except _HOPELESS:
                raise
            except KubernetesError as error:
                self.last_error, self._version = error, ""
                if self._on_lost is not None and not isinstance(error, Gone):
                    self._on_lost(error)
                failures += 1
                await _pause(failures)

    async def _list(self) -> list[Event]:
        found = await self._client.list(
            self._kind,
            self._namespace,
            labels=self._labels,
            fields=self._fields,
            shape=self._shape,
        )
        self._alive()
        self._version = found.resource_version
        return [*self._compare(found.items), Event(Change.SYNCED, {})]

    def _alive(self) -> None:
        if self.last_error is not None and self._on_lost is not None:
            self._on_lost(None)
        self.last_contact, self.last_error = time.monotonic(), None

    def _compare(self, items: list[Object]) -> list[Event]:
        """What a fresh list says in terms of what was known before."""
        events, seen = [], set()
        for item in items:
            key, now = _identity(item)
            seen.add(key)
            before = self._known.get(key)
            if before is not None and before.uid != now.uid:
                events.append(self._gone(key, before))
                before = None
            if before is None or before.version != now.version:
                kind = Change.ADDED if before is None else Change.MODIFIED
                events.append(Event(kind, item))
            self._known[key] = now
        for key in [key for key in self._known if key not in seen]:
            events.append(self._gone(key, self._known.pop(key)))
        return events

    def _gone(self, key: tuple[str, str], known: _Known) -> Event:
        namespace, name = key
        meta = {"namespace": namespace, "name": name, "uid": known.uid}
        return Event(
            Change.DELETED,
            {
                "apiVersion": self._kind.api_version,
                "kind": self._kind.kind,
                "metadata": {k: v for k, v in meta.items() if v},
            },
        )

    async def _watch(self) -> AsyncGenerator[Event | None, None]:
        """Events of one watch request; bookmarks, which only move the version, come as None."""
        request = self._request(self._version)
        response = await self._client.transport.stream(request)
        self._alive()
        try:
            async for line in _lines(response):
                self._alive()
                message = json.loads(line)
                item: Object = message.get("object") or {}
                if message.get("type") == "ERROR":
                    raise self._failure(request, item)
                version = str(item["metadata"].get("resourceVersion") or self._version)
                bookmark = message["type"] == "BOOKMARK"
                event = None if bookmark else self._remember(Change(message["type"]), item)
                self._version = version
                yield event
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise self._client.transport.unreachable(request, exc) from exc
        except (ValueError, KeyError, AttributeError) as exc:
            raise KubernetesError(
                f"Cluster {self._client.cluster} sent something unreadable in a watch of "
                f"{self._kind.plural}.",
                detail=repr(exc),
            ) from exc
        finally:
            response.close()

    def _request(self, version: str) -> Request:
        seconds = max(1, round(self._timeout * random.uniform(0.9, 1.1)))  # noqa: S311 - jitter
        query = [
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", version),
            ("timeoutSeconds", str(seconds)),
        ]
        query += wording.selectors(self._labels, self._fields)
        act = f"watch {self._kind.plural} {self._namespace or ''}".rstrip()
        path = self._kind.path(self._namespace)
        headers = self._shape.accept("PartialObjectMetadata")
        return Request("GET", path, act, query, headers=headers, silence=seconds + 10.0)

    def _remember(self, kind: Change, item: Object) -> Event:
        key, now = _identity(item)
        self._shape.cut(item)
        if kind is Change.DELETED:
            self._known.pop(key, None)
        else:
            kind = Change.MODIFIED if key in self._known else Change.ADDED
            self._known[key] = now
        return Event(kind, item)

    def _failure(self, request: Request, status: Mapping[str, Any]) -> KubernetesError:
        code = int(status.get("code") or 500)
        body = json.dumps(status).encode()
        error = from_response(self._client.cluster, request.act, code, body, {})
        # Inside a running watch only an expired version is ordinary; all of them end in a list.
        return error if isinstance(error, Gone) else KubernetesError(
            error.message, hint=error.hint, detail=error.detail
        )  # fmt: skip


def watch(
    client: KubeClient,
    kind: Kind,
    *,
    namespace: str | None = None,
    labels: Mapping[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
    shape: Shape = WHOLE,
    timeout_seconds: int = TIMEOUT_SECONDS,
    on_lost: OnLost | None = None,
) -> Watch:
    """Make a watch, for ``async for``; nothing is sent before the first step.

    After each (new) list a ``SYNCED`` event follows. ``staleness()`` of the returned object
    tells how old its picture is, and ``on_lost`` is told whenever contact is lost or back.
    """
    return Watch(
        client,
        kind,
        namespace=namespace,
        labels=labels,
        fields=fields,
        shape=shape,
        timeout_seconds=timeout_seconds,
        on_lost=on_lost,
    )


def _identity(item: Mapping[str, Any]) -> tuple[tuple[str, str], _Known]:
    meta = item.get("metadata") or {}
    key = (str(meta.get("namespace") or ""), str(meta["name"]))
    return key, _Known(str(meta.get("uid") or ""), str(meta.get("resourceVersion") or ""))


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole lines of any length (aiohttp's own line reader gives up on long ones).

    A rest without its newline at the end is the sign of a cut connection and is dropped: the
    version before it is where the next watch goes on.
    """
    pieces: list[bytes] = []
    async for chunk in response.content.iter_any():
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            whole = b"".join([*pieces, line])
            pieces.clear()
            if whole.strip():
                yield whole
        pieces.append(rest)


async def _pause(failures: int) -> None:
    """Full jitter: uniformly between zero and a limit that doubles with each failure."""
    limit = min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(failures, 16))
    await asyncio.sleep(random.uniform(0, limit))  # noqa: S311 - jitter
