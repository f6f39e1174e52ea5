"""Numbers as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.render.plot import amount


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.5 * 2**30, "bytes", "1.5 GiB"),
        (1023.99 * 1024, "bytes", "1 MiB"),
        (512, "bytes", "512 B"),
        (-5e6, "bytes", "−4.77 MiB"),
        (3 * 2**20, "bytes/s", "3 MiB/s"),
        (1_234_567, "bits/s", "1.23 Mbit/s"),
        (98, "percent", "98 %"),
        (0.035, "seconds", "35 ms"),
        (0.0004, "seconds", "400 µs"),
        (90, "seconds", "1.5 min"),
        (172_800, "seconds", "2 d"),
        (0.25, "cores", "250 m cores"),
        (1, "cores", "1 core"),
        (2.5, "cores", "2.5 cores"),
        (3, "count", "3"),
        (999_999, "count", "1 M"),
        (0.12, "count", "0.12"),
        (12.5, "count/s", "12.5/s"),
        (4200, "ops/s", "4.2 kops/s"),
        (0, "bytes", "0 B"),
        (7, "widgets", "7 widgets"),
    ],
)
def test_a_number_has_its_unit_and_three_digits(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


def test_what_is_no_number_is_said() -> None:
    assert amount(math.nan, "bytes") == "no data"
    assert amount(math.inf, "seconds") == "∞"
    assert amount(-math.inf, "seconds") == "−∞"


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(("bytes", "seconds", "cores", "percent", "count", "anything")),
)
def test_any_number_is_short(value: float, unit: str) -> None:
    text = amount(value, unit)
    assert text
    assert len(text) <= 24
