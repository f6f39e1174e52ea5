"""The event feed: what happens in the workspace, for the page and for waiting tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from sandbox.slack.entities import JSON

T = TypeVar("T")


class Feed:
    """Publishes events to every subscriber; a slow subscriber never holds up the workspace."""

    def __init__(self, backlog: int = 2000) -> None:
        self.seq = 0
        self._backlog = backlog
        self._queues: set[asyncio.Queue[JSON]] = set()
        self._waiters: set[asyncio.Future[None]] = set()

    def publish(self, kind: str, **event: object) -> None:
        """Tell everybody. A `user` key means that only this person may see the event."""
        self.seq += 1
        record = {"type": kind, "seq": self.seq, **event}
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(record)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    @contextlib.contextmanager
    def subscribe(self) -> Iterator[asyncio.Queue[JSON]]:
        """A queue that receives every event from now on; the oldest fall out when it is full."""
        queue: asyncio.Queue[JSON] = asyncio.Queue(self._backlog)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    async def until(self, look: Callable[[], T | None], timeout: float) -> T:
        """Wait until `look` returns something true; it is asked again after every event.

        Raises:
            TimeoutError: nothing true within `timeout` seconds of real time.
        """
        async with asyncio.timeout(timeout):
            while not (found := look()):
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiters.add(waiter)
                try:
                    await waiter
                finally:
                    self._waiters.discard(waiter)
        return found
