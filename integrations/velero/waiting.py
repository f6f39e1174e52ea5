"""Watching one object until it says what we wait for; no polling, API restarts included."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import Forbidden, NotFound, Unauthorized
from integrations.kubernetes.kinds import Kind
from integrations.kubernetes.models import Object
from integrations.kubernetes.watch import Change, Event, watch

WATCH_SECONDS = 30
"""Short watches: a silently dead connection costs at most this and ten seconds."""
GRACE = 10.0
"""Seconds for which refusals are borne once the watch has worked: an API server that has just
started does not know its roles and its own kinds yet."""
PAUSE = 0.5

_YOUNG = (Forbidden, NotFound, Unauthorized)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What to wait for, and what to do meanwhile.

    Attributes:
        settled: Whether this picture of the object is the end.
        on_change: Told every new picture, the last one included.
        patience: Seconds of silence after which ``on_silence`` is asked, again and again.
        on_silence: Gets the last picture; raises to end the wait.
    """

    settled: Callable[[Object], bool]
    on_change: Callable[[Object], Awaitable[None]] | None = None
    patience: Callable[[Object], float] | None = None
    on_silence: Callable[[Object], Awaitable[None]] | None = None


async def until(
    client: KubeClient, kind: Kind, namespace: str, name: str, wait: Waiting, *, timeout: float
) -> Object | None:
    """Follow one object until it is settled.

    Returns:
        Its last picture; None when it is not there, or not any more.

    Raises:
        TimeoutError: ``timeout`` seconds were not enough.
        StatusError: Watching itself is refused.
    """
    async with asyncio.timeout(timeout):
        return await _Follower(client, kind, namespace, name, wait).run()


class _Follower:
    def __init__(
        self, client: KubeClient, kind: Kind, namespace: str, name: str, wait: Waiting
    ) -> None:
        self._client, self._kind = client, kind
        self._namespace, self._name, self._wait = namespace, name, wait
        self._picture: Object | None = None

    async def run(self) -> Object | None:
        async with aclosing(self._steadily()) as events:
            pending: asyncio.Task[Event] | None = None
            try:
                while True:
                    pending = pending or asyncio.create_task(_next(events))
                    await asyncio.wait({pending}, timeout=self._patience())
                    if not pending.done():
                        await self._silence()
                        continue
                    event, pending = pending.result(), None
                    ended = await self._take(event)
                    if ended:
                        return self._picture
            finally:
                if pending is not None:
                    pending.cancel()
                    with contextlib.suppress(asyncio.CancelledError, Exception):
                        await pending

    async def _take(self, event: Event) -> bool:
        if event.type is Change.SYNCED:
            return self._picture is None
        if event.type is Change.DELETED:
            self._picture = None
            return True
        self._picture = event.object
        if self._wait.on_change is not None:
            await self._wait.on_change(event.object)
        return self._wait.settled(event.object)

    def _patience(self) -> float | None:
        if self._picture is None or self._wait.patience is None:
            return None
        return self._wait.patience(self._picture)

    async def _silence(self) -> None:
        if self._picture is not None and self._wait.on_silence is not None:
            await self._wait.on_silence(self._picture)

    async def _steadily(self) -> AsyncGenerator[Event, None]:
        """The watch's events; a refusal counts only when it lasts or comes first."""
        clock = asyncio.get_running_loop().time
        good: float | None = None
        while True:
            source = watch(
                self._client,
                self._kind,
                namespace=self._namespace,
                fields={"metadata.name": self._name},
                timeout_seconds=WATCH_SECONDS,
            )
            try:
                async with aclosing(source.events()) as events:
                    async for event in events:
                        good = clock()
                        yield event
            except _YOUNG:
                if good is None or clock() - good > GRACE:
                    raise
                await asyncio.sleep(PAUSE)


async def _next(events: AsyncGenerator[Event, None]) -> Event:
    return await anext(events)
