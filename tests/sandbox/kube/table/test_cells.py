"""Durations and selectors as kubectl prints them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sandbox.kube.table.cells import duration_since, human_duration, selector


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-0.5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (190, "3m10s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (11_100, "3h5m"),
        (8 * 3600, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (50 * 3600, "2d2h"),
        (8 * 86400, "8d"),
        (729 * 86400, "729d"),
        (731 * 86400, "2y1d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_human_duration(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


def test_no_time_is_unknown() -> None:
    assert duration_since("", datetime(2026, 1, 1, tzinfo=UTC)) == "<unknown>"


def test_selectors_in_one_line() -> None:
    rules = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "old", "operator": "DoesNotExist"},
    ]
    value = {"matchLabels": {"app": "x"}, "matchExpressions": rules}
    assert selector(value) == "app=x,tier in (a,b),!old"
    assert selector({"b": "2", "a": "1"}) == "a=1,b=2"
    assert selector({}) == "<none>"
