"""Operations that end right although the process is killed.

An operation is a coroutine that is run again from its beginning after a kill, with the results of
its finished steps on record: those steps return what they returned. A result is durable before the
next step begins, so at most one step can have begun without a record. Nothing else is kept: the
request row says which operations run, and how they ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from bot.errors import StoreUnavailable
from bot.store import journal
from bot.store.connect import unavailable
from bot.store.rows import dump, load
from bot.store.writer import Work, Writer
from bot.tasks import Tasks

if TYPE_CHECKING:
    from sqlite_utils import Database

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
_BEGUN = ""  # the step that every operation has from its start: its file can be written


class Journal(Protocol):
    """Records finished steps of one operation."""

    async def once(self, name: str, act: Callable[[], Awaitable[Any]]) -> Any:
        """Runs `act` unless this step's result is on record; returns the result either way.

        The result is a JSON value, and comes back as JSON reads it, at once as after a kill.
        """


Body = Callable[[str, Journal], Awaitable[Any]]


class Durable:
    """Runs operations, each once at a time, and continues those that a kill cut off.

    Args:
        path: The journal's file; made when missing.
        body: Runs one operation from its request id to its outcome. It must not raise, and a
            second run of an operation that has ended must change nothing.
    """

    def __init__(self, path: Path, body: Body) -> None:
        self._path = path
        self._body = body
        self._writer: Writer | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks = Tasks()

    def launch(self, running: Collection[str] = ()) -> None:
        """Opens the file and continues these operations. Call it inside the running event loop.

        Raises:
            StoreUnavailable: The file cannot be used.
            OSError: Its folder cannot be used.
        """
        try:
            results = self._left(running)
        except sqlite3.Error as error:
            raise self._told(error) or error from error
        self._writer = Writer(
            lambda: journal.connect_journal(self._path),
            self._told,
            begun=_nothing,
            committed=_nothing,
        )
        for request_id in running:
            self._begin(request_id, results.get(request_id, {}))

    async def start(
        self, request_id: str, launch: Callable[[], Awaitable[bool]] | None = None
    ) -> None:
        """Starts an operation; nothing happens when it runs already.

        Args:
            request_id: The operation.
            launch: Makes it one, in another file that is written at the same time; False when it
                must not run. What was recorded for nothing here is forgotten at the next launch.

        Raises:
            StoreUnavailable: The file cannot be written, and so the operation has not begun.
        """
        answers = await asyncio.gather(
            self._write(lambda db: journal.record(db, request_id, _BEGUN, "null")),
            launch() if launch is not None else _launched(),
            return_exceptions=True,
        )
        recorded, launched = answers[0], answers[1]
        if isinstance(launched, BaseException):
            raise launched
        if not launched:
            return
        if isinstance(recorded, BaseException):
            raise recorded
        if request_id not in self._running:
            self._begin(request_id, {_BEGUN: None})

    async def settle(self, seconds: float) -> bool:
        """Waits until nothing runs; False when something still does after that time."""
        return await self._tasks.settle(seconds)

    def close(self) -> None:
        """Stops. Operations still running are cut off, and continued by the next launch.

        Settle first, and end the process where that was in vain: see `bot.main.serving`.
        """
        for task in self._running.values():
            task.cancel()
        if self._writer is not None:
            self._writer.stop()

    def _begin(self, request_id: str, results: dict[str, Any]) -> None:
        work = self._run(request_id, results)
        self._running[request_id] = self._tasks.spawn(work, f"operation {request_id}")

    async def _run(self, request_id: str, results: dict[str, Any]) -> None:
        steps = _Steps(request_id, results, self._write)
        try:
            await self._body(request_id, steps)
        finally:
            del self._running[request_id]
        with contextlib.suppress(StoreUnavailable):  # the next launch forgets them as well
            await self._write(lambda db: journal.forget(db, request_id))

    def _left(self, running: Collection[str]) -> dict[str, dict[str, Any]]:
        """The results that an earlier process left of these operations."""
        db = journal.connect_journal(self._path)
        try:
            return journal.keep_only(db, running)
        finally:
            db.conn.close()

    async def _write(self, work: Work) -> Any:
        if self._writer is None:
            raise RuntimeError("launch() comes before start()")
        return await self._writer.submit(work)

    def _told(self, error: Exception) -> StoreUnavailable | None:
        if not isinstance(error, sqlite3.Error):
            return None
        known = unavailable(error, self._path)
        return StoreUnavailable(
            "The record of operations cannot be written",
            why=known.why if known else f"{self._path}: {error}",
            hint=known.hint if known else "Nothing was started. Look at that file and ask again",
            detail=str(error),
        )


class _Steps:
    """One operation's view of the journal."""

    def __init__(
        self,
        request_id: str,
        results: dict[str, Any],
        write: Callable[[Work], Awaitable[Any]],
    ) -> None:
        self._id, self._results, self._write = request_id, results, write

    async def once(self, name: str, act: Callable[[], Awaitable[Any]]) -> Any:
        if name not in self._results:
            text = dump(await act())
            await self._record(name, text)
            self._results[name] = load(text)
        return self._results[name]

    async def _record(self, name: str, text: str) -> None:
        """What was done is done: a file that cannot be written is waited for."""
        while True:
            try:
                await self._write(lambda db: journal.record(db, self._id, name, text))
                return
            except StoreUnavailable as error:
                log.error("a step's result waits for the disk", request=self._id, why=str(error))
                await asyncio.sleep(RETRY_SECONDS)


async def _launched() -> bool:
    return True


def _nothing(db: Database) -> None:
    """The journal has nothing to do around its commits."""
