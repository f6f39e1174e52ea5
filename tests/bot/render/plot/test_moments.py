"""Axes of time, on the clock of whoever looks."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.render.plot.moments import moment_text, moments, zone_text


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_hours_are_round_where_the_reader_is() -> None:
    found = moments(at("2026-11-22T14:26"), at("2026-11-23T14:26"), "Asia/Kathmandu", 6)
    assert [one.text for one in found] == ["00:00", "06:00", "12:00", "18:00"]
    assert [one.day for one in found] == ["Mon 23 Nov", "", "", ""]
    assert found[0].at == at("2026-11-22T18:15")


def test_the_day_is_written_where_it_begins() -> None:
    found = moments(at("2026-11-22T14:00"), at("2026-11-23T14:00"), "UTC", 6)
    assert [(one.text, one.day) for one in found] == [
        ("18:00", "Sun 22 Nov"),
        ("00:00", "Mon 23 Nov"),
        ("06:00", ""),
        ("12:00", ""),
    ]


def test_an_hour_that_comes_twice_is_shown_twice() -> None:
    found = moments(at("2026-10-24T23:00"), at("2026-10-25T03:00"), "Europe/Berlin", 6)
    assert [one.text for one in found] == ["01:00", "02:00", "02:00", "03:00", "04:00"]
    assert len({one.at for one in found}) == 5


def test_weeks_begin_on_monday() -> None:
    found = moments(at("2026-10-25T10:00"), at("2026-11-23T14:00"), "UTC", 6)
    assert [one.text for one in found] == ["26 Oct", "2 Nov", "9 Nov", "16 Nov", "23 Nov"]


def test_a_short_time_has_seconds() -> None:
    found = moments(at("2026-11-23T14:00"), at("2026-11-23T14:01"), "UTC", 6)
    assert [one.text for one in found][:2] == ["14:00:00", "14:00:10"]


def test_an_unknown_zone_is_utc_and_says_so() -> None:
    now = at("2026-11-23T14:00")
    assert zone_text("Mars/Olympus", now) == "UTC"
    assert zone_text("../../etc/passwd", now) == "UTC"
    assert zone_text("", now) == "UTC"
    assert zone_text("America/New_York", now) == "America/New_York (UTC−5)"
    assert zone_text("Asia/Kathmandu", now) == "Asia/Kathmandu (UTC+5:45)"


def test_another_day_is_named() -> None:
    now = at("2026-11-23T14:00")
    assert moment_text(at("2026-11-23T09:05"), now, "UTC") == "09:05"
    assert moment_text(at("2026-11-22T09:05"), now, "UTC") == "Sun 22 Nov 09:05"
