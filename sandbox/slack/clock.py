"""Time for the practice Slack: the real clock, or one that a test moves by hand.

Everything that expires here (acks, trigger ids, response URLs, rate windows, redeliveries) asks
a `Clock`, so that a test can let half an hour pass without waiting.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from typing import Any, Protocol


class Clock(Protocol):
    """A source of time. `now` is seconds since 1970 UTC, `monotonic` seconds since anywhen."""

    def now(self) -> float:
        """Wall-clock time in seconds since 1970 UTC."""

    def monotonic(self) -> float:
        """A time in seconds that never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Return once `seconds` have passed."""

    async def wait(self, future: asyncio.Future[Any], seconds: float) -> bool:
        """Wait for `future` at most `seconds`; say whether it is done. Never cancels it."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """Wall-clock time in seconds since 1970 UTC."""
        return time.time()

    def monotonic(self) -> float:
        """The machine's monotonic clock; the same for every process on this host."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep for real."""
        await asyncio.sleep(seconds)

    async def wait(self, future: asyncio.Future[Any], seconds: float) -> bool:
        """Wait for `future` at most `seconds` of real time."""
        await asyncio.wait({future}, timeout=seconds)
        return future.done()


class ManualClock:
    """A clock that stands still until `advance` is called."""

    def __init__(self, start: float = 1_750_000_000.0) -> None:
        self._time = start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        """The time that the test has set."""
        return self._time

    def monotonic(self) -> float:
        """The same time: nobody can turn it back."""
        return self._time

    async def sleep(self, seconds: float) -> None:
        """Return once the test has advanced the clock by `seconds`."""
        if seconds <= 0:
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._time + seconds, next(self._order), woken))
        await woken

    async def wait(self, future: asyncio.Future[Any], seconds: float) -> bool:
        """Wait for `future` until it is done or the clock has moved by `seconds`."""
        nap = asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait({future, nap}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
        return future.done()

    def advance(self, seconds: float) -> None:
        """Move time on and wake everybody whose time has come.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError("time cannot go back")
        self._time += seconds
        while self._sleepers and self._sleepers[0][0] <= self._time:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)

    @property
    def sleepers(self) -> int:
        """How many are waiting, so that a test can wait until somebody does."""
        return sum(1 for _, _, woken in self._sleepers if not woken.done())
