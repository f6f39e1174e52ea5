"""One server process: started, awaited, paused, killed, and never left behind.

Three things end a server: its own ``stop``, the kernel when the process that started it dies
(Linux), and the next run, which reads from ``Ledger`` what an earlier one left.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

# Becomes the server after asking the kernel (prctl(2), PR_SET_PDEATHSIG) to be killed when the
# thread that started it ends; labs are started from the main thread.
_GUARD = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""

LOOK_AGAIN = 0.05
"""Seconds between two questions whether a server is ready."""


class ServerFailed(Exception):
    """A server ended, or did not get ready in time; the message has the end of its log."""


PORTS = range(12_000, 32_000)
"""Below those that the system gives away: one of its own would be taken by any connection that
somebody opens before the server listens (ip(7), ip_local_port_range)."""


def free_port() -> int:
    """Find a port on the loopback address that nobody uses, and that nobody is given by chance."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


class Ledger:
    """The processes of all running labs under one folder, with a file for each ledger.

    A process is known by id *and* start time, so that an id that was given away again is
    never signalled.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file = folder / f"{os.getpid()}-{secrets.token_hex(4)}.json"
        self._mine: dict[int, int] = {}

    def reap(self) -> list[int]:
        """End what starters that died left running; returns the process ids."""
        ended = []
        for file in self._folder.glob("*.json"):
            try:
                noted = json.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            owner, since = noted["owner"]
            if started_at(owner) == since:
                continue
            for pid, start in noted["servers"]:
                if started_at(pid) == start:
                    os.kill(pid, signal.SIGKILL)
                    ended.append(pid)
            file.unlink(missing_ok=True)
        return ended

    def add(self, pid: int) -> None:
        """Note a process that was just started."""
        start = started_at(pid)
        if start is not None:
            self._mine[pid] = start
            self._write()

    def drop(self, pid: int) -> None:
        """Forget a process that ended."""
        self._mine.pop(pid, None)
        self._write()

    def _write(self) -> None:
        if not self._mine:
            self._file.unlink(missing_ok=True)
            return
        owner = os.getpid()
        noted = {"owner": [owner, started_at(owner)], "servers": list(self._mine.items())}
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(noted), encoding="utf-8")
        fresh.replace(self._file)


def started_at(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None: there is none (proc(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


class Process:
    """A server with its command line and log; it may be started again after it ended."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        ledger: Ledger,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = [str(word) for word in command]
        self._ledger = ledger
        self._environment = environment
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the running process.

        Raises:
            ServerFailed: It does not run.
        """
        if self._running is None or self._running.poll() is not None:
            raise ServerFailed(self._why(f"{self.name} does not run"))
        return self._running.pid

    def start(self) -> None:
        """Start it without waiting, unless it runs; its output is appended to the log."""
        if self._running is not None and self._running.poll() is None:
            return
        environment = {
            "PATH": os.defpath,
            "HOME": str(self.log.parent),
            "TMPDIR": tempfile.gettempdir(),
        }
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [sys.executable, "-ISc", _GUARD, str(os.getpid()), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.log.parent,
                env={**environment, **(self._environment or {})},
                process_group=0,
            )
        self._ledger.add(self._running.pid)

    def wait_until(self, ready: Callable[[], bool], timeout: float = 60.0) -> None:
        """Wait until ``ready`` says so; an ``OSError`` of it means not yet.

        Raises:
            ServerFailed: The process ended, or ``timeout`` seconds passed.
        """
        end = time.monotonic() + timeout
        while True:
            _ = self.pid
            with suppress(OSError):
                if ready():
                    return
            if time.monotonic() > end:
                raise ServerFailed(self._why(f"{self.name} was not ready after {timeout:.0f} s"))
            time.sleep(LOOK_AGAIN)

    def pause(self) -> None:
        """Freeze it: it keeps its connections and answers nobody."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after ``pause``."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self, grace: float = 5.0) -> None:
        """Ask it to end; after ``grace`` seconds it is killed. Fine when it ended already."""
        self._end(signal.SIGTERM, grace)

    def _end(self, number: signal.Signals, grace: float = 10.0) -> None:
        process = self._running
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(grace)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._ledger.drop(process.pid)
        self._running = None

    def _why(self, what: str) -> str:
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        tail = "\n".join(line[:400] for line in lines[-20:])
        return f"{what}. The end of {self.log}:\n{tail}"
