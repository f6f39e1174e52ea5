"""Which cluster a backup of a shared bucket was made in."""

from __future__ import annotations

from typing import Any

import pytest

from bot.recovery.restores.elsewhere import Known, home_of
from bot.recovery.which.apps import CLUSTER_LABEL
from integrations.velero.models import Backup

MINUTE = 60_000_000


def backup(label: str = "", **rest: Any) -> Backup:
    labels = {CLUSTER_LABEL: label} if label else {}
    return Backup("b", labels=labels, started_at=MINUTE, **rest)


HERE = Known((), frozenset({"b"}))
THERE = Known((), frozenset(), {"b": "main"})


@pytest.mark.parametrize(
    ("made", "known", "homes", "home"),
    [
        (backup("spare", created_at=MINUTE), HERE, ("main",), ""),
        (backup("main", created_at=3 * MINUTE), HERE, ("main",), "main"),
        (backup("main", created_at=3 * MINUTE), HERE, (), "main"),
        (backup(created_at=MINUTE), HERE, ("main",), ""),
        (backup(created_at=3 * MINUTE), HERE, ("main",), "main"),
        (backup(created_at=3 * MINUTE), HERE, ("main", "third"), ""),
        (backup(created_at=3 * MINUTE), HERE, (), ""),
        (backup(created_at=MINUTE), THERE, ("main",), "main"),
        (backup("third", created_at=3 * MINUTE), THERE, ("main",), "third"),
    ],
    ids=[
        "its own", "by its label", "by its label though nobody is asked", "made here, no label",
        "came by the store, no label", "of which of two is not known", "of nobody else",
        "only the other one knows it", "which knows it from a third",
    ],
)  # fmt: skip
def test_where_a_backup_was_made(
    made: Backup, known: Known, homes: tuple[str, ...], home: str
) -> None:
    assert home_of(made, "spare", homes, known) == home
