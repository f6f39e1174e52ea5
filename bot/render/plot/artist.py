"""Who draws: one warm process, started when it is first needed, replaced when it dies or hangs."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import structlog

import bot
from bot.render.plot.frames import LENGTH, PNG, pack
from bot.render.plot.pictures import Picture

log = structlog.get_logger(__name__)

SECONDS = 5.0
"""For one picture; a process that needs longer is ended."""
START_SECONDS = 30.0
"""Until a new process is ready; on a host that it does not know it has to look for fonts."""
PICTURES = 500
"""What one process draws before a fresh one takes its place."""
KEPT_SECONDS = 30.0
KEPT = 64
WAITING = 32
"""Pictures that may wait for their turn; more would come too late for whoever asks."""
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZDIR")


class Artist:
    """Draws pictures in a process of its own, one at a time.

    The same picture, asked for by several or again within `KEPT_SECONDS`, is drawn once.

    Args:
        folder: Where the process keeps what it has learned of the fonts.
        seconds: For one picture.
        pictures: What one process draws.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seconds: float = SECONDS,
        pictures: int = PICTURES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._seconds, self._pictures, self._clock = folder, seconds, pictures, clock
        self._turn = asyncio.Lock()
        self._worker: _Worker | None = None
        self._kept: dict[bytes, tuple[float, bytes]] = {}
        self._under_way: dict[bytes, asyncio.Task[bytes | None]] = {}
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process that draws, if there is one."""
        return self._worker.pid if self._worker and self._worker.alive else None

    async def warm(self) -> None:
        """Starts the process, so that the first picture comes at once."""
        async with self._turn:
            await self._hired()

    async def draw(self, picture: Picture) -> bytes | None:
        """The picture as PNG; None when it could not be drawn in time."""
        # In a thread, because many numbers take longer than others should have to wait.
        frame = await asyncio.to_thread(pack, picture)
        key = hashlib.sha256(frame).digest()
        kept = self._kept.get(key)
        if kept is not None and self._clock() - kept[0] < KEPT_SECONDS:
            return kept[1]
        drawing = self._under_way.get(key)
        if drawing is None:
            if len(self._under_way) >= WAITING:
                log.warning("not drawn: too many pictures wait", waiting=WAITING)
                return None
            drawing = asyncio.create_task(self._drawn(key, frame), name="draw")
            self._under_way[key] = drawing
        return await asyncio.shield(drawing)  # others may wait for the same one

    async def close(self) -> None:
        """Ends the process; who still waits gets no picture."""
        self._closed = True
        await self._dismiss()
        await asyncio.gather(*self._under_way.values())
        async with self._turn:
            await self._dismiss()

    async def _drawn(self, key: bytes, frame: bytes) -> bytes | None:
        try:
            async with self._turn:
                png = await self._asked(frame)
        finally:
            del self._under_way[key]
        if png is not None:
            self._keep(key, png)
        return png

    async def _asked(self, frame: bytes) -> bytes | None:
        """One picture from a process that works: one that died is replaced once."""
        for _ in range(2):
            worker = await self._hired()
            if worker is None:
                return None
            try:
                async with asyncio.timeout(self._seconds):
                    return await worker.draw(frame)
            except TimeoutError:
                log.error("the drawing process hung", pid=worker.pid, seconds=self._seconds)
                await self._dismiss()
                await self._hire()  # gets ready while nobody waits
                return None
            except (EOFError, OSError):
                await self._dismiss()
                if not self._closed:
                    log.warning("the drawing process died", pid=worker.pid)
        return None

    async def _hired(self) -> _Worker | None:
        """A process that is ready; None when none can be had."""
        if self._worker is not None and self._worker.drawn >= self._pictures:
            await self._dismiss()
        try:
            worker = await self._hire()
            if worker is not None:
                async with asyncio.timeout(START_SECONDS):
                    await worker.ready()
        except (TimeoutError, EOFError, OSError) as error:
            if not self._closed:
                log.error("the drawing process does not start", why=type(error).__name__)
            await self._dismiss()
            return None
        return worker

    async def _hire(self) -> _Worker | None:
        """A process that runs, ready or not; None once this is closed."""
        if self._worker is None or not self._worker.alive:
            await self._dismiss()
            self._worker = None if self._closed else await _Worker.started(self._folder)
        if self._closed:
            await self._dismiss()
        return self._worker

    async def _dismiss(self) -> None:
        if self._worker is not None:
            worker, self._worker = self._worker, None
            await worker.end()

    def _keep(self, key: bytes, png: bytes) -> None:
        now = self._clock()
        fresh = {k: v for k, v in self._kept.items() if now - v[0] < KEPT_SECONDS}
        self._kept = dict(list(fresh.items())[1 - KEPT :])
        self._kept[key] = (now, png)


class _Worker:
    """`bot.render.plot.worker`, running."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        ear: asyncio.StreamWriter,
        mouth: asyncio.StreamReader,
    ) -> None:
        self._process, self._ear, self._mouth = process, ear, mouth
        self.drawn = 0
        self._greeted = False

    @classmethod
    async def started(cls, folder: Path) -> _Worker:
        with contextlib.suppress(OSError):  # matplotlib then finds itself a place
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "bot.render.plot.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(folder),
            start_new_session=True,  # Ctrl-C is for the bot, which ends it in its time
        )
        if process.stdin is None or process.stdout is None:
            raise OSError("a process without pipes")
        return cls(process, process.stdin, process.stdout)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ready(self) -> None:
        if not self._greeted:
            await self._answer()
            self._greeted = True

    async def draw(self, frame: bytes) -> bytes | None:
        """One picture; None when it cannot be drawn."""
        self.drawn += 1
        self._ear.write(frame)
        await self._ear.drain()
        answer = await self._answer()
        if answer[:1] == PNG:
            return answer[1:]
        log.error("cannot be drawn", why=answer[1:].decode(errors="replace"))
        return None

    async def _answer(self) -> bytes:
        (size,) = LENGTH.unpack(await self._mouth.readexactly(LENGTH.size))
        return await self._mouth.readexactly(size)

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._ear.close()


def _environment(folder: Path) -> dict[str, str]:
    """What the process needs of ours; the bot's secrets are none of its business."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    paths = [str(Path(bot.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    path = os.pathsep.join(filter(None, paths))
    # Nothing here multiplies matrices, so nobody needs a thread for each processor.
    return passed_on | {
        "MPLCONFIGDIR": str(folder),
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": path,
    }
