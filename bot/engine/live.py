"""One message that follows an operation, edited no oftener than its surface allows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bot.tasks import Tasks


class Live:
    """Publishes the newest state, soon, and at most once in `pace` seconds."""

    def __init__(self, publish: Callable[[], Awaitable[None]], pace: float, tasks: Tasks) -> None:
        self._publish, self._pace, self._tasks = publish, pace, tasks
        self._dirty = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def poke(self) -> None:
        """Says that something changed; never blocks."""
        self._dirty.set()
        if self._task is None:
            self._task = self._tasks.spawn(self._follow(), "live message")

    async def close(self) -> None:
        """Stops; the final state is somebody else's."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _follow(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await self._publish()
            await asyncio.sleep(self._pace)
