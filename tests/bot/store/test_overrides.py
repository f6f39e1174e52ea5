"""Overrides: they belong to revisions, and a rollback brings them back."""

from __future__ import annotations

import pytest

from bot.store import overrides
from bot.store.overrides import Override


def make(kind, value, path="", at=1):
    return Override(kind, path, value, "slack:T1/U1", "ada", at, "r1")


IMAGE = make("version", "8.2.0")
REPLICAS = make("replicas", 2, "statefulset/mongodb")
VALUE = make("value", {"cpu": "2"}, "resources.limits")


def test_an_app_without_overrides_has_an_empty_set(db):
    found = overrides.current(db, "lab", "parse")
    assert (found.revision, found.items, found.version, found.values) == (0, (), None, {})


def test_each_revision_keeps_its_own(db):
    overrides.save(db, "lab", "parse", 1, [IMAGE])
    overrides.save(db, "lab", "parse", 2, [IMAGE, VALUE])
    overrides.put(db, "lab", "parse", 2, REPLICAS)
    now = overrides.current(db, "lab", "parse")
    assert now.revision == 2
    assert (now.version, now.chart_version) == ("8.2.0", None)
    assert now.values == {"resources.limits": {"cpu": "2"}}
    assert now.replicas == {"statefulset/mongodb": 2}
    assert overrides.at_revision(db, "lab", "parse", 1).items == (IMAGE,)
    assert overrides.current(db, "lab", "other").items == ()
    assert overrides.current(db, "prod", "parse").items == ()


def test_a_rollback_brings_back_those_of_its_target(db):
    overrides.save(db, "lab", "parse", 1, [IMAGE])
    overrides.save(db, "lab", "parse", 3, [REPLICAS])
    overrides.carry(db, "lab", "parse", 2, 4)  # revision 2 was made with those of 1
    assert overrides.current(db, "lab", "parse") == overrides.OverrideSet(4, (IMAGE,))


def test_a_reset_leaves_an_empty_set_and_not_the_one_before(db):
    overrides.save(db, "lab", "parse", 1, [IMAGE])
    overrides.save(db, "lab", "parse", 2, [])
    assert overrides.current(db, "lab", "parse").items == ()


def test_single_ones_are_replaced_and_dropped(db):
    overrides.put(db, "lab", "parse", 1, IMAGE, REPLICAS)
    later = make("replicas", 5, "statefulset/mongodb", at=9)
    overrides.put(db, "lab", "parse", 1, later)
    assert overrides.current(db, "lab", "parse").items == (later, IMAGE)
    overrides.drop(db, "lab", "parse", 2, [("version", "")])
    assert overrides.current(db, "lab", "parse").items == (later,)
    assert overrides.at_revision(db, "lab", "parse", 1).items == (later, IMAGE)


def test_uninstalling_forgets_since_revisions_begin_again(db):
    overrides.save(db, "lab", "parse", 1, [IMAGE])
    overrides.save(db, "lab", "other", 1, [IMAGE])
    assert overrides.forget(db, "lab", "parse") == 1
    assert overrides.current(db, "lab", "parse").items == ()
    assert overrides.current(db, "lab", "other").items == (IMAGE,)


def test_an_unknown_kind_is_refused(db):
    with pytest.raises(Exception, match="CHECK"):
        overrides.save(db, "lab", "parse", 1, [make("mood", 1)])


def test_a_new_release_begins_with_what_the_last_one_had_in_force(db):
    overrides.save(db, "lab", "parse", 1, [IMAGE])
    overrides.save(db, "lab", "parse", 5, [REPLICAS])
    overrides.set_aside(db, "lab", "parse")
    assert overrides.current(db, "lab", "parse") == overrides.OverrideSet(0, (REPLICAS,))
    assert overrides.at_revision(db, "lab", "parse", 1).revision == 0
    overrides.save(db, "lab", "parse", 1, [VALUE])
    assert overrides.current(db, "lab", "parse") == overrides.OverrideSet(1, (VALUE,))


def test_revisions_above_a_new_one_are_of_a_release_that_is_gone(db):
    overrides.save(db, "lab", "parse", 5, [REPLICAS])
    overrides.save(db, "lab", "parse", 1, [IMAGE])
    assert overrides.current(db, "lab", "parse") == overrides.OverrideSet(1, (IMAGE,))
