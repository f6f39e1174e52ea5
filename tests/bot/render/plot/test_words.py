"""A picture in words, for who cannot see it."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from bot.render.plot import Limit, alt, sparkline
from tests.bot.render.plot.samples import chart, line, panel


def test_it_tells_now_least_most_and_trend() -> None:
    rising = line("parse-0", [0.1] * 20 + [1.3] * 30 + [0.82] * 10)
    text = alt(chart(panel([rising], unit="cores")))
    assert text.startswith("CPU of parse, 13:26 to 14:26 UTC.")
    assert "parse-0: now 820 m cores, least 100 m cores, most 1.3 cores at 13:47, rising." in text


def test_a_line_that_stands_still_is_told_shortly() -> None:
    assert "up: now 1, the same all the time." in alt(chart(panel([line("up", [1] * 60)])))


def test_a_crossed_limit_is_told_with_its_moment() -> None:
    limit = Limit(1.0, "too much", "bad")
    lines = [line("a", [0.5] * 50 + [1.5] * 10), line("b", [0.2] * 60)]
    text = alt(chart(panel(lines, limits=(limit,))))
    assert "1 of 2 above the limit 1 (too much) since 14:17." in text
    calm = alt(chart(panel(lines[1:], limits=(limit,))))
    assert "Never above the limit 1 (too much)." in calm
    over = alt(chart(panel([line("a", [1.5] * 50 + [0.5] * 10)], limits=(limit,))))
    assert "Was above the limit 1 (too much), is no more." in over


def test_a_limit_from_below_counts_the_other_way() -> None:
    limit = Limit(10, "full", "bad", below=True)
    text = alt(chart(panel([line("/data", [30] * 30 + [5] * 30)], unit="percent", limits=(limit,))))
    assert "below the limit 10 % (full) since 13:57." in text


def test_no_data_is_not_zero() -> None:
    limit = Limit(1, "x", "bad")
    text = alt(chart(panel([line("a", [math.nan] * 9)], limits=(limit,), note="needs X")))
    assert "no data." in text
    assert "needs X." in text
    assert "Never" not in text


def test_a_line_that_ended_says_when() -> None:
    ended = line("pod-1", [2.0] * 60)
    ended = type(ended)("pod-1", ended.times[:30], ended.values[:30])
    assert "pod-1: last 2 at 13:56" in alt(chart(panel([ended])))


def test_infinite_values_are_owned_up_to() -> None:
    assert "Infinite values are left out." in alt(chart(panel([line("a", [1, math.inf, 2])])))


def test_many_lines_are_summed_up_and_many_panels_fit() -> None:
    lines = [line(f"pod-{n}", [n] * 5) for n in range(50)]
    text = alt(chart(panel(lines)))
    assert text.index("pod-49") < text.index("pod-48") < text.index("47 more: 0 to 46.")
    crowd = alt(chart(*(panel(lines, title=f"panel {n} " + "x" * 80) for n in range(20))))
    assert len(crowd) <= 1000
    assert crowd.endswith("…")


def test_of_six_panels_each_tells_its_foremost_line_and_crossed_limits() -> None:
    limits = (Limit(1.0, "busy", "warn"), Limit(9.0, "full", "bad"))
    lines = [line("node-1.example.com", [0.5, 2]), line("node-2.example.com", [0.1, 0.2])]
    text = alt(chart(*(panel(lines, title=f"Part {n}", limits=limits) for n in range(6))))
    for n in range(6):
        assert f"Part {n}: node-1.example.com: now 2" in text
    assert text.count("1 more: 0.1 to 0.2.") == 6
    assert text.count("above the limit 1 (busy)") == 6
    assert "full" not in text
    assert not text.endswith("…")


def test_words_from_outside_stay_one_line_of_text() -> None:
    text = alt(chart(panel([line("a\nb\x1b[31m\u202e", [1])]), title="<!channel>\n\x00x"))
    assert "\n" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_sparkline_shows_rise_gap_and_peak() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([0, math.nan, 7], 8) == "▁ █"
    assert sparkline([0, 0, 0], 8) == "▁▁▁"
    assert sparkline([5, 5], 8) == "██"
    assert sparkline([0] * 500 + [9] + [0] * 499, 10).count("█") == 1
    assert sparkline([], 8) == sparkline([1], 0) == ""
    assert sparkline([math.nan, math.inf], 8) == "  "
    assert sparkline([1.7e308, -1.7e308], 8) == "█▁"
    assert sparkline([5e-324, 0], 8) == "▁▁"


@given(st.lists(st.floats(), max_size=200), st.integers(0, 90))
def test_a_sparkline_is_never_wider_than_asked(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) <= width
