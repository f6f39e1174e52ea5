"""What is told of runs that others made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.config import Config
from bot.recovery.watch.notices import LONG, MANY, Notice, notices, present
from bot.recovery.watch.picture import MINUTE, SECOND, Picture, Site
from bot.render import terminal
from bot.render.document import Actions
from integrations.velero.models import Backup, Restore

NOW = 1_795_651_200 * SECOND
CONFIG = Config.model_validate({"state": {"directory": "/state"}, "clusters": {"main": {}}})
SITE = Site(CONFIG, "main")


def backup(name: str = "b", phase: str = "Completed", ago: int = MINUTE, **rest: Any) -> Backup:
    at = NOW - ago
    values = {"uid": f"uid-{name}", "created_at": at, "started_at": at, **rest}
    if phase in ("Completed", "PartiallyFailed", "Failed"):
        values.setdefault("completed_at", at + 30 * SECOND)
    return Backup(name, phase=phase, **values)


def tell(*runs: Backup | Restore, seen: dict[str, str] | None = None) -> list[Notice]:
    backups = tuple(r for r in runs if isinstance(r, Backup))
    restores = tuple(r for r in runs if isinstance(r, Restore))
    picture = Picture(backups, restores)
    return list(notices(SITE, picture, seen or {}, NOW, {"backup describe", "backup logs"}))


def text(notice: Notice) -> str:
    return terminal.plain(notice.document)


def test_a_run_is_told_when_it_ended_and_then_not_again() -> None:
    (notice,) = tell(backup(schedule="nightly", items_total=12, warnings=2))
    assert "Backup b is complete" in text(notice)
    assert "took 30 s, 12 objects, 2 warnings" in text(notice)
    assert "Made by schedule nightly" in text(notice)
    assert tell(backup(), seen=dict(notice.told)) == []


def test_a_long_run_is_told_before_its_end_under_the_same_name() -> None:
    long = backup("slow", "InProgress", LONG)
    assert tell(replace(long, started_at=NOW - LONG + SECOND)) == []
    (begun,) = tell(long)
    assert "Backup slow is running" in text(begun)
    assert tell(long, seen=dict(begun.told)) == []
    ended = replace(long, phase="Failed", completed_at=NOW, failure="no space left on device")
    (end,) = tell(ended, seen=dict(begun.told))
    assert end.key == begun.key
    assert "Backup slow failed" in text(end)
    assert "The store is full." in text(end)


def test_what_is_there_at_the_first_look_counts_as_told() -> None:
    picture = Picture((backup(), backup("new", "InProgress", 0)))
    assert present(picture) == {"backup/uid-b": "ended"}


def test_runs_of_the_bot_and_of_another_cluster_are_not_told() -> None:
    job = {"onprem.io/job": "j1"}
    assert tell(backup(annotations=job)) == []
    # a schedule hands its annotations down to its backups
    assert len(tell(backup(annotations=job, schedule="nightly"))) == 1
    assert tell(backup(created_at=NOW)) == []
    assert tell(Restore("r", uid="r", phase="Completed", annotations=job)) == []


def test_one_that_was_refused_never_began_and_is_told() -> None:
    refused = backup("x", "FailedValidation", started_at=None, problems=("in unavailable state",))
    (notice,) = tell(refused)
    assert "Backup x was refused" in text(notice)
    assert "storage location is Unavailable" in text(notice)


def test_only_registered_commands_are_offered() -> None:
    (notice,) = tell(backup(phase="PartiallyFailed", errors=3))
    (actions,) = [e for e in notice.document.elements if isinstance(e, Actions)]
    assert [b.command for b in actions.buttons] == ["backup describe b", "backup logs b"]
    (bare,) = notices(SITE, Picture((backup(),)), {}, NOW)
    assert not [e for e in bare.document.elements if isinstance(e, Actions)]


def test_much_news_is_one_message_that_names_what_failed() -> None:
    good = [backup(f"b{n}", ago=n * MINUTE) for n in range(MANY)]
    (notice,) = tell(*good, backup("bad", "Failed", ago=5 * MINUTE))
    assert "11 backups and restores ended" in text(notice)
    assert "10 complete, 1 failed" in text(notice)
    assert "Backup bad failed" in text(notice)
    assert len(notice.told) == MANY + 1
    assert len(tell(*good)) == MANY


def test_a_restore_names_its_backup() -> None:
    at = NOW - MINUTE
    done = Restore("r", uid="r", phase="Completed", created_at=at, started_at=at, backup="b")
    (notice,) = tell(done)
    assert "Restore r is complete" in text(notice)
    assert "from backup b" in text(notice)
