"""Sizes, remarks, log lines, lengths of time, and whose a backup is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.context import Asker, Scope, Target
from bot.errors import Refused, UsageError
from bot.recovery.which.apps import app_of, backup_target, check_owner, owner_of
from bot.recovery.which.finding import exact_backup, find_backup
from bot.recovery.words import times
from bot.recovery.words.loglines import Line, serious
from bot.recovery.words.wording import phase, remark, size
from commands.backups import Named
from integrations.velero.models import Backup
from tests.commands.recovery import shop_config

STAMP = "20261122101500"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (None, "–"), (0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (35_000_000, "35 MB"),
        (999_999, "1.0 MB"), (9_960_000_000, "10 GB"), (5 * 10**15, "5000 TB"),
    ],
)  # fmt: skip
def test_sizes_have_two_figures(number: int | None, words: str) -> None:
    assert size(number) == words


def test_phases_are_words_and_unknown_ones_stay() -> None:
    assert phase("PartiallyFailed") == "incomplete"
    assert phase("Novel") == "Novel"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            " resource: /pods name: /db-0 message: /Skip pod volume data error: /daemonset pod not "
            "found in running state in node node-2",
            "pods db-0: no node agent runs on node-2",
        ),
        (
            " name: /db-0 message: /Error backing up item error: /it broke",
            "db-0: error backing up item: it broke",
        ),
        ("plain words", "plain words"),
    ],
)
def test_velero_remarks_are_read(text: str, words: str) -> None:
    assert remark(text) == words


def test_a_remark_is_bounded() -> None:
    assert len(remark("x" * 5000)) == 240


def test_a_log_is_sifted() -> None:
    log = "\n".join([
        'time="t" level=info msg="level=error is not meant"',
        'time="t" level=warning msg="Skip" error="no agent" name=db-0 namespace=parse',
        'time="t" level=error msg="Cannot \\"save\\"" error="it broke" logSource="x.go:1"',
        'time="t" level=warning msg="Skip" error="no agent" name=db-0 namespace=parse',
        "no fields at all",
    ])  # fmt: skip
    assert serious(log) == (
        Line("error", 'Cannot "save": it broke'),
        Line("warning", "Skip: no agent (parse/db-0)", 2),
    )


def test_lengths_of_time_are_checked_and_read() -> None:
    assert times.check_length("30d") is None
    assert times.length_of("8w") == 8 * 7 * 86400
    for bad in ("0d", "30", "d", "-1d", "99999w", "1.5h", "1y"):
        assert times.check_length(bad), bad
    assert [times.length(n) for n in (90, 5400, 86400 * 3, 90000)] == ["90 s", "90 min", "3 d",
                                                                      "25 h"]  # fmt: skip


def test_a_day_counts_as_a_whole() -> None:
    assert times.day(times.end_of_date("2026-12-24")) == "2026-12-24"
    at = 1_795_000_000_000_000
    assert times.day(times.end_of_day(at)) == "2026-11-18"
    assert times.check_date("2026-02-30")


def test_moments_are_told_in_a_known_zone_else_in_utc() -> None:
    at = 1_795_000_000_000_000
    assert times.local(at, "Asia/Tokyo") == "Wed 2026-11-18 20:06 JST"
    assert times.local(at, "Nowhere/Land") == "Wed 2026-11-18 11:06 UTC"


def backup(name: str) -> Backup:
    return Backup(name, phase="Failed")


def test_a_backup_is_found_in_any_state() -> None:
    all_ = [backup(f"shop-backup-{STAMP}"), backup("shop-backup-20261121101500"), backup("x")]
    bases = {"shop": "shop-backup"}
    for word in (f"shop-backup-{STAMP}", "shop-backup", "shop"):
        assert find_backup(word, all_, bases, "main") is all_[0]
    assert find_backup("x", all_, bases, "main") is all_[2]
    assert exact_backup("x", all_) is all_[2]
    for word in ("shop-backup", "shop"):
        with pytest.raises(UsageError):
            exact_backup(word, all_)
    with pytest.raises(UsageError, match="did you mean shop-backup"):
        find_backup("shop-bakcup", all_, bases, "main")


def test_the_app_is_known_by_label_or_name(tmp_path: Path) -> None:
    config = shop_config(tmp_path)
    owner = owner_of(config, f"shop-backup-{STAMP}", "main")
    assert owner is not None
    assert owner.name == "shop"
    assert owner_of(config, f"shop-backup-x-{STAMP}", "main") is None
    assert app_of(config, "main", "x", {"onprem.io/app": "bare"}) == "bare"
    assert app_of(config, "main", "x", {"onprem.io/app": "gone"}) == ""


def test_permission_is_asked_for_the_app_where_the_name_tells_else_for_the_cluster(
    tmp_path: Path,
) -> None:
    scope = Scope(shop_config(tmp_path), "main", Asker("os:h/a", "a", "a"))
    target = Target("main", "shop", "shop")
    assert backup_target(scope, Named(f"shop-backup-{STAMP}")) == target
    assert backup_target(scope, Named("shop")) == target
    assert backup_target(scope, Named("before-upgrade-20261122101500")) == Target("main")
    with pytest.raises(UsageError):
        backup_target(scope, Named("x", cluster="nowhere"))
    check_owner(target, "b", {})
    check_owner(Target("main"), "b", {"onprem.io/app": "bare"})
    with pytest.raises(Refused):
        check_owner(target, "b", {"onprem.io/app": "bare"})
