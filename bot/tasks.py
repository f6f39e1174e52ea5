"""Tasks that somebody owns: kept until they end, their failures logged, ended with the owner.

Bolt and slack_sdk drop the references of the tasks they start, so the loop may collect them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Tasks:
    """A set of running tasks."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Starts a task and keeps it."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def settle(self, seconds: float) -> bool:
        """Waits until all have ended; False when some still run after that time."""
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=seconds)
        return not self._running

    async def close(self) -> None:
        """Cancels what still runs and waits for it."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task failed", task=task.get_name(), exc_info=error)
