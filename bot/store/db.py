"""The state database: one file, one writer thread, its own readers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from bot.errors import OnpremError, StoreUnavailable
from bot.redaction import Redactor
from bot.store import migrations
from bot.store.anchor import Anchor
from bot.store.audit import AuditLog
from bot.store.connect import check_runtime, connect, create_private, unavailable
from bot.store.keys import AuditKey
from bot.store.writer import Writer

T = TypeVar("T")
READERS = 2


class Store:
    """Runs work on the state database. Made by `open`.

    Attributes:
        path: The file.
        clock: Microseconds UTC.
        audit: Appends to the audit log, inside the caller's transaction.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], int],
        audit: AuditLog,
        connect_writer: Callable[[], Database],
        anchor: Anchor,
    ) -> None:
        self.path, self.clock, self.audit = path, clock, audit
        self._near = connect(path, timeout=0.25, read_only=True)
        self._local = threading.local()
        self._reader_connections: list[Database] = [self._near]
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._writer = Writer(
            connect_writer, self._translate, begun=anchor.check, committed=anchor.advance
        )

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        clock: Callable[[], int],
        audit_key: AuditKey,
        backup_dir: Path | None = None,
        max_page_count: int | None = None,
        busy_timeout: float = 1.0,
        redactor: Redactor | None = None,
        anchor: Path | None = None,
    ) -> Store:
        """Opens the file, makes it if need be (0600), and brings its schema up to date.

        Args:
            path: The file; on a local disk, never on NFS.
            clock: Microseconds UTC.
            audit_key: Signs audit rows.
            backup_dir: Where the copy before a migration goes; beside the file when None.
            max_page_count: SQLite's cap on the file, in pages of 4 KiB.
            busy_timeout: Seconds to wait for another program's lock before refusing.
            redactor: Removes secrets from audit rows; one with only patterns when None.
            anchor: Where the newest audit row is noted outside the database.

        Raises:
            StoreUnavailable: With the reason, also for a Python or SQLite too old.
        """
        if reason := check_runtime():
            raise StoreUnavailable("This machine cannot run the bot", why=reason)
        audit = AuditLog(audit_key, clock, redactor or Redactor())
        watch = Anchor(audit, anchor)

        def connect_writer() -> Database:
            return connect(path, timeout=busy_timeout, max_page_count=max_page_count)

        def prepare() -> Store:
            try:
                create_private(path)
                _migrate(connect_writer, path, backup_dir or path.parent, clock)
                return cls(path, clock, audit, connect_writer, watch)
            except Exception as error:
                raise _told(error, path) from error

        return await asyncio.to_thread(prepare)

    async def write(self, work: Callable[[Database], T]) -> T:
        """Runs work in the writer thread and returns its result once the commit is durable.

        Work that waits together shares one `BEGIN IMMEDIATE … COMMIT`, each in a savepoint of its
        own: what one raises undoes only its own changes. A caller that is cancelled meanwhile does
        not undo anything.

        Raises:
            StoreUnavailable: Nothing was written.
            Exception: Whatever the work itself raised; nothing of it was written.
        """
        result: T = await self._writer.submit(work)
        return result

    async def read(self, work: Callable[[Database], T]) -> T:
        """Runs work on one consistent snapshot in a reader thread.

        Raises:
            StoreUnavailable: If the file cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def read_now(self, work: Callable[[Database], T]) -> T:
        """The same at once in the loop's thread: only for lookups that take microseconds.

        Raises:
            StoreUnavailable: If the file cannot be read.
        """
        return self._snapshot(self._near, work)

    async def close(self) -> None:
        """Lets what was queued commit, then closes every connection."""
        await self._writer.close()
        await asyncio.to_thread(self._readers.shutdown)
        while self._reader_connections:
            self._reader_connections.pop().conn.close()

    def _read(self, work: Callable[[Database], T]) -> T:
        db: Database | None = getattr(self._local, "db", None)
        if db is None:
            try:
                db = self._local.db = connect(self.path, timeout=5.0, read_only=True)
            except Exception as error:
                raise self._translate(error) or error from error
            self._reader_connections.append(db)
        return self._snapshot(db, work)

    def _snapshot(self, db: Database, work: Callable[[Database], T]) -> T:
        try:
            db.execute("BEGIN")
            try:
                return work(db)
            finally:
                db.rollback()
        except Exception as error:
            if failure := self._translate(error):
                raise failure from error
            raise

    def _translate(self, error: Exception) -> StoreUnavailable | None:
        return unavailable(error, self.path)


def _migrate(
    connect_writer: Callable[[], Database],
    path: Path,
    backup_dir: Path,
    clock: Callable[[], int],
) -> None:
    db = connect_writer()
    try:
        if migrations.pending(db):
            migrations.copy_before(db, path, backup_dir, clock())
            migrations.apply(db)
    finally:
        db.conn.close()


def _told(error: Exception, path: Path) -> Exception:
    """A failure at the opening as a sentence, whatever it was."""
    if isinstance(error, OnpremError):
        return error
    if isinstance(error, OSError):
        why = f"{error.strerror or error} ({error.filename or path})"
        return StoreUnavailable(
            "The state database cannot be used", why=why, hint="Mend that and start again"
        )
    return unavailable(error, path) or error
