"""Names, times and durations by Velero's rules."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.kubernetes.kinds import label_selector
from integrations.velero import names, values

AT = 1_795_391_390_123_456
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,250}[a-z0-9])?", fullmatch=True)


def test_a_stamp_is_utc_in_whole_seconds() -> None:
    assert names.stamped("parse", AT) == "parse-20261122234950"
    assert names.stamp_of("parse-20261122234950") == AT - AT % 1_000_000


@given(NAMES, st.integers(0, 250_000_000_000_000_000))
def test_a_stamped_name_is_known_by_its_base(base: str, at: int) -> None:
    name = names.stamped(base, at)
    assert names.is_stamped(name, base)
    assert not names.is_stamped(name, base + "x")
    assert names.stamp_of(name) == at - at % 1_000_000


@pytest.mark.parametrize(
    "name", ["parse", "parse-2026", "parse-20261322234950", "-20261122234950", "20261122234950"]
)
def test_other_names_have_no_stamp(name: str) -> None:
    assert names.stamp_of(name) is None
    assert not names.is_stamped(name, "parse")


@given(NAMES)
def test_a_label_holds_any_name(name: str) -> None:
    value = names.label_value(name)
    assert len(value) <= 63
    assert (value == name) == (len(name) <= 63)
    assert value[:57] == name[:57]


def test_a_shortened_label_is_as_velero_makes_it() -> None:
    """The example in Velero's own pkg/label."""
    long = "this_is_a_very_long_label_value_that_will_be_rejected_by_Kubernetes"
    assert names.label_value(long) == (
        "this_is_a_very_long_label_value_that_will_be_rejected_by_8d0722"
    )


@given(st.text(max_size=80))
def test_what_is_a_name_does_no_harm(text: str) -> None:
    if names.is_name(text):
        assert re.fullmatch(r"[a-z0-9.-]+", text)
        assert label_selector({"velero.io/backup-name": names.label_value(text)})


@pytest.mark.parametrize("name", ["a", "a.b-c", "0", "a" * 253])
def test_names(name: str) -> None:
    assert names.is_name(name)


@pytest.mark.parametrize(
    "name", ["", "A", "a b", "a\n", "a;b", "-a", "a.", "a..b", "a/b", "a" * 254, "ä"]
)
def test_no_names(name: str) -> None:
    assert not names.is_name(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("720h0m0s", 2_592_000),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("90s", 90),
        ("1m0.4s", 60),
        ("0", 0),
        ("0s", 0),
        ("-1h", -3600),
        ("500ms", 0),
        ("", None),
        (None, None),
        ("1d", None),
        ("1h nonsense", None),
        ("h", None),
    ],
)
def test_durations(text: str | None, expected: int | None) -> None:
    assert values.seconds(text) == expected


@given(st.integers(0, 10**9))
def test_a_duration_survives(length: int) -> None:
    assert values.seconds(values.duration(length)) == length


@given(st.integers(0, 250_000_000_000))
def test_a_time_survives(seconds: int) -> None:
    at = seconds * 1_000_000
    assert values.micros(values.timestamp(at)) == at


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-11-22", 7])
def test_no_times(text: object) -> None:
    assert values.micros(text) is None
