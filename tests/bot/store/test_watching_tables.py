"""Threads, buttons and sightings: what of them a restart needs."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from sqlite_utils import Database

from bot.store import alert_threads, offers, sightings
from bot.store.alert_threads import Thread
from bot.store.sightings import Sighting


def thread(key: str = "k1", condition: str = "velero/main/server", at: int = 10) -> Thread:
    return Thread(key, condition, "main", "away", {"root": []}, at, at)


def test_a_condition_has_one_open_thread(db: Database) -> None:
    alert_threads.put(db, thread())
    with pytest.raises(sqlite3.IntegrityError):
        alert_threads.put(db, thread("k2"))
    alert_threads.put(db, replace(thread(), closed_at=20))
    alert_threads.put(db, thread("k2", at=30))
    assert [t.message_key for t in alert_threads.standing(db)] == ["k2"]


def test_a_thread_is_written_again(db: Database) -> None:
    alert_threads.put(db, thread())
    changed = replace(thread(), title="still away", body={"root": [1]}, changed_at=11)
    alert_threads.put(db, changed)
    assert alert_threads.get(db, "k1") == changed
    assert alert_threads.get(db, "k9") is None


def test_names_are_no_patterns(db: Database) -> None:
    alert_threads.put(db, thread("k1", "velero/a_b/x"))
    alert_threads.put(db, thread("k2", "velero/axb/x"))
    assert [t.message_key for t in alert_threads.standing(db, "velero/a_b/")] == ["k1"]


def test_the_last_closed_one_is_found_if_it_is_young(db: Database) -> None:
    for key, closed in (("k1", 20), ("k2", 40)):
        alert_threads.put(db, replace(thread(key), closed_at=closed))
    found = alert_threads.closed_since(db, "velero/main/server", 30)
    assert found is not None
    assert found.message_key == "k2"
    assert alert_threads.closed_since(db, "velero/main/server", 41) is None


def test_a_button_keeps_its_id(db: Database) -> None:
    first = offers.put(db, "k1", "backup list", 1)
    assert offers.put(db, "k1", "backup list", 2) == first
    assert offers.put(db, "k2", "backup list", 2) != first
    assert offers.get(db, first) == "backup list"
    assert offers.get(db, "unknown") is None


def test_sightings_of_a_cluster(db: Database) -> None:
    sightings.note(db, "main", [Sighting("a", "running", 1), Sighting("b", "ended", 1)])
    sightings.note(db, "main", [Sighting("a", "ended", 2)])
    sightings.note(db, "spare", [Sighting("a", "running", 3)])
    assert sightings.of(db, "main")["a"] == Sighting("a", "ended", 2)
    assert sightings.forget(db, "main", {"a", "c"}) == 1
    assert set(sightings.of(db, "main")) == {"b"}
    assert set(sightings.of(db, "spare")) == {"a"}
