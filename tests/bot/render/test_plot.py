"""Pictures are drawn in a process of their own, from text that stays text."""

from __future__ import annotations

import struct

from bot.render.plot import MOST, Bar, Bars, draw, render


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def bars(count: int) -> Bars:
    tones = ("good", "warn", "bad", "plain")
    made = (Bar(f"app {n}", n / 4, "$x_{y$", tones[n % 4]) for n in range(count))  # type: ignore[arg-type]
    return Bars("Recovery: $\\frac{1}{2}$", "age", "wanted", tuple(made))


async def test_a_picture_is_drawn_elsewhere() -> None:
    picture = await draw(bars(3))
    assert picture is not None
    assert size(picture)[0] == 1152


def test_it_grows_with_its_bars_up_to_a_limit() -> None:
    heights = [size(render(bars(count)))[1] for count in (0, 1, 5, MOST, MOST + 9)]
    assert heights == sorted(heights)
    assert heights[-1] == heights[-2]


def test_a_bar_that_has_just_begun_can_be_seen() -> None:
    def drawn(share: float) -> bytes:
        return render(Bars("t", "a", "l", (Bar("x", share, "", "good"),)))

    assert drawn(0.0001) == drawn(0.01) != drawn(0.1)


async def test_what_cannot_be_drawn_is_no_picture() -> None:
    assert await draw(Bars("t", "a", "l", (Bar("x", float("nan"), "", "no tone"),))) is None  # type: ignore[arg-type]
