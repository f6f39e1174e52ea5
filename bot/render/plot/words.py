"""The same numbers in words, for who cannot see the picture, and in one line for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from bot.render.plot.pictures import Chart


def alt(chart: Chart) -> str:
    """A chart in words: now, least, most and trend of its lines, and which limit was crossed."""
    raise NotImplementedError


def sparkline(values: Sequence[float], width: int) -> str:
    """Numbers as one line of blocks; a gap is a space."""
    raise NotImplementedError
