"""Bars against a limit, from text that stays text."""

from __future__ import annotations

import io

from PIL import Image

from bot.render.plot import Bar, Bars
from bot.render.plot.bars import MOST, render


def bars(count: int) -> Bars:
    tones = ("good", "warn", "bad", "plain")
    made = (Bar(f"app {n}", n / 4, "$x_{y$", tones[n % 4]) for n in range(count))  # type: ignore[arg-type]
    return Bars("Recovery: $\\frac{1}{2}$", "age", "wanted", tuple(made))


def drawn(share: float | None, text: str = "") -> bytes:
    return render(Bars("t", "a", "l", (Bar("x", share, text, "good"),)))


def test_it_grows_with_its_bars_up_to_a_limit() -> None:
    sizes = [
        Image.open(io.BytesIO(render(bars(count)))).size for count in (0, 1, 5, MOST, MOST + 9)
    ]
    heights = [height for _, height in sizes]
    assert {width for width, _ in sizes} == {1200}
    assert heights == sorted(heights)
    assert heights[-1] == heights[-2]


def test_a_bar_that_has_just_begun_can_be_seen() -> None:
    assert drawn(0.0001) == drawn(0.01) != drawn(0.1)


def test_what_is_unknown_is_no_empty_bar() -> None:
    assert drawn(None) != drawn(0.0)


def test_a_bar_beyond_the_axis_is_marked() -> None:
    assert drawn(2.0) != drawn(2.1) == drawn(900.0)


def test_long_words_leave_room_for_the_bars() -> None:
    assert drawn(0.5, "word " * 200) != drawn(0.9, "word " * 200)
