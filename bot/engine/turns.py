"""Whose turn it is: acknowledgements first, then a bounded number of plans and of runs.

Slack waits three seconds for an acknowledgement and nobody waits that eagerly for anything else.
What shares the loop with it is therefore bounded, and begins only while nothing is being admitted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

PLANS = 4
RUNS = 16
PATIENCE = 2.0
"""Seconds that a turn gives way at most, so that a flood of requests does not stop all work."""


class Turns:
    """Orders the work of one loop; what concerns one cluster waits in the order it came.

    Clusters do not wait for each other: one that hangs must not hold up the rest.

    Args:
        plans: How many requests are planned at a time, for each cluster.
        runs: How many operations run at a time, for each cluster.
        patience: See `PATIENCE`.
    """

    def __init__(self, plans: int = PLANS, runs: int = RUNS, patience: float = PATIENCE) -> None:
        self._plans: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(plans))
        self._runs: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(runs))
        self._patience = patience
        self._admitting = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    @contextlib.contextmanager
    def admitting(self) -> Iterator[None]:
        """Somebody waits for an acknowledgement meanwhile."""
        self._admitting += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._admitting -= 1
            if not self._admitting:
                self._quiet.set()

    @contextlib.asynccontextmanager
    async def plan(self, cluster: str, *, waits: bool) -> AsyncIterator[None]:
        """A turn for planning; without `waits` at once."""
        async with self._turn(self._plans[cluster], waits):
            yield

    @contextlib.asynccontextmanager
    async def run(self, cluster: str, *, waits: bool) -> AsyncIterator[None]:
        """A turn for running; without `waits` at once."""
        async with self._turn(self._runs[cluster], waits):
            yield

    def crowded(self, cluster: str) -> bool:
        """Whether the next one to run there has to wait."""
        return self._runs[cluster].locked()

    @contextlib.asynccontextmanager
    async def _turn(self, turns: asyncio.Semaphore, waits: bool) -> AsyncIterator[None]:
        if not waits:
            yield
            return
        async with turns:
            await self._give_way()
            yield

    async def _give_way(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while self._admitting:
                    await self._quiet.wait()
