"""Helm processes that outlived the bot: finding, watching and ending them, by ``/proc``.

A pid alone says nothing (they are reused); a pid with its start time names one process for as
long as the machine runs. Between the start of helm and the stored pid lies a gap, so helm's
environment carries the operation's id too.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "ONPREM_OPERATION"
"""Environment variable that carries the operation's id."""
_PROC = Path("/proc")
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Process:
    """One process for good: its pid and when it started (clock ticks since boot)."""

    pid: int
    start_time: int


def start_time(pid: int) -> int | None:
    """Clock ticks since boot at which the process started; None when it is gone or a zombie.

    Source: field 22 of ``/proc/<pid>/stat``, see proc(5).
    """
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def alive(pid: int, started: int) -> bool:
    """Whether that very process still runs."""
    return start_time(pid) == started


def find_by_operation(operation: str) -> list[Process]:
    """Processes of ours whose environment carries this operation's id, oldest first."""
    wanted = f"{VARIABLE}={operation}".encode()
    found = []
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environ = (entry / "environ").read_bytes()
        except OSError:
            continue
        started = start_time(int(entry.name)) if wanted in environ.split(b"\0") else None
        if started is not None:
            found.append(Process(int(entry.name), started))
    return sorted(found, key=lambda process: process.start_time)


async def wait_gone(process: Process, timeout: float) -> bool:
    """Wait until the process has ended; False when it still runs after ``timeout`` seconds.

    It is nobody's child any more, so its end can only be polled (20 times a second).
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while alive(process.pid, process.start_time):
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(_POLL)
    return True


async def terminate(process: Process, grace: float) -> bool:
    """End the whole process group: SIGTERM, after ``grace`` seconds SIGKILL.

    Returns:
        True when helm ended by itself within the grace (it then marks the release failed).
    """
    if not alive(process.pid, process.start_time):
        return True
    signal_group(process.pid, signal.SIGTERM)
    if await wait_gone(process, grace):
        signal_group(process.pid, signal.SIGKILL)  # what helm may have left behind in its group
        return True
    signal_group(process.pid, signal.SIGKILL)
    await wait_gone(process, grace)
    return False


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to a whole process group; one that is gone is fine."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return
