"""What reaches the drawing process is what was sent."""

from __future__ import annotations

import math

import pytest

from bot.render.plot import Bar, Bars, Limit, Line, Mark
from bot.render.plot.frames import LENGTH, pack, unpack
from tests.bot.render.plot.samples import chart, line, panel


def sent(picture: object) -> object:
    frame = pack(picture)  # type: ignore[arg-type]
    assert LENGTH.unpack(frame[:4])[0] == len(frame) - 4
    return unpack(frame[4:])


def test_a_chart_arrives_as_it_was() -> None:
    limit, mark = Limit(1.0, "l", "warn", below=True), Mark(5, "😀", "outside")
    lines = [line("a", [1.0, 2.5, math.inf], tone="bad"), line("漢", [])]
    more = {"limits": (limit,), "step": 15.0, "zero": False, "most": 9.0, "note": "n"}
    whole = chart(panel(lines, **more), panel([]), marks=(mark,), timezone="Asia/Tokyo")
    assert sent(whole) == whole


def test_gaps_arrive_as_gaps() -> None:
    arrived = sent(chart(panel([line("a", [math.nan, 1.0])])))
    assert math.isnan(arrived.panels[0].lines[0].values[0])  # type: ignore[attr-defined]


def test_bars_arrive_as_they_were() -> None:
    bars = Bars("t", "a", "l", (Bar("x", None, "y", "good", "z"), Bar("b", 0.5, "c")))
    assert sent(bars) == bars


def test_a_line_with_a_time_too_many_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="2 times, 1 values"):
        pack(chart(panel([Line("a", (1.0, 2.0), (1.0,))])))
