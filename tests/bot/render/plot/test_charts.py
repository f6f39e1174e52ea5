"""What can be told of a picture without looking at it: its size, its colours, what is not there."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Iterator

import pytest
from PIL import Image

from bot.render.plot import Chart, Limit, Line, Mark, theme
from bot.render.plot.worker import render
from tests.bot.render.plot.samples import END, chart, line, panel

KIB = 1000


def image(of: Chart) -> Image.Image:
    return Image.open(io.BytesIO(render(of))).convert("RGB")


def has(of: Image.Image, colour: str, box: tuple[int, int, int, int] | None = None) -> int:
    """Pixels that are almost of that colour."""
    wanted = tuple(int(colour[n : n + 2], 16) for n in (1, 3, 5))
    part = of.crop(box) if box else of
    pixels = part.getcolors(part.width * part.height) or []
    return sum(
        count
        for count, seen in pixels
        if max(abs(a - b) for a, b in zip(seen, wanted, strict=True)) <= 10  # type: ignore[arg-type]
    )


def noise(seed: int, count: int = 1440) -> list[float]:
    told = random.Random(seed)
    return [500 + 100 * seed + told.gauss(0, 60) for _ in range(count)]


def test_a_day_of_ten_noisy_series_is_small_enough_for_a_chat() -> None:
    whole = chart(panel(line(f"pod-{n}", noise(n)) for n in range(10)), minutes=1440)
    png = render(whole)
    assert Image.open(io.BytesIO(png)).size == (1200, 600)
    assert len(png) <= 100 * KIB


@pytest.mark.parametrize(
    ("count", "least", "most"), [(0, 600, 600), (2, 700, 900), (10, 1500, 1900)]
)
def test_a_dashboard_grows_with_its_panels(count: int, least: int, most: int) -> None:
    made = [panel([line("a", [n, n + 1])], title=f"p{n}") for n in range(count)]
    png = render(chart(*made))
    size = Image.open(io.BytesIO(png)).size
    assert size[0] == 1200
    assert least <= size[1] <= most
    assert len(png) <= 150 * KIB


def test_a_gap_shows_the_paper() -> None:
    values = [5.0] * 40 + [math.nan] * 40 + [5.0] * 40
    gap = image(chart(panel([line("a", values)]), minutes=120))
    whole = image(chart(panel([line("a", [5.0] * 120)]), minutes=120))
    middle = (450, 110, 550, 500)
    assert has(whole, theme.LINES[0], middle)
    assert not has(gap, theme.LINES[0], middle)
    assert has(gap, theme.LINES[0])


def test_missing_points_are_a_gap_too() -> None:
    full = line("a", [5.0] * 120)
    kept = [n for n in range(120) if not 40 <= n < 80]
    torn = Line("a", tuple(full.times[n] for n in kept), tuple(full.values[n] for n in kept))
    assert not has(image(chart(panel([torn]), minutes=120)), theme.LINES[0], (450, 110, 550, 500))


def test_a_point_alone_can_be_seen() -> None:
    values = [math.nan] * 30 + [5.0] + [math.nan] * 29
    assert has(image(chart(panel([line("a", values)]))), theme.LINES[0], (100, 110, 900, 500))


def test_only_the_breach_is_shaded_and_only_while_it_lasted() -> None:
    limit = Limit(10, "too much", "bad")
    quiet = image(chart(panel([line("a", [5.0] * 60)], limits=(limit,))))
    breach = image(chart(panel([line("a", [5.0] * 30 + [15.0] * 30)], limits=(limit,))))
    shade = theme.SHADES["bad"]
    assert has(quiet, shade) < 100  # the soft edges of red words
    assert has(quiet, theme.TONES["bad"])
    assert has(breach, shade, (600, 100, 1000, 500)) > 5000
    assert has(breach, shade, (0, 100, 450, 500)) < 100


def test_a_mark_stands_at_its_time_and_one_outside_does_not() -> None:
    def at(minutes: int) -> Image.Image:
        mark = Mark((END - minutes * 60) * 1_000_000, "deploy", "deploy")
        return image(chart(panel([line("a", [5.0] * 60)]), marks=(mark,)))

    colour = theme.MARKS["deploy"]
    early = (50, 130, 300, 500)
    assert has(at(50), colour, early) > 30
    assert not has(at(10), colour, early)
    assert not has(at(90), colour)


def test_the_same_name_has_the_same_colour_in_all_panels() -> None:
    first = panel([line("b", [9.0] * 60), line("c", [1.0] * 60)])
    second = panel([line("a", [9.0] * 60), line("b", [1.0] * 60)])
    drawn = image(chart(first, second, *[panel([])] * 2))
    left, right = (0, 100, 590, 420), (610, 100, 1200, 420)
    shared, own = theme.LINES[0], theme.LINES[1]
    assert has(drawn, shared, left)
    assert has(drawn, shared, right)
    assert has(drawn, own, left)
    assert has(drawn, own, right)


def odd() -> Iterator[tuple[str, Chart]]:
    nasty = "$\\frac{1}{2}$ \x1b[31m\u202e😀漢字 العربية\n" * 40
    yield "empty", chart()
    yield "no lines", chart(panel([], note=nasty))
    yield "only NaN", chart(panel([line("a", [math.nan] * 9)]))
    yield "only Inf", chart(panel([line("a", [math.inf] * 9)]))
    yield "one point", chart(panel([line("a", [1.0])]))
    yield "huge and tiny", chart(panel([line("a", [1e300, -1e300]), line("b", [1e-300] * 2)]))
    yield "no time", chart(panel([line("a", [1.0])]), minutes=0)
    yield "ten years", chart(panel([line("a", [1.0, 2.0])]), minutes=5_000_000)
    yield (
        "nasty words",
        chart(
            panel([line(nasty, [1, 2])], title=nasty, unit=nasty, limits=(Limit(1, nasty, "bad"),)),
            panel([line("", [1, 2]), line("", [2, 3])]),
            title=nasty,
            timezone=nasty,
            marks=(Mark((END - 60) * 1_000_000, nasty, "outside"),),
        ),
    )
    yield "many lines", chart(panel(line(f"pod-{n}", [n, n + 1]) for n in range(1000)))
    marks = tuple(Mark((END - n) * 1_000_000, f"deploy {n}", "deploy") for n in range(2000))
    yield "many marks", chart(panel([line("a", [1, 2])]), marks=marks)
    limits = tuple(Limit(n, f"limit {n}", "warn", below=n % 2 == 0) for n in range(30))
    yield "many limits", chart(panel([line("a", [1, 200])], limits=limits))


@pytest.mark.parametrize("case", list(odd()), ids=lambda case: case[0])
def test_nothing_is_too_odd_to_be_drawn(case: tuple[str, Chart]) -> None:
    png = render(case[1])
    assert Image.open(io.BytesIO(png)).width == 1200


def test_no_data_is_told_apart_from_zero() -> None:
    nothing, zero = chart(panel([])), chart(panel([line("a", [0.0] * 60)]))
    assert has(image(zero), theme.LINES[0])
    assert not has(image(nothing), theme.LINES[0])
    assert has(image(nothing), theme.QUIET, (450, 250, 750, 400)) > 50
