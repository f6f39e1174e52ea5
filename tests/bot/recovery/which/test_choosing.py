"""Which backup a word means."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import Refused, UsageError
from bot.recovery.which.choosing import choose
from bot.recovery.which.finding import find_backup
from integrations.velero.models import Backup

NOW = 1_000
BASES = {"parse": "parseserver-backup", "shop": "shop-backup"}


def backup(
    stamp: str, phase: str = "Completed", base: str = "parseserver-backup", **rest: Any
) -> Backup:
    return Backup(f"{base}-{stamp}", phase=phase, **rest)


OLD, MIDDLE, NEW = "20261120010000", "20261121010000", "20261122010000"


def test_an_exact_name_wins() -> None:
    found = choose(
        f"parseserver-backup-{OLD}", [backup(NEW), backup(OLD)], BASES, NOW, cluster="main"
    )
    assert (found.backup.name, found.how) == (f"parseserver-backup-{OLD}", "")


@pytest.mark.parametrize(
    ("word", "how"),
    [
        ("parseserver-backup", "the newest good backup called parseserver-backup"),
        ("parse", "the newest good backup of parse"),
    ],
)
def test_a_series_or_an_app_means_its_newest_completed(word: str, how: str) -> None:
    backups = [backup(NEW, "PartiallyFailed"), backup(MIDDLE), backup(OLD)]
    found = choose(word, backups, BASES, NOW, cluster="main")
    assert found.backup.name == f"parseserver-backup-{MIDDLE}"
    assert found.how == how
    assert found.passed_over == ((f"parseserver-backup-{NEW}", "PartiallyFailed"),)


def test_an_apps_newest_may_be_called_otherwise_but_is_no_safety_backup() -> None:
    mine = {"onprem.io/app": "parse"}
    safety = backup(NEW, base="parseserver-backup-safety", labels=mine)
    named = backup(MIDDLE, base="before-upgrade", labels=mine)
    theirs = backup(MIDDLE, base="parseserver-backup", labels={"onprem.io/app": "shop"})
    backups = [safety, theirs, named, backup(OLD)]
    assert choose("parse", backups, BASES, NOW, cluster="main").backup is named
    assert find_backup("parse", backups, BASES, "main") is named
    assert choose("parseserver-backup-safety", backups, BASES, NOW, cluster="main").backup is safety


def test_a_name_that_only_begins_alike_is_another_series() -> None:
    others = [backup(NEW, base="parseserver-backup-old"), backup(OLD)]
    assert choose("parseserver-backup", others, BASES, NOW, cluster="main").backup.name.endswith(
        OLD
    )


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (backup(NEW, "InProgress"), "it is not finished (InProgress)"),
        (backup(NEW, "Deleting"), "it is being deleted"),
        (backup(NEW, "Failed", failure="no store"), "no store"),
        (backup(NEW, "FailedValidation", problems=("bad",)), "bad"),
        (backup(NEW, expires_at=NOW), "it has expired"),
    ],
)
def test_what_cannot_be_restored_is_refused_with_the_reason(made: Backup, why: str) -> None:
    with pytest.raises(Refused) as caught:
        choose(made.name, [made], BASES, NOW, cluster="main")
    assert why in str(caught.value)
    with pytest.raises(Refused, match="No backup parse is good"):
        choose("parse", [made], BASES, NOW, cluster="main")


def test_an_incomplete_one_is_taken_by_its_exact_name_only() -> None:
    partial = backup(NEW, "PartiallyFailed")
    assert choose(partial.name, [partial], BASES, NOW, cluster="main").backup is partial
    with pytest.raises(Refused) as caught:
        choose("parse", [partial], BASES, NOW, cluster="main")
    assert partial.name in caught.value.hint


@pytest.mark.parametrize("word", ["parse", "parseserver-backup"])
def test_an_app_without_a_backup(word: str) -> None:
    with pytest.raises(Refused, match=r"There is no backup .* yet") as caught:
        choose(word, [], BASES, NOW, cluster="main")
    assert "`backup create parse`" in str(caught.value)


def test_nothing_fits() -> None:
    with pytest.raises(UsageError) as caught:
        choose("parserserver-backup", [backup(NEW)], BASES, NOW, cluster="main")
    assert "did you mean parseserver-backup" in str(caught.value)
    with pytest.raises(Refused, match="no backup of shop yet"):
        choose("shop", [backup(NEW)], BASES, NOW, cluster="main")
