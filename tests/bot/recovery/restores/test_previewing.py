"""The plan of a restore in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bot.config import Config
from bot.recovery.backups.proof import Proof, Protected, Unprotected
from bot.recovery.restores.conflicts import CLAIMS, Met
from bot.recovery.restores.prepared import Prepared
from bot.recovery.restores.previewing import plan, untouched
from bot.recovery.restores.retained import Tied
from bot.recovery.restores.room import Doomed, Room
from bot.recovery.restores.surveying import Survey
from bot.recovery.which.choosing import Choice
from bot.recovery.which.intent import Intent
from bot.releases.targets import AppRef
from integrations.velero.models import Backup

HOUR = 3_600_000_000
CONFIG = Config.model_validate(
    {
        "state": {"directory": "/var/lib/onprem"},
        "clusters": {"main": {}},
        "admins": ["slack:T1/ANN"],
        "apps": {"parse": {"namespace": "parse", "chart": "builtin:parse-server"}},
    }
)
APP = AppRef("parse", "main", CONFIG.apps["parse"])


def met(resource: str, path: str) -> Met:
    return Met(resource, "parse", path, {})


SETTINGS = met("configmaps", "ConfigMap settings")
DATA = met(CLAIMS, "PersistentVolumeClaim data-m-0")
LIVE = Survey(5, 3, (SETTINGS, DATA), claims=("data-m-0",))


def prepared(survey: Survey, backup: Mapping[str, Any] | None = None, **more: Any) -> Prepared:
    intent = Intent("parse", "main", APP)
    made = Backup("b-1", uid="u", started_at=0, **(backup or {"phase": "Completed"}))
    values: dict[str, Any] = {
        "intent": intent, "choice": Choice(made, ""), "mapping": {"parse": "parse"},
        "resources": (), "selectors": (), "survey": survey, "proof": Proof(),
    }  # fmt: skip
    return Prepared(**{**values, **more})


def warnings(found: Prepared, *, update: bool = False, safety: bool = True) -> str:
    return "\n".join(plan(found, update=update, safety=safety, now=3 * HOUR).warnings)


def test_pods_that_are_made_anew_load_their_dump_over_volumes_that_stayed() -> None:
    survey = Survey(5, 2, (DATA,), claims=("data-m-0",), hooks=("m-0",))
    said = warnings(prepared(survey))
    assert "the restore hook of m-0 loads the dump of the backup" in said
    assert "NOT rolled back" not in said
    assert untouched(prepared(survey)) == ()


def test_pods_that_live_load_nothing() -> None:
    survey = Survey(5, 2, (DATA,), claims=("data-m-0",), idle_hooks=("m-0",))
    said = warnings(prepared(survey))
    assert "its data is NOT rolled back" in said
    assert "m-0 still runs, so the restore hook that loads the dump does not run there." in said
    assert untouched(prepared(survey)) == ("data-m-0",)


def test_volumes_without_data_in_the_backup_come_back_empty() -> None:
    proof = Proof(unprotected=(Unprotected("data-m-0", "no agent", "x"),))
    said = warnings(prepared(Survey(5), proof=proof))
    assert said == ("The backup has no data of data-m-0 (no agent): these volumes come back EMPTY.")
    assert "EMPTY" not in warnings(prepared(LIVE, proof=proof)), "it stays as it is"


def test_volumes_that_are_refilled_are_counted() -> None:
    proof = Proof((Protected("data-m-0", "copied as files", 5),))

    def rows(found: Prepared) -> list[tuple[str, str, str]]:
        changes = plan(found, update=False, safety=True, now=0).changes
        return [(c.what, c.before, c.after) for c in changes]

    refilled = ("data of 1 volume", "not there", "restored")
    assert refilled in rows(prepared(Survey(5), proof=proof))
    assert refilled not in rows(prepared(LIVE, proof=proof))
    assert refilled not in rows(prepared(Survey(5), proof=proof, resources=("secrets",)))


def test_an_incomplete_backup_and_newer_ones_are_told() -> None:
    bad = {"phase": "PartiallyFailed", "errors": 2}
    choice_of = prepared(Survey(5), bad).backup
    choice = Choice(choice_of, "the newest", (("b-2", "Failed"),))
    said = warnings(prepared(Survey(5), choice=choice))
    assert "Newer, but not good: b-2 (Failed)." in said
    assert "The backup is incomplete (2 errors): `backup describe b-1` tells" in said


ROOM = Room(
    (Doomed("StatefulSet", "m", "1"),),
    (Doomed("PersistentVolumeClaim", "data-m-0", "2"),),
    kept=("cache",),
    retained=("pv-7",),
)


def test_a_replace_says_what_is_lost_and_what_outlives_it() -> None:
    said = warnings(prepared(LIVE, room=ROOM), safety=False)
    assert "everything written after the backup (3 h ago) is lost" in said
    assert "No safety backup is made first: there is no way back." in said
    assert "pv-7 keeps the old data (reclaim policy Retain)" in said
    assert "The backup has no data of cache, so this volume stays" in said
    facts = plan(prepared(LIVE, room=ROOM), update=False, safety=True, now=0).facts
    assert facts["workloads"] == [["StatefulSet", "m", "1"]]
    assert facts["claims"] == [["PersistentVolumeClaim", "data-m-0", "2"]]


@pytest.mark.parametrize("update", [True, False])
def test_what_exists_is_kept_or_patched(update: bool) -> None:
    made = plan(prepared(LIVE), update=update, safety=True, now=0)
    after = {c.what: c.after for c in made.changes}
    assert after["ConfigMap settings"] == (
        "patched where it differs" if update else "stays as it is"
    )
    assert ("--update patches them" in "".join(made.warnings)) is not update
    assert "PersistentVolumeClaim data-m-0" not in after, "told as data"


def test_many_objects_are_a_number() -> None:
    many = tuple(met("secrets", f"Secret s{n}") for n in range(30))
    made = plan(prepared(Survey(30, 30, many)), update=False, safety=True, now=0)
    assert len(made.changes) < 12
    assert "22 more that exist" in {c.what for c in made.changes}


def test_the_fingerprint_moves_with_what_is_there_and_with_the_mode() -> None:
    def print_(survey: Survey, update: bool = False) -> str:
        return plan(prepared(survey), update=update, safety=True, now=0).fingerprint("restore", {})

    same = print_(Survey(5, marks="a"))
    assert print_(Survey(5, marks="a")) == same
    assert print_(Survey(5, marks="b")) != same
    assert print_(Survey(5, marks="a"), update=True) != same


def test_a_volume_on_the_storage_of_another_cluster_is_told() -> None:
    """Both would write to it."""
    home = Intent("parse", "spare", APP, home="main")
    ties = (Tied("data-m-0", "parse", "pv-1", held=True),)
    said = warnings(prepared(Survey(5), intent=home, remade=ties))
    assert "data-m-0 (volume pv-1)" in said
    assert "If main still uses that storage, BOTH write to it: stop it first." in said
