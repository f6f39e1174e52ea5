"""The bot as a process of its own, exactly as somebody would run it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
END_SECONDS = 5.0
READY = b"ready\n"


class BotFailed(Exception):
    """The bot ended, or was not ready in time; the message ends with what it wrote."""


class BotProcess:
    """`onprem --config FILE run`; make it with `running`.

    Attributes:
        log: What it writes, line by line.
        ended: Is set when the process ends, whoever ended it.
    """

    def __init__(self, process: Process, log: Path) -> None:
        self._process, self.log = process, log
        self._ready = asyncio.Event()
        self.ended = asyncio.Event()
        self._task = asyncio.create_task(self._follow())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def wait_ready(self) -> None:
        """Waits until it serves.

        Raises:
            BotFailed: It ended instead, or took too long.
        """
        waits = [asyncio.create_task(e.wait()) for e in (self._ready, self.ended)]
        try:
            await asyncio.wait(waits, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not self._ready.is_set():
            what = "ended at its start" if self.ended.is_set() else "was not ready in time"
            lines = self.log.read_text(errors="replace").splitlines()[-15:]
            raise BotFailed("\n  ".join([f"The bot {what}. It wrote:", *lines]))

    async def stop(self) -> None:
        """Ends it as systemd would, and what it leaves behind if it does not go in time."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_SECONDS):
                await self.ended.wait()
        except TimeoutError:
            # The world is thrown away with all that runs in it, so nothing is lost by this.
            for pid in (*children(self.pid), self.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        await self._task

    async def _follow(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it was started with a pipe
        with self.log.open("wb") as log:
            async for line in self._process.stderr:
                log.write(line)
                log.flush()
                if line == READY:
                    self._ready.set()
        await self._process.wait()
        self.ended.set()


@asynccontextmanager
async def running(config: Path, log: Path) -> AsyncIterator[BotProcess]:
    """Starts the bot and waits until it serves; ends it with the block.

    Raises:
        BotFailed: As `BotProcess.wait_ready`.
    """
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("ONPREM_", "COVERAGE_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.cli",
        "--config",
        str(config),
        "run",
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        cwd=ROOT,
        env=environ,
        start_new_session=True,  # Ctrl-C is for us; we tell the bot
    )
    bot = BotProcess(process, log)
    try:
        await bot.wait_ready()
        yield bot
    finally:
        await bot.stop()


def children(pid: int) -> list[int]:
    """The processes that a process started, and theirs, as Linux tells them; the deepest first."""
    found: list[int] = []
    for tasks in Path("/proc").glob(f"{pid}/task/*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, tasks.read_text().split()):
                found += [*children(child), child]
    return found
