"""When drills are due without being asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.config import Config
from bot.recovery.drills.drill_times import due


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def config(folder: Path, cron: str) -> Config:
    def app(**backup: Any) -> dict[str, Any]:
        return {
            "namespace": "shop",
            "chart": "builtin:parse-server",
            "clusters": ["main", "spare"],
            "backup": {"name": "shop-backup", **backup},
        }

    body = {
        "state": {"directory": str(folder)},
        "clusters": {"main": {}, "spare": {}},
        "default_cluster": "main",
        "apps": {
            "shop": app(drill={"cron": cron}),
            "quiet": app(),
            "bare": {"namespace": "b", "chart": "builtin:parse-server"},
        },
    }
    return Config.model_validate(body, context={"base": folder})


@pytest.mark.parametrize(
    ("now", "count"),
    [
        ("2027-01-17T04:59:59", 0),
        ("2027-01-17T05:00:00", 2),  # a Sunday
        ("2027-01-17T10:59:00", 2),
        ("2027-01-17T11:01:00", 0),
        ("2027-01-18T05:00:00", 0),
    ],
)
def test_a_drill_is_due_for_some_hours_on_each_cluster(
    tmp_path: Path, now: str, count: int
) -> None:
    found = list(due(config(tmp_path, "0 5 * * 0"), at(now)))
    assert len(found) == count
    assert {f.at for f in found} <= {at("2027-01-17T05:00:00")}


def test_its_key_is_its_time_and_its_words_are_a_command(tmp_path: Path) -> None:
    one, other = due(config(tmp_path, "@daily"), at("2027-01-17T00:30:00"))
    assert one.key == f"drill/main/shop/{at('2027-01-17T00:00:00')}"
    assert other.words == ("restore", "drill", "shop", "--cluster", "spare")


def test_a_time_that_never_comes_is_passed_over(tmp_path: Path) -> None:
    assert list(due(config(tmp_path, "0 5 31 2 *"), at("2027-01-17T05:00:00"))) == []
