"""The work queue that drives all controllers: one task, batches of keys, one timer.

Keys that wait together form a batch, and within a batch lower levels go first (pods before
ReplicaSets before Deployments). A workload of thousands of pods is thus looked at once per
batch instead of once per pod.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass

_log = logging.getLogger(__name__)

Key = tuple[str, str]
"""(namespace, name); the namespace is empty for cluster-wide objects."""

SLICE = 0.01
"""Seconds of work after which other tasks of the loop get their turn."""
RETRY = 0.05
"""Seconds before a failed reconcile is tried again, doubling up to `RETRY_LIMIT`."""
RETRY_LIMIT = 30.0


@dataclass(frozen=True, slots=True)
class Lane:
    """One controller's place in the queue.

    Attributes:
        name: For logs.
        level: Lower levels run first within a batch.
        reconcile: Brings the object of a key one step towards its wanted state.
    """

    name: str
    level: int
    reconcile: Callable[[Key], None]


class Work:
    """Collects keys and runs their reconcilers one after another on the event loop.

    Attributes:
        processed: How many reconciles were run.
        failed: How many of them raised.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self._ready: dict[tuple[str, Key], None] = {}
        self._timers: list[tuple[float, int, str, Key]] = []
        self._order = itertools.count()
        self._failures: dict[tuple[str, Key], int] = {}
        self._wake = asyncio.Event()
        self._busy = False
        self.processed = 0
        self.failed = 0

    def register(self, lane: Lane) -> None:
        """Add a controller."""
        self._lanes[lane.name] = lane

    def add(self, lane: str, key: Key) -> None:
        """Have `key` reconciled in the next batch."""
        self._ready[lane, key] = None
        self._wake.set()

    def later(self, lane: str, key: Key, delay: float) -> None:
        """Have `key` reconciled after `delay` seconds; at once if there is no delay."""
        if delay <= 0:
            self.add(lane, key)
            return
        due = asyncio.get_running_loop().time() + delay
        heapq.heappush(self._timers, (due, next(self._order), lane, key))
        if self._timers[0][0] == due:
            self._wake.set()

    @property
    def idle(self) -> bool:
        """Whether nothing is due now."""
        return not self._ready and not self._busy

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._collect(loop.time())
            if self._ready:
                await self._batch(loop)
                continue
            self._wake.clear()
            handle = loop.call_at(self._timers[0][0], self._wake.set) if self._timers else None
            try:
                await self._wake.wait()
            finally:
                if handle is not None:
                    handle.cancel()

    def _collect(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            _, _, lane, key = heapq.heappop(self._timers)
            self._ready[lane, key] = None

    async def _batch(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._ready = self._ready, {}
        self._busy = True
        until = loop.time() + SLICE
        try:
            for lane, key in sorted(batch, key=lambda item: self._lanes[item[0]].level):
                self._one(self._lanes[lane], key)
                if loop.time() > until:
                    await asyncio.sleep(0)
                    until = loop.time() + SLICE
        finally:
            self._busy = False
        await asyncio.sleep(0)

    def _one(self, lane: Lane, key: Key) -> None:
        self.processed += 1
        try:
            lane.reconcile(key)
        except Exception:
            self.failed += 1
            count = self._failures.get((lane.name, key), 0) + 1
            self._failures[lane.name, key] = count
            delay = min(RETRY * 2**count, RETRY_LIMIT)
            _log.exception("%s: reconciling %s failed, again in %.1f s", lane.name, key, delay)
            self.later(lane.name, key, delay)
        else:
            self._failures.pop((lane.name, key), None)
