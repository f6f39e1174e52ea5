"""Overrides as chart values: what replaces what, and where it lands."""

from __future__ import annotations

from bot.config import AppConfig
from bot.releases.overrides import (
    CHART_VERSION,
    REPLICAS,
    VALUE,
    VERSION,
    Wish,
    applied,
    chart_version,
    combine,
    from_assignments,
)

APP = AppConfig.model_validate(
    {
        "namespace": "parse",
        "chart": "oci://charts.example.com/x",
        "aliases": {
            "db": {"workload": "statefulset/db", "replicas_value": "db.count"},
            "web": {"workload": "deployment/web"},
        },
    }
)


def test_an_assignment_to_the_version_or_a_size_is_of_that_kind() -> None:
    found = from_assignments(APP, {"image.tag": "2", "db.count": 4, "log.level": "debug"})
    assert [w.key for w in found] == [
        (VERSION, ""),
        (REPLICAS, "statefulset/db"),
        (VALUE, "log.level"),
    ]


def test_every_kind_lands_at_its_value() -> None:
    wishes = (
        Wish(VERSION, "", "2"),
        Wish(REPLICAS, "statefulset/db", 4),
        Wish(REPLICAS, "deployment/web", 9),
        Wish(CHART_VERSION, "", "1.1.0"),
        Wish(VALUE, "log.level", "debug"),
    )
    before = {"image": {"tag": "1", "repository": "r"}}
    assert applied(APP, before, wishes) == {
        "image": {"tag": "2", "repository": "r"},
        "db": {"count": 4},
        "log": {"level": "debug"},
    }
    assert chart_version(wishes) == "1.1.0"


def test_a_later_wish_replaces_those_for_the_same_or_an_inner_value() -> None:
    old = (Wish(VALUE, "log.level", "info"), Wish(VERSION, "", "1"), Wish(VALUE, "x", 1))
    new = (Wish(VALUE, "log", {"level": "debug"}), Wish(VERSION, "", "2"))
    assert combine(APP, old, new) == (Wish(VALUE, "x", 1), *new)


def test_a_wish_for_an_inner_value_keeps_the_outer_one() -> None:
    old = (Wish(VALUE, "log", {"level": "info", "json": True}),)
    new = (Wish(VALUE, "log.level", "debug"),)
    assert applied(APP, {}, combine(APP, old, new)) == {"log": {"level": "debug", "json": True}}


def test_a_wish_reads_as_it_would_be_typed() -> None:
    assert Wish(VERSION, "", "2").words == "version 2"
    assert Wish(VALUE, "metrics.enabled", True).words == "metrics.enabled = true"
    assert Wish(VALUE, "log.level", "debug").words == "log.level = debug"
