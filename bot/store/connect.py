"""Connections to an SQLite file, and SQLite's failures as sentences."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

from sqlite_utils import Database

from bot.errors import StoreUnavailable

OLDEST_SQLITE = (3, 37, 0)  # first with STRICT tables


def check_runtime(
    python: tuple[int, ...] = sys.version_info[:3],
    sqlite: tuple[int, ...] = sqlite3.sqlite_version_info,
) -> str:
    """Says why this Python and SQLite cannot carry the product; empty when they can."""
    have = f"this Python {_dotted(python)} uses SQLite {_dotted(sqlite)}"
    if python < (3, 11):
        return f"Python 3.11 or newer is needed, this is {_dotted(python)}."
    if sqlite < OLDEST_SQLITE:
        return f"SQLite {_dotted(OLDEST_SQLITE)} or newer is needed; {have}."
    return ""


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def create_private(path: Path) -> None:
    """Makes an empty file that only its owner can read (0600), unless one is there.

    Must run before the first connection of this process: closing any other descriptor of an open
    database drops SQLite's locks (POSIX advisory locks belong to the process).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return


def connect(
    path: Path,
    *,
    timeout: float,
    read_only: bool = False,
    max_page_count: int | None = None,
) -> Database:
    """Opens a connection in autocommit mode, so that every transaction is one of ours.

    Args:
        path: The database file; it must exist.
        timeout: Seconds to wait for somebody else's lock.
        read_only: Refuses every write on this connection.
        max_page_count: SQLite's cap on the file's size in pages, this connection only.

    Raises:
        sqlite3.Error: If it cannot be opened.
    """
    conn = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        # Text that somebody made invalid is read all the same, and shown by `audit verify`.
        conn.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        db = Database(conn, execute_plugins=False, strict=True)
        pragmas = ["foreign_keys=ON", "temp_store=MEMORY", "trusted_schema=OFF"]
        if read_only:
            pragmas += ["query_only=ON", "wal_autocheckpoint=0"]
        else:
            pragmas += ["journal_mode=WAL", "synchronous=FULL"]
            pragmas += [f"max_page_count={max_page_count}"] if max_page_count else []
        for pragma in pragmas:
            db.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        conn.close()
        raise
    return db


def unavailable(error: Exception, path: Path) -> StoreUnavailable | None:
    """Translates a failure of the file itself; None for anything else, such as a broken rule.

    A full disk has two faces: SQLITE_FULL (ENOSPC, `max_page_count`), and an I/O error when a
    file-size limit answers EFBIG.
    """
    if not isinstance(error, sqlite3.Error):
        return None
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    nothing = "Nothing was started"
    stories = {
        sqlite3.SQLITE_FULL: (
            f"no space is left for {path}",
            f"{nothing}. Free space on that disk and try again",
        ),
        sqlite3.SQLITE_IOERR: (
            f"the system refused to read or write {path}; "
            "a file-size limit is reached, or the disk fails",
            f"{nothing}. Look at the limit (ulimit -f), the free space and the kernel's log",
        ),
        sqlite3.SQLITE_BUSY: (
            f"another program holds {path}",
            f"{nothing}. Close whatever has the file open (fuser shows it) and try again",
        ),
        sqlite3.SQLITE_READONLY: (
            f"{path} is read-only for this user or on this file system",
            f"{nothing}. Mend the permissions or the mount and try again",
        ),
        sqlite3.SQLITE_CANTOPEN: (
            f"{path} cannot be opened",
            f"{nothing}. See that its folder exists and may be written",
        ),
        sqlite3.SQLITE_CORRUPT: (
            f"{path} is damaged",
            f"{nothing}. Bring back a copy with `onprem state restore`",
        ),
        sqlite3.SQLITE_NOMEM: ("the system is out of memory", f"{nothing}. Try again"),
    }
    stories[sqlite3.SQLITE_LOCKED] = stories[sqlite3.SQLITE_BUSY]
    stories[sqlite3.SQLITE_PERM] = stories[sqlite3.SQLITE_READONLY]
    stories[sqlite3.SQLITE_NOTADB] = stories[sqlite3.SQLITE_CORRUPT]
    if code not in stories:
        return None
    why, hint = stories[code]
    return StoreUnavailable(
        "The state database cannot be used", why=why, hint=hint, detail=str(error)
    )
