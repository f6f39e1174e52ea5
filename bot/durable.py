"""Operations that end right although the process is killed: DBOS, and nobody else knows it.

The smallest part of DBOS is used: one generic workflow whose id is the request's, started directly
(its queues take up work only every 0.2-2 s), and steps whose results are recorded. The request row
stays the truth; this file only remembers which steps have finished and what they returned.

DBOS is one object per process, so a second `Durable` must wait until the first is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from dbos import DBOS, SetWorkflowID
from dbos._serialization import Serializer
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import StoreUnavailable
from bot.store.connect import unavailable

# Pinned: DBOS only takes up workflows of the same version and executor. Bodies evolve by adding
# steps behind a look, so an old operation can be finished by a newer program.
_VERSION = "operations-1"
_EXECUTOR = "onprem"


class Journal(Protocol):
    """Records finished steps of one operation."""

    async def once(self, name: str, act: Callable[[], Awaitable[Any]]) -> Any:
        """Runs `act` unless this step's result is on record; returns the result either way."""


Body = Callable[[str, Journal], Awaitable[Any]]


class _Json(Serializer):
    """JSON instead of DBOS' pickle: whoever can write the file must not be able to run code."""

    def serialize(self, data: Any) -> str:
        return json.dumps(data, default=lambda value: {"error": type(value).__name__})

    def deserialize(self, serialized_data: str) -> Any:
        return json.loads(serialized_data)

    def name(self) -> str:
        return "onprem_json"


class _Steps:
    def __init__(self, path: Path) -> None:
        self._path = path

    async def once(self, name: str, act: Callable[[], Awaitable[Any]]) -> Any:
        async def run() -> Any:  # DBOS looks at the function, so a lambda would not be awaited
            return await act()

        try:
            return await DBOS.run_step_async({"name": name}, run)
        except SQLAlchemyError as error:
            hint = "This step may have acted: look at the target with `status`, and mend the file"
            raise _unwritten(self._path, error, hint) from error


class Durable:
    """Starts operations, and continues those that a kill cut off.

    Args:
        path: The workflow file; made when missing, in WAL mode.
        body: Runs one operation from its request id. It must not raise: what it returns is
            recorded, and a second run of a finished operation must change nothing.
        patience: Seconds to wait for the file when another program holds it.
    """

    def __init__(self, path: Path, body: Body, patience: float = 10.0) -> None:
        self._path = path
        self._body = body
        self._patience = patience
        self._workflow: Callable[[str], Coroutine[Any, Any, Any]] | None = None

    def launch(self) -> None:
        """Opens the file and continues what was cut. Call it inside the running event loop.

        DBOS then runs continued operations on that loop, as it does started ones.
        """
        _write_ahead(self._path)
        DBOS(
            config={
                "name": "onprem-bot",
                "system_database_url": f"sqlite:///{self._path}",
                "executor_id": _EXECUTOR,
                "application_version": _VERSION,
                "serializer": _Json(),
                "max_executor_threads": 16,
                "console_log_level": "ERROR",
                # Nothing of ours is notified or scheduled; these only bound how long closing takes.
                "notification_listener_polling_interval_sec": 1.0,
                "scheduler_polling_interval_sec": 60.0,
            }
        )

        async def operation(request_id: str) -> Any:
            return await self._body(request_id, _Steps(self._path))

        # Thousands of restarts in a row are a crash loop of the machine, not a poisoned operation.
        self._workflow = DBOS.workflow(name="operation", max_recovery_attempts=1000)(operation)
        DBOS.launch()

    async def start(self, request_id: str) -> None:
        """Starts the operation, or does nothing when it is on record already.

        Raises:
            StoreUnavailable: The file cannot be written; the body has not begun. It may still
                begin, now or after a restart, when the file can be written again.
        """
        if self._workflow is None:
            raise RuntimeError("launch() comes before start()")
        try:
            async with asyncio.timeout(self._patience):  # DBOS waits for a locked file for ever
                with SetWorkflowID(request_id):
                    await DBOS.start_workflow_async(self._workflow, request_id)
        except (SQLAlchemyError, TimeoutError) as error:
            hint = "Nothing was started. Mend that and ask again"
            raise _unwritten(self._path, error, hint) from error

    async def prune(self, before: int) -> int:
        """Deletes the records of operations that ended before a moment (microseconds UTC).

        Returns:
            How many; at most a thousand at a time.
        """
        moment = datetime.fromtimestamp(before / 1_000_000, UTC).isoformat()
        ended = await DBOS.list_workflows_async(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            completed_before=moment,
            limit=1000,
            load_input=False,
            load_output=False,
        )
        if ended:
            await DBOS.delete_workflows_async([workflow.workflow_id for workflow in ended])
        return len(ended)

    def close(self) -> None:
        """Stops DBOS' threads. Operations still running are continued by the next launch.

        DBOS has made its pool the loop's default executor, and ends it: the loop gets another.
        """
        with contextlib.suppress(RuntimeError):  # no loop runs any more
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        DBOS.destroy(destroy_registry=True)


def _unwritten(path: Path, error: Exception, hint: str) -> StoreUnavailable:
    cause = getattr(error, "orig", None)
    known = unavailable(cause, path) if isinstance(cause, Exception) else None
    why = known.why if known else f"{path} cannot be written; another program may hold it"
    what = "The record of operations cannot be written"
    return StoreUnavailable(what, why=why, hint=hint, detail=str(error))


def _write_ahead(path: Path) -> None:
    if not path.exists():
        path.touch(mode=0o600)
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
