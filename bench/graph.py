"""What a picture costs: processor time from data to PNG, its size, the wait for a cold first one.

Ten series of a day, a point each minute, every picture other data. The artist as the bot has it:
the figures are the processor time of the drawing process and of the bot's own side together. Beside
it the same data through matplotlib as its documentation shows it (`Figure`, axes, a legend), in
this process and warm. The loop is watched: by how much it was late meanwhile.

    python -m bench.graph [--runs 40]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench import rig
from bot.render.plot import Artist, Chart, Limit, Line, Mark, Panel

CPU, BYTES, COLD = 0.150, 100_000, 2.0
"""The promises: seconds, bytes, seconds."""
SERIES, POINTS, STEP = 10, 1440, 60.0
END = 1_795_444_000
BEAT = 0.001


def main() -> int:
    """Measures and prints; 1 when a promise is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=40)
    runs = options.parse_args().runs
    print(rig.machine(), f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        kept = asyncio.run(_measured(Path(folder), runs))
    _plain(runs)
    print("all kept" if kept else "missed")
    return 0 if kept else 1


async def _measured(folder: Path, runs: int) -> bool:
    unknown = await _first(folder)
    cold = [await _first(folder) for _ in range(5)]
    print(f"first picture of a host       {unknown:.2f} s, its fonts looked for")
    print(f"first picture of a process    {rig.summary(cold)}  (promised {COLD:g})")
    artist = Artist(folder)
    try:
        for seed in range(5):
            await artist.draw(picture(seed))
        took, ours, sizes = [], [], []
        async with _stall() as stall:
            for seed in range(100, 100 + runs):
                chart = picture(seed)
                before = _cpu(artist), time.process_time()
                png = await artist.draw(chart)
                after = _cpu(artist), time.process_time()
                assert png is not None
                took.append(after[0] - before[0] + after[1] - before[1])
                ours.append(after[1] - before[1])
                sizes.append(len(png))
        assert artist.pid is not None
        memory = rig.rss(artist.pid)
    finally:
        await artist.close()
    print(f"processor time, data to PNG   {_milliseconds(took)}  (promised {CPU * 1000:g})")
    print(f"of which in the bot itself    {_milliseconds(ours)}")
    most = max(sizes)
    print(f"size of the PNG               most {most / 1000:.0f} kB  (promised {BYTES / 1000:g})")
    print(f"the loop was late by at most  {max(stall) * 1000:.1f} ms")
    print(f"the drawing process takes     {memory:.0f} MB")
    return statistics.median(took) <= CPU and most <= BYTES and max(cold) <= COLD


async def _first(folder: Path) -> float:
    artist = Artist(folder)
    started = time.perf_counter()
    try:
        assert await artist.draw(picture(1)) is not None
        return time.perf_counter() - started
    finally:
        await artist.close()


def picture(seed: int) -> Chart:
    """A day of an app's pods, with a limit and what changed."""
    chance = random.Random(seed)
    times = tuple(END - STEP * (POINTS - 1 - n) for n in range(POINTS))
    lines = []
    for number in range(SERIES):
        value, values = 100.0 * (number + 1), []
        for _ in range(POINTS):
            value = max(0.0, value + chance.gauss(0, 6))
            values.append(value * 2**20)
        lines.append(
            Line(f"parse-server-7d9f8c6b5-{chance.randrange(16**5):05x}", times, tuple(values))
        )
    panel = Panel("", "bytes", tuple(lines), (Limit(2**30, "limit", "bad"),), STEP)
    marks = tuple(
        Mark(int((END - hours * 3600) * 1e6), f"deploy 7.{hours}", "deploy") for hours in (3, 9, 20)
    )
    day = (END - 86400) * 1_000_000, END * 1_000_000
    return Chart("Memory of parse", "main, last 24 h", (panel,), *day, marks, "Europe/Berlin")


def _cpu(artist: Artist) -> float:
    """Seconds of processor time that the drawing process has had, exact to the microsecond."""
    return int(Path(f"/proc/{artist.pid}/schedstat").read_text().split()[0]) / 1e9


@contextlib.asynccontextmanager
async def _stall() -> AsyncIterator[list[float]]:
    """Notes by how much the loop is late."""
    late = [0.0]

    async def beat() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(BEAT)
            late.append(time.perf_counter() - before - BEAT)

    beating = asyncio.create_task(beat())
    try:
        yield late
    finally:
        beating.cancel()


def _plain(runs: int) -> None:
    """The same data as matplotlib's documentation has it."""
    from matplotlib.figure import Figure

    took, sizes = [], []
    for seed in range(100, 103 + runs // 4):
        chart = replace(picture(seed), marks=())
        before = time.process_time()
        figure = Figure(figsize=(12, 6), dpi=100, layout="constrained")
        axes = figure.add_subplot()
        (panel,) = chart.panels
        for line in panel.lines:
            moments = [datetime.fromtimestamp(moment, UTC) for moment in line.times]
            axes.plot(moments, line.values, label=line.label)  # type: ignore[arg-type]
        axes.axhline(panel.limits[0].value)
        axes.set_title(chart.title)
        axes.grid(visible=True)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        target = io.BytesIO()
        figure.savefig(target, format="png")
        took.append(time.process_time() - before)
        sizes.append(len(target.getvalue()))
    print(f"plain matplotlib, warm        {_milliseconds(took[2:])}, {max(sizes) / 1000:.0f} kB")


def _milliseconds(seconds: list[float]) -> str:
    ordered = [value * 1000 for value in seconds]
    middle, high = statistics.median(ordered), rig.percentile(ordered, 0.95)
    return f"median {middle:4.0f} ms  p95 {high:4.0f}  most {max(ordered):4.0f}"


if __name__ == "__main__":
    raise SystemExit(main())
