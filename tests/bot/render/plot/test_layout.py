"""Labels and marks keep out of each other's way."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.render.plot import Mark, labels, marks
from bot.render.plot.canvas import Style, fitted, length, wrapped
from bot.render.plot.labels import Label, spread

SIZE = 20


@given(st.lists(st.floats(0, 400), max_size=15))
def test_labels_never_overlap_and_stay_inside(wanted: list[float]) -> None:
    places = spread(sorted(wanted), 25, 0, 400)
    assert all(b - a >= 25 - 1e-6 for a, b in pairwise(places))
    assert all(-1e-6 <= place <= 400 + 1e-6 for place in places)


def test_labels_with_room_stay_where_their_lines_end() -> None:
    assert spread([10, 100, 200], 25, 0, 400) == [10, 100, 200]
    assert spread([100, 100], 20, 0, 400) == [90, 110]


def test_names_that_are_too_long_lose_what_they_have_in_common() -> None:
    made = [Label(f"node-{n} /var/lib/containers", "9 %", 0.0) for n in range(3)]
    assert [one.name for one in labels.distinct(made, SIZE, 200)] == [
        "node-0…",
        "node-1…",
        "node-2…",
    ]
    assert labels.distinct(made, SIZE, 900) == made
    same = [Label("x" * 90, "1", 0.0), Label("x" * 90, "2", 0.0)]
    assert [one.name for one in labels.distinct(same, SIZE, 200)] == ["x" * 90] * 2


def placed(*hours: float, text: str = "deploy 7.5.1") -> list[marks.Flag]:
    made = [Mark(int(hour * 1_000_000), text, "deploy") for hour in hours]
    return marks.flags(made, lambda mark: mark.at / 10_000, 0, 1000, SIZE)


def apart(flags: list[marks.Flag]) -> bool:
    rows = {flag.row for flag in flags}
    return all(
        a.x + length(a.text, Style(SIZE)) <= b.x
        for row in rows
        for a, b in pairwise(flag for flag in flags if flag.row == row)
    )


def test_marks_that_stand_apart_keep_their_words() -> None:
    assert [flag.text for flag in placed(1, 5, 8)] == ["deploy 7.5.1"] * 3


def test_marks_in_a_crowd_are_counted() -> None:
    flags = placed(*(n / 10 for n in range(100)))
    assert apart(flags)
    assert sum(int(flag.text.split()[0]) if flag.text[0].isdigit() else 1 for flag in flags) == 100


@given(st.lists(st.floats(0, 10), min_size=1, max_size=40))
def test_texts_of_marks_never_overlap(hours: list[float]) -> None:
    flags = placed(*hours)
    assert flags
    assert apart(flags)
    assert all(flag.row < marks.ROWS for flag in flags)


def test_a_text_is_shortened_to_its_room() -> None:
    style = Style(SIZE)
    short = fitted("parse-server-7d9f8c6b5-x2k4p", style, 150, head=0.4)
    assert length(short, style) <= 150
    assert short.startswith("par")
    assert short.endswith("x2k4p")
    assert fitted("abc", style, 0) == "…"
    assert [length(part, style) <= 200 for part in wrapped("some words " * 30, style, 200)] == [
        True,
        True,
    ]
