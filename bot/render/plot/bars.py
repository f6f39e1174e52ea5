"""Pictures of numbers, drawn by matplotlib in a process of its own: the loop must not wait for it.

`python -m bot.render.plot.bars` reads a picture as JSON and writes a PNG. Colours are those of
Okabe and Ito, which colour-blind people can tell apart; what they say is written as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bot.render.document import Tone
from bot.render.plot.pictures import Bar, Bars

SECONDS = 20.0
"""For one picture; the first one on a host also has to look for fonts."""
MOST = 40
"""Bars in one picture."""

_COLOURS: Mapping[Tone, str] = {
    "good": "#009e73",
    "warn": "#e69f00",
    "bad": "#d55e00",
    "plain": "#999999",
}
_BARS = {"good": "", "warn": "//", "bad": "xx", "plain": ".."}
"""Patterns, so that a print without colours tells the same."""


async def draw(picture: Bars) -> bytes | None:
    """The picture as PNG; None when it could not be drawn in time."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.render.plot.bars",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(SECONDS):
            png, _ = await process.communicate(json.dumps(asdict(picture)).encode())
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return png if process.returncode == 0 and png else None


def render(picture: Bars) -> bytes:
    """Draws here and now."""
    import matplotlib

    matplotlib.use("agg")
    # Text from outside is text: without this, dollar signs would be formulas.
    matplotlib.rcParams["text.parse_math"] = False
    matplotlib.rcParams["hatch.linewidth"] = 0.6
    from matplotlib.figure import Figure

    bars = picture.bars[:MOST]
    figure = Figure(figsize=(9.6, 1.5 + 0.52 * max(len(bars), 1)), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    _bars(axes, bars)
    axes.axvline(1.0, color="#444444", linewidth=1.2, linestyle="--")
    axes.annotate(
        picture.limit,
        (1.0, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        color="#444444",
    )
    axes.set_xlabel(picture.axis, fontsize=8.5, loc="left")
    axes.set_title(picture.title, fontsize=12, loc="left", pad=20)
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _bars(axes: Any, bars: Sequence[Bar]) -> None:
    """Each bar with its text, the first at the top; what is beyond the scale is cut there."""
    scale, least = 2.0, 0.01
    for place, bar in enumerate(bars):
        shown = 0.0 if bar.share is None else min(max(bar.share, least), scale)
        axes.barh(
            place,
            shown,
            height=0.6,
            color=_COLOURS[bar.tone],
            hatch=_BARS[bar.tone],
            edgecolor="white",
            linewidth=0,
        )
        axes.text(scale + 0.04, place, bar.text, va="center", fontsize=8.5)
        if bar.share is None:
            axes.text(0.02, place, bar.absent, va="center", fontsize=8.5, color="#444444")
        elif bar.share > scale:
            axes.text(scale - 0.02, place, "▸", va="center", ha="right", color="white")
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars], fontsize=9.5)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlim(0, scale)
    axes.set_xticks([0, 0.5, 1.0, 1.5, 2.0], ["0 %", "50 %", "100 %", "150 %", "200 %"], fontsize=8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)


def main() -> None:
    """Reads a picture from standard input, writes its PNG."""
    body = json.load(sys.stdin)
    bars = tuple(Bar(**bar) for bar in body["bars"])
    sys.stdout.buffer.write(render(Bars(body["title"], body["axis"], body["limit"], bars)))


if __name__ == "__main__":
    main()
