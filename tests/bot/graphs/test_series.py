"""What is asked of Prometheus for a picture, and what becomes of odd answers."""

from __future__ import annotations

import math

import pytest

from bot.graphs.catalogue import AppPods, Graph, Threshold, load
from bot.graphs.numbers import cells, foremost, numbers_of, past, worst
from bot.graphs.series import MOST_POINTS, Fetched, numbers, panel, question, step_of
from bot.graphs.window import SECOND, Window
from integrations.prometheus import RangeResult, Series

END = 1_800_000_000
HOUR = Window((END - 3600) * SECOND, END * SECOND, "last 1 h")
GRAPH = Graph(
    "cpu",
    "CPU",
    "percent",
    "rate(x{namespace=~$namespace,pod=~$pods,node=~$node}[$rate])",
    legend="{{pod}}",
    needs="node_exporter",
    jobs=load()["cpu"].jobs,
    thresholds=(Threshold(80, "warn", "busy"), Threshold(95, "bad", "full")),
)


def series(*values: float, pod: str = "a", start: int = END - 30, **labels: str) -> Series:
    times = tuple(float(start + 10 * n) for n in range(len(values)))
    return Series({"pod": pod, **labels}, times, values)


def fetched(*found: Series, warnings: tuple[str, ...] = ()) -> Fetched:
    return numbers(GRAPH, question(GRAPH, HOUR), RangeResult(found, warnings))


@pytest.mark.parametrize(
    ("seconds", "width", "step"),
    [
        (300, 1200, 5),
        (3600, 1200, 10),
        (6 * 3600, 1200, 60),
        (86_400, 1200, 300),
        (30 * 86_400, 1200, 7200),
        (366 * 86_400, 1200, 86_400),
        (1000 * 86_400, 100, 20 * 86_400),
        (3600, 1, 3600),
        (3600, 0, 3600),
    ],
)
def test_the_step_follows_the_width(seconds: int, width: int, step: int) -> None:
    assert step_of(seconds, width) == step


@pytest.mark.parametrize("width", [10, 600, 1200, 100_000, 10**9])
@pytest.mark.parametrize("seconds", [60, 3600, 86_400, 3 * 366 * 86_400])
def test_never_more_points_than_half_the_pixels_or_than_prometheus_takes(
    seconds: int, width: int
) -> None:
    points = seconds / step_of(seconds, width)
    assert points <= max(width / 2, 1)
    assert points <= MOST_POINTS < 11_000


def test_what_is_asked() -> None:
    week = Window((END - 7 * 86_400) * SECOND, (END + 7) * SECOND, "")
    asked = question(GRAPH, week, app=AppPods("shop"), node='w"1', width=1200)
    assert asked.step == 1800
    assert asked.end == END, "a picture asked for again within 15 s is the same"
    assert asked.start <= END - 7 * 86_400
    assert (asked.end - asked.start) % 1800 == 0
    assert 'namespace=~"shop"' in asked.promql
    assert 'w\\"1' in asked.promql
    assert "[1800s]" in asked.promql, "a rate sees everything between two points"
    assert "[300s]" in question(GRAPH, HOUR).promql


def test_gaps_are_gaps() -> None:
    broken = Series({"pod": "a"}, (END - 60.0, END - 50.0, END - 20.0, END - 10.0), (1, 2, 3, 4))
    (line,) = (fetched(broken)).lines
    assert line.times == (END - 60, END - 50, END - 40, END - 20, END - 10)
    assert math.isnan(line.values[2])
    assert (line.values[0], line.values[4]) == (1, 4)


def test_no_data_is_not_zero() -> None:
    nothing, zero = fetched(), fetched(series(0.0, 0.0, 0.0, 0.0))
    assert nothing.lines == ()
    assert panel(GRAPH, nothing).note == "No data in this time. It needs node_exporter."
    assert panel(GRAPH, zero).note == ""
    (one,) = numbers_of(GRAPH, zero)
    assert (one.now, one.least, one.most) == (0, 0, 0)


def test_nan_and_infinities_are_left_out_and_told() -> None:
    found = fetched(
        series(1.0, math.inf, 3.0, -math.inf),
        series(math.nan, math.nan, pod="b"),
        warnings=("a store is away",),
    )
    (line,) = found.lines
    assert [value for value in line.values if math.isfinite(value)] == [1.0, 3.0]
    assert found.notes[0] == "a store is away"
    assert "2 values are infinite" in found.notes[1]
    assert "1 of 2 series have no number" in found.notes[2]
    assert all(note in panel(GRAPH, found).note for note in found.notes)


def test_remarks_about_the_query_are_not_in_the_picture() -> None:
    answer = RangeResult((series(1.0),), ("partial",), ("no counter",))
    found = numbers(GRAPH, question(GRAPH, HOUR), answer)
    assert (found.notes, found.infos) == (("partial",), ("no counter",))
    assert panel(GRAPH, found).note == "partial"


def test_lines_of_one_name_are_told_apart() -> None:
    found = fetched(series(1.0, container="web"), series(2.0, container="db"), series(3.0, pod="b"))
    assert [line.label for line in found.lines] == ["a (container=db)", "a (container=web)", "b"]


def test_what_ended_has_no_value_now() -> None:
    found = fetched(series(50.0, 60.0, start=END - 600), series(1.0, 85.0, 85.0, 90.0))
    first, second = numbers_of(GRAPH, found)
    assert {first.now, second.now} == {None, 90.0}
    ended = first if first.now is None else second
    assert cells(ended)[2] == "no data"


def test_limits_that_are_crossed_now_are_said() -> None:
    found = fetched(
        series(99.0, 99.0, 99.0, 99.0, pod="w1"),
        series(85.0, 85.0, 85.0, 85.0, pod="w2"),
        series(99.0, 10.0, 10.0, 10.0, pod="w3"),
    )
    told = numbers_of(GRAPH, found)
    assert [one.tone for one in told] == ["bad", "warn", "plain"]
    assert worst(told) == "bad"
    assert past(told) == (
        "w1 is at 99 %: full, above 95 %.",
        "w2 is at 85 %: busy, above 80 %.",
    )
    assert [one.label for one in foremost(told, 2)] == ["w1", "w2"]


def test_the_course_shows_when_there_was_nothing() -> None:
    found = fetched(series(*[1.0] * 181, start=END - 1800))
    (one,) = numbers_of(GRAPH, found)
    assert len(one.course) == 20
    assert one.course[:9].isspace()
    assert not one.course[11:].isspace()
