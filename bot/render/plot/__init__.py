"""Pictures of numbers: what can be drawn, who draws it, and the same numbers in words.

matplotlib is loaded only by `worker`, which runs in a process of its own.
"""

from bot.render.plot.artist import Artist
from bot.render.plot.pictures import Bar, Bars, Chart, Limit, Line, Mark, MarkKind, Panel, Picture
from bot.render.plot.units import amount
from bot.render.plot.words import alt, sparkline

__all__ = [
    "Artist",
    "Bar",
    "Bars",
    "Chart",
    "Limit",
    "Line",
    "Mark",
    "MarkKind",
    "Panel",
    "Picture",
    "alt",
    "amount",
    "sparkline",
]
