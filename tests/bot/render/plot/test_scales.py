"""Axes: round numbers, no lie about zero, limits that are near."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.render.plot.pictures import Limit, Panel
from bot.render.plot.scales import Scale, scale


def axis(values: tuple[float, ...], unit: str = "count", **more: object) -> Scale:
    return scale(Panel("", unit, (), **more), values)  # type: ignore[arg-type]


def texts(of: Scale) -> list[str]:
    return [text for _, text in of.ticks]


def test_bytes_are_counted_in_powers_of_two() -> None:
    found = axis((0, 900 * 2**20), "bytes")
    assert texts(found) == ["0", "256", "512", "768"]
    assert found.unit == " MiB"


def test_seconds_are_counted_as_on_a_clock() -> None:
    assert [v for v, _ in axis((0, 3500.0), "seconds").ticks] == [0, 900, 1800, 2700, 3600]


def test_things_that_are_counted_have_no_halves() -> None:
    assert texts(axis((0, 2))) == ["0", "1", "2"]


def test_percent_reach_to_the_most_that_can_be() -> None:
    found = axis((3.0, 12.0), "percent", most=100)
    assert (found.low, found.high) == (0, 100)


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0, 1e-12])
def test_one_value_alone_lies_within(value: float) -> None:
    for zero in (True, False):
        found = axis((value,) * 3, zero=zero)
        assert found.low <= value <= found.high
        assert found.low < found.high


def test_without_zero_the_axis_shows_what_moves() -> None:
    assert axis((100.0, 101.0), zero=False).low > 99
    assert axis((100.0, 101.0)).low == 0


def test_a_near_limit_is_on_the_axis_and_a_far_one_is_only_named() -> None:
    near, far = Limit(2.0, "busy", "warn"), Limit(40.0, "broken", "bad")
    found = axis((0.5, 1.0), limits=(near, far))
    assert found.high >= 2
    assert found.high < 40
    assert found.far == (far,)


@given(
    st.lists(st.floats(min_value=-1e300, max_value=1e300), max_size=8),
    st.sampled_from(("bytes", "seconds", "percent", "count", "cores", "other")),
    st.booleans(),
)
def test_any_values_lie_between_the_ends(values: list[float], unit: str, zero: bool) -> None:
    found = axis((*values, math.nan, math.inf), unit, zero=zero)
    assert all(found.low <= value <= found.high for value in values)
    assert 1 <= len(found.ticks) <= 8
    air = (found.high - found.low) * 1e-6
    assert all(found.low - air <= value <= found.high + air for value, _ in found.ticks)


def test_a_limit_is_on_the_axis_of_lines_that_are_all_zero() -> None:
    limit = Limit(0.5, "not ready", "warn")
    found = axis((0.0, 0.0), limits=(limit,))
    assert found.far == ()
    assert found.low <= 0.5 <= found.high
    assert texts(found) == ["0", "1"]
