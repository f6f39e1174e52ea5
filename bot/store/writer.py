"""The single writer thread: requests that wait together share one durable commit."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from bot.errors import StoreUnavailable

Work = Callable[[Database], Any]
MAX_BATCH = 256


@dataclass(slots=True)
class _Job:
    work: Work
    future: asyncio.Future[Any]
    value: Any = None
    error: Exception | None = None


class Writer:
    """Runs work on one connection in a thread of its own.

    Args:
        connect: Opens the writing connection; called again after a failure of the file.
        translate: Turns a failure of the file into `StoreUnavailable`, anything else into None.
        begun: Runs first in every transaction.
        committed: Runs after every durable commit; its failures are its own business.
    """

    def __init__(
        self,
        connect: Callable[[], Database],
        translate: Callable[[Exception], StoreUnavailable | None],
        *,
        begun: Callable[[Database], None],
        committed: Callable[[Database], None],
    ) -> None:
        self._connect, self._translate = connect, translate
        self._begun, self._committed = begun, committed
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Queues work from the running loop; the future resolves after the durable commit.

        A caller that stops waiting does not stop the work: it may be committed all the same.
        """
        if self._closing.is_set():
            raise StoreUnavailable(
                "The state database is closed", why="the bot is stopping", hint="Try again soon"
            )
        future = asyncio.get_running_loop().create_future()
        self._queue.put(_Job(work, future))
        return future

    async def close(self) -> None:
        """Lets what is queued commit, then closes the connection."""
        await asyncio.to_thread(self.stop)

    def stop(self) -> None:
        """The same, waiting in the caller's thread: a commit takes milliseconds."""
        if not self._closing.is_set():
            self._closing.set()
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        db: Database | None = None
        last = False
        while not last:
            jobs, last = self._take()
            if not jobs:
                continue
            try:
                db = db or self._connect()
                self._commit(db, jobs)
            except Exception as error:
                for job in jobs:
                    job.error = self._translate(error) or error
                _give_up(db)
                db = None
            _settle(jobs)
        if db is not None:
            db.conn.close()

    def _take(self) -> tuple[list[_Job], bool]:
        """Waits for work, then takes all that is there; True with it when it is the last."""
        jobs: list[_Job] = []
        job = self._queue.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == MAX_BATCH:
                return jobs, False
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return jobs, False
        return jobs, True

    def _commit(self, db: Database, jobs: Sequence[_Job]) -> None:
        db.execute("BEGIN IMMEDIATE")
        self._begun(db)
        for job in jobs:
            try:
                with db.atomic():
                    job.value = job.work(db)
            except Exception as error:
                if not db.conn.in_transaction:  # SQLite gave the whole transaction up
                    raise
                job.error = self._translate(error) or error
        db.execute("COMMIT")
        with contextlib.suppress(OSError, sqlite3.Error):  # the commit stands all the same
            self._committed(db)


def _give_up(db: Database | None) -> None:
    """Drops a connection after a failure; the next batch opens a fresh one."""
    if db is not None:
        with contextlib.suppress(sqlite3.Error):
            db.rollback()
        with contextlib.suppress(sqlite3.Error):
            db.conn.close()


def _settle(jobs: Sequence[_Job]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.future.get_loop(), []).append(job)
    for loop, theirs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # that loop is gone, and its waiters with it
            loop.call_soon_threadsafe(_resolve, theirs)


def _resolve(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if isinstance(job.error, StopIteration):  # which no future may carry
            job.future.set_exception(RuntimeError(f"{job.work!r} raised StopIteration"))
        elif job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.value)
