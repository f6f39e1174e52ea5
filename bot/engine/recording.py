"""What other eyes see of a running operation: its steps and processes, in the database."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bot.engine.parts import Parts
from bot.errors import StoreUnavailable
from bot.render.document import StepState
from bot.store import processes, steps

if TYPE_CHECKING:
    from sqlite_utils import Database


class StoredRecord:
    """Steps and processes in the database, for `jobs`, `cancel` and the next start."""

    def __init__(self, parts: Parts, request_id: str) -> None:
        self._parts, self._id = parts, request_id

    def step(self, name: str, state: StepState, detail: str) -> None:
        """See `bot.engine.operation.Record`."""
        now = self._parts.clock()
        if state == "running":
            self._later(lambda db: steps.begin(db, self._id, name, now))
        else:
            self._later(lambda db: steps.finish(db, self._id, name, state, now, detail))

    async def process(self, step: str, pid: int, start_time: int) -> None:
        """See `bot.engine.operation.Record`."""
        now = self._parts.clock()
        await self._parts.store.write(
            lambda db: processes.record(db, self._id, step, pid, start_time, now)
        )

    def _later(self, work: Callable[[Database], Any]) -> None:
        async def write() -> None:
            with contextlib.suppress(StoreUnavailable):  # only a display; the journal has the truth
                await self._parts.store.write(work)

        self._parts.tasks.spawn(write(), "note a step")
