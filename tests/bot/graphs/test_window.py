"""Which time a graph shows: lengths, moments, time zones with their odd days, and refusals."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import UsageError
from bot.graphs.window import SECOND, check_length, check_moment, window

BERLIN = "Europe/Berlin"


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


NOW = micros("2026-11-23T10:00:00+00:00")


def shown(last: str = "", since: str = "", until: str = "", zone: str = BERLIN, now: int = NOW):
    return window(last=last, since=since, until=until, now=now, zone=zone)


def test_six_hours_up_to_now_unless_said_otherwise() -> None:
    found = shown()
    assert (found.start, found.end) == (NOW - 6 * 3600 * SECOND, NOW)
    assert found.said == "last 6 h"
    assert shown(last="30m").said == "last 30 min"
    assert shown(last="2w").seconds == 14 * 86_400


@pytest.mark.parametrize(
    ("since", "until", "start", "end", "said"),
    [
        ("09:30", "10:15", "08:30", "09:15", "2026-11-23 09:30 to 10:15 CET"),
        ("2h", "", "08:00", "10:00", "2026-11-23 09:00 to 11:00 CET"),
        ("2h", "1h", "08:00", "09:00", "2026-11-23 09:00 to 10:00 CET"),
        ("2026-11-23T08:00Z", "now", "08:00", "10:00", "2026-11-23 09:00 to 11:00 CET"),
        ("2026-11-23", "", "2026-11-22T23:00", "10:00", "2026-11-23 00:00 to 11:00 CET"),
        ("23:00", "", "2026-11-22T22:00", "10:00", "2026-11-22 23:00 to 2026-11-23 11:00 CET"),
        ("2026-11-23 10:30:30", "", "09:30:30", "10:00", "2026-11-23 10:30 to 11:00 CET"),
    ],
)
def test_times_are_meant_in_the_askers_zone(
    since: str, until: str, start: str, end: str, said: str
) -> None:
    found = shown(since=since, until=until)
    first, last = (t if "T" in t else f"2026-11-23T{t}" for t in (start, end))
    assert (found.start, found.end) == (micros(f"{first}+00:00"), micros(f"{last}+00:00"))
    assert found.said == said


def test_a_length_may_end_in_the_past() -> None:
    found = shown(last="1h", until="10:00")
    assert (found.start, found.end) == (NOW - 2 * 3600 * SECOND, NOW - 3600 * SECOND)


def test_an_end_to_come_is_now() -> None:
    assert shown(since="1h", until="2026-12-24").end == NOW


def test_an_unknown_zone_is_utc() -> None:
    assert shown(since="09:30", zone="Mars/Olympus").start == micros("2026-11-23T09:30:00+00:00")
    assert shown(since="09:30", zone="../../etc/passwd").said.endswith("UTC")


def test_the_day_on_which_the_clocks_go_back_has_its_hour_twice() -> None:
    """02:30 alone means the first of both."""
    noon = micros("2026-10-25T12:00:00+00:00")
    assert shown(since="2026-10-25T02:30", now=noon).start == micros("2026-10-25T00:30:00+00:00")
    assert shown(since="2026-10-25T00:00", now=noon).seconds == 14 * 3600


def test_an_hour_that_never_was_is_refused() -> None:
    noon = micros("2026-03-29T12:00:00+00:00")
    with pytest.raises(UsageError, match="the clocks went forward: there was no 2026-03-29T02:30"):
        shown(since="2026-03-29T02:30", now=noon)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"last": "1h", "since": "2h"}, "cannot be given together"),
        ({"since": "2026-11-23T12:00"}, "lies in the future"),
        ({"since": "10:30", "until": "10:15"}, "must be before"),
        ({"since": "2020-01-01"}, "at most three years"),
        ({"since": "2026-11-23 10:59:30"}, "at least a minute"),
        ({"since": "25:00"}, "is not a time"),
    ],
)
def test_refusals(given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        shown(**given)


@pytest.mark.parametrize("text", ["30m", "6h", "366d", "4w"])
def test_lengths(text: str) -> None:
    assert check_length(text) is None


@pytest.mark.parametrize("text", ["", "6", "6 h", "0h", "-1h", "9999w", "1y", "١h", "6h\n"])
def test_no_lengths(text: str) -> None:
    assert check_length(text)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "24:60", "0001-01-01", "9999-12-31T23:59-12:00", "1e9", "12:3"]
)
def test_no_moments(text: str) -> None:
    assert check_moment(text)


@settings(deadline=None)
@given(st.text(max_size=25))
def test_whatever_is_accepted_is_understood_or_refused_in_words(text: str) -> None:
    if check_moment(text) is None:
        try:
            found = shown(since=text)
        except UsageError:
            return
        assert found.seconds >= 60


@settings(deadline=None)
@given(st.datetimes(datetime(2024, 1, 1), datetime(2026, 11, 22)))
def test_a_written_moment_is_found_again(at: datetime) -> None:
    whole = at.replace(microsecond=0, tzinfo=UTC)
    assert shown(since=whole.isoformat()).start == int(whole.timestamp()) * SECOND
