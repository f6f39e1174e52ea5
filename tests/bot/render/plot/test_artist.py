"""One warm process draws; it is replaced when it hangs or dies, and ends with the bot."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from bot.render.plot import Artist, Bar, Bars, Chart
from tests.bot.render.plot.samples import chart, line, panel

Hire = Callable[..., Artist]


def numbered(number: int) -> Chart:
    """A picture that differs from the others."""
    return chart(panel([line("a", [number] * 9)]))


def size(png: bytes | None) -> tuple[int, int]:
    assert png is not None
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except FileNotFoundError:
        return True


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


class Seen(tuple[float, ...]):
    """Numbers that know who read them."""

    readers: ClassVar[set[int]] = set()

    def __iter__(self) -> Iterator[float]:
        self.readers.add(threading.get_ident())
        return super().__iter__()


async def test_numbers_are_packed_where_nobody_waits_for_them(hire: Hire) -> None:
    plain = line("a", range(9))
    values = Seen(plain.values)
    size(await hire().draw(chart(panel([replace(plain, values=values)]))))
    assert values.readers
    assert threading.get_ident() not in values.readers


async def test_pictures_come_from_one_process_that_is_not_ours(hire: Hire) -> None:
    artist = hire()
    assert artist.pid is None
    assert size(await artist.draw(numbered(1))) == (1200, 600)
    pid = artist.pid
    assert pid not in (None, os.getpid())
    assert size(await artist.draw(Bars("t", "a", "l", (Bar("x", 0.5, "y"),))))[0] == 1200
    assert artist.pid == pid
    await artist.close()
    assert pid is not None
    assert gone(pid)
    assert await artist.draw(numbered(2)) is None


async def test_the_same_picture_is_drawn_once_for_all_who_wait_and_kept_for_a_while(
    hire: Hire,
) -> None:
    now = [0.0]
    artist = hire(clock=lambda: now[0], pictures=2)
    first, *others = await asyncio.gather(*(artist.draw(numbered(1)) for _ in range(9)))
    pid = artist.pid
    assert all(png is first for png in others)
    now[0] = 29
    assert await artist.draw(numbered(1)) is first
    now[0] = 31
    again = await artist.draw(numbered(1))
    assert again == first
    assert again is not first
    assert artist.pid == pid  # two pictures: both are its own
    assert await artist.draw(numbered(2))
    assert artist.pid != pid  # the third one is drawn by a fresh process


async def test_a_hung_process_is_replaced(hire: Hire) -> None:
    artist = hire(seconds=2.0)
    await artist.warm()
    pid = artist.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    assert await artist.draw(numbered(1)) is None
    assert gone(pid)
    assert artist.pid not in (None, pid)  # gets ready while nobody waits
    assert await artist.draw(numbered(1))


async def test_a_killed_process_is_replaced(hire: Hire) -> None:
    artist = hire()
    await artist.warm()
    pid = artist.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert await artist.draw(numbered(1))
    assert artist.pid not in (None, pid)


async def test_who_stops_waiting_leaves_the_picture_to_the_others(hire: Hire) -> None:
    artist = hire()
    await artist.warm()
    waits, leaves = (asyncio.create_task(artist.draw(numbered(1))) for _ in range(2))
    await until(lambda: any(task.get_name() == "draw" for task in asyncio.all_tasks()))
    leaves.cancel()
    assert await waits


async def test_closing_leaves_nobody_waiting_and_no_process(hire: Hire) -> None:
    artist = hire()
    await artist.warm()
    pid = artist.pid
    waiting = [asyncio.create_task(artist.draw(numbered(n))) for n in range(5)]
    await asyncio.sleep(0)
    await artist.close()
    assert await asyncio.gather(*waiting) == [None] * 5
    assert pid is not None
    assert gone(pid)


async def test_too_many_waiting_pictures_are_refused_at_once(hire: Hire) -> None:
    artist = hire()
    await artist.warm()
    pid = artist.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    waiting = [asyncio.create_task(artist.draw(numbered(n))) for n in range(40)]
    await until(lambda: sum(task.done() for task in waiting) == 8)
    os.kill(pid, signal.SIGCONT)
    drawn = await asyncio.gather(*waiting)
    assert sum(png is not None for png in drawn) == 32


async def test_what_cannot_be_drawn_is_no_picture_and_harms_nobody(hire: Hire) -> None:
    artist = hire()
    assert await artist.draw(Bars("t", "a", "l", (Bar("x", 1.0, "", "no tone"),))) is None  # type: ignore[arg-type]
    pid = artist.pid
    assert await artist.draw(numbered(1))
    assert artist.pid == pid


async def test_the_process_gets_no_secret_of_ours(
    hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONPREM_SLACK__BOT_TOKEN", "xoxb-secret")
    artist = hire()
    await artist.warm()
    seen = Path(f"/proc/{artist.pid}/environ").read_bytes()
    assert b"MPLCONFIGDIR" in seen
    assert b"xoxb-secret" not in seen


BOT = """
import asyncio, sys
from pathlib import Path
from bot.render.plot import Artist
async def main():
    artist = Artist(Path(sys.argv[1]))
    await artist.warm()
    print(artist.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.kill
async def test_it_ends_with_a_killed_bot(fonts: Path) -> None:
    words = [sys.executable, "-c", BOT, str(fonts)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as bot:
        assert bot.stdout is not None
        pid = int(await asyncio.to_thread(bot.stdout.readline))
        assert not gone(pid)
        bot.kill()
    await until(lambda: gone(pid))
