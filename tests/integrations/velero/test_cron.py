"""When schedules run."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.velero import cron
from integrations.velero.errors import BadSchedule
from integrations.velero.models import Schedule

SECOND = 1_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


NOW = at("2026-11-22T23:49:50") + 123_456  # a Sunday


@pytest.mark.parametrize(
    ("times", "following", "before"),
    [
        ("0 2 * * *", "2026-11-23T02:00:00", "2026-11-22T02:00:00"),
        ("*/15 * * * *", "2026-11-23T00:00:00", "2026-11-22T23:45:00"),
        ("@daily", "2026-11-23T00:00:00", "2026-11-22T00:00:00"),
        ("@weekly", "2026-11-29T00:00:00", "2026-11-22T00:00:00"),
        ("@monthly", "2026-12-01T00:00:00", "2026-11-01T00:00:00"),
        ("0 3 ? * mon", "2026-11-23T03:00:00", "2026-11-16T03:00:00"),
        ("0 3 * * 7", "2026-11-29T03:00:00", "2026-11-22T03:00:00"),
        ("0 2 * JAN Fri", "2027-01-01T02:00:00", "2026-01-30T02:00:00"),
        ("CRON_TZ=Europe/Berlin 0 2 * * *", "2026-11-23T01:00:00", "2026-11-22T01:00:00"),
        ("TZ=Asia/Tokyo 0 2 * * *", "2026-11-23T17:00:00", "2026-11-22T17:00:00"),
        # Both days must match: the next 13th that is a Friday.
        ("0 0 13 * fri", "2027-08-13T00:00:00", "2026-11-13T00:00:00"),
    ],
)
def test_next_and_last(times: str, following: str, before: str) -> None:
    assert cron.next_run(times, NOW) == at(following)
    assert cron.last_due(times, NOW) == at(before)


def test_every_counts_from_the_run_before() -> None:
    assert cron.next_run("@every 1h30m", NOW) == NOW - NOW % SECOND + 5400 * SECOND
    assert cron.last_due("@every 1h30m", NOW) == NOW - 5400 * SECOND
    assert cron.interval("@every 1h30m", NOW) == 5400


@pytest.mark.parametrize(
    ("times", "seconds"),
    [("0 2 * * *", 86_400), ("0 2 * * 1-5", 3 * 86_400), ("0 */6 * * *", 21_600)],
)
def test_the_interval_is_the_longest_pause(times: str, seconds: int) -> None:
    assert cron.interval(times, NOW) == seconds


@pytest.mark.parametrize(
    "times",
    [
        "", "nonsense", "* * * *", "* * * * * *", "60 * * * *", "0 2 * * 8", "0 0 L * *",
        "0 0 * * 1#2", "0 0 31 2 *", "0 22-2 * * *", "@every", "@every 1x", "@every 0s",
        "@every -1h", "@reboot", "TZ=Nowhere/At 0 2 * * *", "CRON_TZ=../etc/passwd @daily",
        "0 2 * * *; rm", "0 2 * * * --",
    ],
)  # fmt: skip
def test_what_velero_would_not_take(times: str) -> None:
    with pytest.raises(BadSchedule, match="is not a schedule"):
        cron.next_run(times, NOW)


@given(st.integers(0, 59), st.integers(0, 23), st.integers(at("2020-01-01"), at("2040-01-01")))
def test_the_next_run_is_within_a_day_and_due_right_after(minute: int, hour: int, now: int) -> None:
    times = f"{minute} {hour} * * *"
    found = cron.next_run(times, now)
    assert 0 < found - now <= 86_400 * SECOND
    assert cron.last_due(times, found + SECOND) == found
    moment = datetime.fromtimestamp(found // SECOND, UTC)
    assert (moment.minute, moment.hour, moment.second) == (minute, hour, 0)


TERMS = st.sampled_from(["*", "*/2", "?", "0", "5", "1-5", "3,4", "mon", "fri-sun", "L", "", "99"])


@given(st.one_of(st.text(max_size=30), st.lists(TERMS, min_size=4, max_size=6).map(" ".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadSchedule):
        assert cron.next_run(text, NOW) > NOW


def schedule(**fields: object) -> Schedule:
    made = Schedule(
        name="s", uid="", phase="Enabled", cron="0 2 * * *", paused=False, problems=(),
        created_at=at("2026-11-20T12:00:00"), last_backup_at=None, template={}, labels={},
        annotations={},
    )  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


def test_a_schedule_is_due_after_its_last_run_skip_or_creation() -> None:
    assert cron.next_due(schedule()) == at("2026-11-21T02:00:00")
    ran = schedule(last_backup_at=at("2026-11-21T02:00:05"))
    assert cron.next_due(ran) == at("2026-11-22T02:00:00")
    skipped = schedule(last_skipped_at=at("2026-11-22T14:00:00"))
    assert cron.next_due(skipped) == at("2026-11-23T02:00:00")


def test_a_paused_or_unreadable_schedule_is_never_due() -> None:
    assert cron.next_due(schedule(paused=True)) is None
    assert cron.next_due(schedule(cron="nonsense")) is None
    assert cron.next_due(schedule(created_at=None)) is None
