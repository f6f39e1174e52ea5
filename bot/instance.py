"""One process for each state directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bot.errors import OnpremError


class AlreadyRunning(OnpremError):
    """Another process holds the state directory."""


class InstanceLock:
    """One process per state directory: two processes would run the same step twice.

    The kernel drops the lock when the process ends, however it ends.

    Raises:
        AlreadyRunning: Another process holds it; says which.
    """

    def __init__(self, directory: Path) -> None:
        self._file = os.open(
            directory / "onprem.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._file, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise AlreadyRunning(
                f"The state in {directory} is in use by process {owner}",
                hint="Use that process (`onprem` talks to it by itself), or stop it first",
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Gives the directory back."""
        os.close(self._file)
