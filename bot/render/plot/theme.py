"""How pictures look: colours, dashes, sizes in pixels of a picture that is 1200 wide.

The lines' colours are those of Okabe and Ito (2008), which colour-blind people can tell apart; the
yellow is darkened, or it would vanish on white. Each has its dashes too, for a print without
colours. Words are large: a phone shows the picture at a third of its size.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.render.document import Tone
from bot.render.plot.pictures import MarkKind

WIDTH = 1200
HEIGHT = 600

PAPER = "#ffffff"
INK = "#17202a"
QUIET = "#566270"
FRAME = "#98a3ae"
GRID = "#e3e7eb"
FAINT = "#b9c0c8"
"""Lines beyond those that have a label."""

LINES: tuple[str, ...] = (
    "#0072b2",  # blue
    "#d55e00",  # vermilion
    "#009e73",  # green
    "#cc79a7",  # purple
    "#e69f00",  # orange
    "#56b4e9",  # sky
    "#3b3b3b",  # black
    "#a89a00",  # yellow
)
DASHES: tuple[tuple[float, ...], ...] = ((), (12, 4), (4, 3), (14, 4, 4, 4))
TONES: Mapping[Tone, str] = {
    "good": "#007a58",
    "warn": "#b26a00",
    "bad": "#b3261e",
    "plain": "#566270",
}
MARKS: Mapping[MarkKind, str] = {
    "deploy": "#4b2e83",
    "rollback": "#4b2e83",
    "scale": "#4b2e83",
    "restart": "#4b2e83",
    "restore": "#00695c",
    "drill": "#00695c",
    "outside": "#8a4b00",
    "alert": "#b3261e",
}
SHADES: Mapping[Tone, str] = {"warn": "#ffedcc", "bad": "#fbd9d5"}
"""Behind what is beyond a limit."""

TITLE, HEADING, TEXT, SMALL = 32, 23, 21, 18
STROKE, FINE = 2.6, 1.2
EDGE = 28
"""Free space around the picture."""
