"""A white sheet in pixels, from its upper left corner: shapes by matplotlib, words by Pillow.

matplotlib needs 2.5 ms of processor time for each word it sets, Pillow 0.2 ms; a chart has forty.
Nor does Pillow see formulas in text from outside, or warn of a sign that its font lacks.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon, Rectangle
from matplotlib.transforms import Affine2D, Bbox, TransformedBbox
from PIL import Image, ImageDraw, ImageFont

from bot.render.plot import theme
from bot.render.text import clean

COLOURS = 128
"""In the file: half the bytes of full colour, and no difference to be seen."""
COMPRESSION = 6
_DPI = 72
"""Makes a point a pixel."""
_HALO = 3
_LONGEST = 300
"""Characters of one text that are looked at."""

Align = Literal["left", "middle", "right"]


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the sheet."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is set."""

    size: int = theme.TEXT
    colour: str = theme.INK
    bold: bool = False
    halo: bool = False


class Canvas:
    """Collects shapes and words; words lie above all shapes."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        self._down = Affine2D().scale(1, -1).translate(0, height)
        self._words: list[tuple[float, float, str, Style, Align]] = []

    def line(
        self,
        xs: Any,
        ys: Any,
        colour: str,
        width: float = 1.0,
        *,
        dash: Sequence[float] = (),
        clip: Box | None = None,
        alpha: float = 1.0,
        dots: bool = False,
    ) -> None:
        """A line through points; NaN interrupts it.

        Args:
            xs: Pixels from the left.
            ys: Pixels from the top.
            colour: `#rrggbb`.
            width: Pixels.
            dash: Pixels on, off, on, off.
            clip: Nothing is drawn outside.
            alpha: 1.0 covers what lies below.
            dots: Only the points themselves.
        """
        drawn = Line2D(
            *(xs, ys),
            color=colour,
            linewidth=0 if dots else width,
            marker="o" if dots else "",
            markersize=width * 2,
            markeredgewidth=0,
            alpha=alpha,
            solid_joinstyle="round",
            solid_capstyle="butt",
            transform=self._down,
        )
        if dash:
            # matplotlib counts in widths of the line.
            drawn.set_linestyle((0, [part / width for part in dash]))
        self._add(drawn, clip)

    def box(self, box: Box, colour: str, *, alpha: float = 1.0, hatch: str = "") -> None:
        """A filled rectangle, with white lines over it where a hatch is given."""
        drawn = Rectangle(
            (box.left, box.top),
            *(box.width, box.height),
            facecolor=colour,
            edgecolor=theme.PAPER,
            linewidth=0,
            alpha=alpha,
            hatch=hatch or None,
            transform=self._down,
        )
        self._add(drawn, None)

    def tip(self, x: float, y: float, size: float, colour: str) -> None:
        """A small triangle that points down at a place."""
        corners = ((x - size, y - size), (x + size, y - size), (x, y + size * 0.6))
        drawn = Polygon(corners, facecolor=colour, linewidth=0, transform=self._down)
        self._add(drawn, None)

    def _add(self, drawn: Line2D | Patch, clip: Box | None) -> None:
        self._figure.add_artist(drawn)
        if clip is not None:
            around = Bbox.from_extents(clip.left, clip.top, clip.right, clip.bottom)
            drawn.set_clip_box(TransformedBbox(around, self._down))

    def text(self, x: float, y: float, text: str, style: Style, align: Align = "left") -> None:
        """A line of text; `y` is its middle."""
        self._words.append((x, y, shown(text), style, align))

    def png(self) -> bytes:
        """The sheet as a file."""
        drawn: Any = FigureCanvasAgg(self._figure)
        drawn.draw()
        pixels = Image.frombuffer("RGBA", self._size, drawn.buffer_rgba(), "raw", "RGBA", 0, 1)
        image = pixels.convert("RGB")
        pen = ImageDraw.Draw(image)
        for x, y, text, style, align in self._words:
            pen.text(
                (x, y),
                text,
                fill=style.colour,
                font=_font(style.size, style.bold),
                anchor={"left": "lm", "middle": "mm", "right": "rm"}[align],
                stroke_width=_HALO if style.halo else 0,
                stroke_fill=theme.PAPER,
            )
        few = image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        target = io.BytesIO()
        few.save(target, "png", compress_level=COMPRESSION)
        return target.getvalue()


def shown(text: str) -> str:
    """Outside text in one line, without control characters."""
    return clean(text[: _LONGEST * 2], breaks=False)[:_LONGEST]


def length(text: str, style: Style) -> float:
    """Pixels that a text takes."""
    return float(_font(style.size, style.bold).getlength(shown(text)))


def fitted(text: str, style: Style, width: float, *, head: float = 1.0) -> str:
    """The text, shortened by an ellipsis to that many pixels.

    Args:
        text: Anything.
        style: How it will be set.
        width: Pixels.
        head: How much of what stays is taken from its beginning; the rest is its end.
    """
    text = shown(text)
    if not text or length(text, style) <= width:
        return text
    kept = int(len(text) * width / length(text, style)) + 2
    while kept > 0:
        first = round(kept * head)
        short = f"{text[:first]}…{text[len(text) - (kept - first) :]}"
        if length(short, style) <= width:
            return short
        kept -= 1
    return "…"


def wrapped(text: str, style: Style, width: float, most: int = 2) -> list[str]:
    """The text in lines of that many pixels; what does not fit into the last one is cut."""
    rows: list[str] = []
    words = shown(text).split(" ")
    while words:
        count = len(words)
        while count > 1 and length(" ".join(words[:count]), style) > width:
            count -= 1
        if len(rows) == most - 1:
            count = len(words)
        rows.append(fitted(" ".join(words[:count]), style, width))
        words = words[count:]
    return rows


@functools.cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(mpl.get_data_path(), "fonts", "ttf", name), size)
