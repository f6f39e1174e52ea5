"""`python -m bot.render.plot.worker`: the process that draws, one picture after the other.

Reads frames from standard input and writes one answer for each; the first answer, before any frame,
is empty and says that it is ready. It ends when its input does, so it cannot outlive the bot,
however that one ends.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import warnings
from typing import IO

from bot.render.plot import bars, charts
from bot.render.plot.frames import FAILED, LENGTH, PNG, unpack
from bot.render.plot.pictures import Bar, Bars, Chart, Line, Panel, Picture

PATIENCE = 30
"""Seconds for one picture, after which nobody waits for it any more."""
NICER = 5
"""Whoever waits for an acknowledgement comes first."""


def main() -> None:
    """Draws until the input ends."""
    source, target = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing but pictures goes there
    with contextlib.suppress(OSError):
        os.nice(NICER)
    warnings.simplefilter("ignore")
    rehearse()
    gc.freeze()
    _answer(target, b"")
    while (body := _frame(source)) is not None:
        signal.alarm(PATIENCE)  # ends the process even inside of C
        _answer(target, _drawn(body))
        signal.alarm(0)


def render(picture: Picture) -> bytes:
    """Draws here and now."""
    return bars.render(picture) if isinstance(picture, Bars) else charts.render(picture)


def rehearse() -> None:
    """Loads what drawing needs, by drawing."""
    line = Line("a", (0.0, 60.0), (0.0, 1.0))
    render(Chart("a", "", (Panel("", "count", (line,)),), 0, 60_000_000))
    render(Bars("a", "b", "c", (Bar("d", 0.5, "e"),)))


def _drawn(body: bytes) -> bytes:
    try:
        return PNG + render(unpack(body))
    except Exception as error:
        return FAILED + f"{type(error).__name__}: {error}".encode(errors="replace")


def _frame(source: IO[bytes]) -> bytes | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    body = source.read(size)
    return body if len(body) == size else None


def _answer(target: IO[bytes], answer: bytes) -> None:
    target.write(LENGTH.pack(len(answer)) + answer)
    target.flush()


if __name__ == "__main__":
    main()
