"""Where alerts go: routes, mentions, quiet hours, maintenance."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.alerts.routing import Route, fits, labels_of, route, worst
from bot.config.routing import RoutingConfig

ONCALL, DB, ANN = "slack-group:T1/S1", "slack-group:T1/S2", "slack:T1/U1"
NOON = "2026-11-23T12:00:00+00:00"  # a Monday


def rules(**body: Any) -> RoutingConfig:
    return RoutingConfig.model_validate(body)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


def routed(config: RoutingConfig, when: str = NOON, **labels: str) -> Route:
    return route(config, labels, at(when), default="C0OPS")


def test_without_any_rule_alerts_go_to_the_ops_channel_and_call_nobody() -> None:
    assert routed(rules(), severity="critical") == Route("C0OPS")


def test_the_first_route_that_fits_counts() -> None:
    config = rules(
        channel="C0ALERTS",
        routes=[
            {"match": {"namespace": ["parse", "shop-*"], "severity": "critical"}, "channel": "C01"},
            {"match": {"namespace": "parse"}, "channel": "C02"},
        ],
    )
    assert routed(config, namespace="parse", severity="critical").channel == "C01"
    assert routed(config, namespace="shop-eu", severity="critical").channel == "C01"
    assert routed(config, namespace="parse", severity="warning").channel == "C02"
    assert routed(config, namespace="other").channel == "C0ALERTS"


def test_the_severity_says_who_is_called_and_a_route_may_say_it_otherwise() -> None:
    config = rules(
        mentions={"critical": [ONCALL, ANN]},
        routes=[
            {"match": {"team": "db"}, "mentions": {"warning": [DB]}},
            {"match": {"team": "web"}, "channel": "C0WEB"},
        ],
    )
    assert routed(config, severity="critical").mentions == (ONCALL, ANN)
    assert routed(config, severity="warning").mentions == ()
    assert routed(config, team="db", severity="warning").mentions == (DB,)
    assert routed(config, team="db", severity="critical").mentions == ()
    assert routed(config, team="web", severity="critical").mentions == (ONCALL, ANN)


QUIET = {"start": "22:00", "end": "07:00", "timezone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("when", "quiet"),
    [
        ("2026-11-23T21:59:00+01:00", False),
        ("2026-11-23T22:00:00+01:00", True),
        ("2026-11-24T06:59:00+01:00", True),
        ("2026-11-24T07:00:00+01:00", False),
        ("2026-07-23T06:30:00+02:00", True),  # summer: the same clock, another offset
    ],
)
def test_in_quiet_hours_nobody_is_called_but_it_is_posted(when: str, quiet: bool) -> None:
    config = rules(mentions={"warning": [ONCALL]}, quiet_hours=[QUIET])
    found = routed(config, when, severity="warning")
    assert found.mentions == (() if quiet else (ONCALL,))
    assert ("quiet hours until 07:00 Europe/Berlin" in found.quiet) is quiet
    assert found.muted == ""


def test_critical_alerts_call_at_night_unless_configured_otherwise() -> None:
    night = "2026-11-23T23:00:00+01:00"
    mentions = {"critical": [ONCALL]}
    loud = rules(mentions=mentions, quiet_hours=[QUIET])
    still = rules(mentions=mentions, quiet_hours=[{**QUIET, "critical": True}])
    assert routed(loud, night, severity="critical").mentions == (ONCALL,)
    assert routed(still, night, severity="critical").mentions == ()


def test_quiet_days_are_those_on_which_the_hours_begin() -> None:
    window = {"start": "20:00", "end": "08:00", "days": ["fri"]}
    config = rules(mentions={"warning": [ONCALL]}, quiet_hours=[window])
    quiet = {
        day: bool(routed(config, day, severity="warning").quiet)
        for day in (
            "2026-11-27T07:00:00+00:00",  # Friday morning belongs to Thursday's night
            "2026-11-27T21:00:00+00:00",
            "2026-11-28T07:00:00+00:00",
            "2026-11-28T21:00:00+00:00",
        )
    }
    assert list(quiet.values()) == [False, True, True, False]


def test_a_whole_day_can_be_quiet() -> None:
    window = {"start": "00:00", "end": "24:00", "days": ["sun"]}
    config = rules(mentions={"warning": [ONCALL]}, quiet_hours=[window])
    assert routed(config, "2026-11-22T23:59:00+00:00", severity="warning").quiet
    assert not routed(config, "2026-11-23T00:00:00+00:00", severity="warning").quiet


def test_maintenance_mutes_what_it_names_while_it_lasts() -> None:
    window = {
        "start": "2026-11-23T11:00:00+01:00",
        "end": "2026-11-23T14:00:00+01:00",
        "reason": "new disks",
        "match": {"cluster": "main", "instance": "worker-*"},
    }
    config = rules(maintenance=[window])
    here = {"cluster": "main", "instance": "worker-3"}
    assert routed(config, **here).muted == "maintenance until 2026-11-23 13:00 UTC: new disks"
    assert routed(config, "2026-11-23T13:00:00+00:00", **here).muted == ""
    assert routed(config, "2026-11-23T09:59:00+00:00", **here).muted == ""
    assert routed(config, cluster="other", instance="worker-3").muted == ""


def test_a_group_is_routed_by_what_all_its_alerts_share_and_the_worst_severity() -> None:
    alerts = [
        {"alertname": "Down", "pod": "a", "severity": "warning", "cluster": "theirs"},
        {"alertname": "Down", "pod": "b", "severity": "critical", "cluster": "theirs"},
    ]
    assert labels_of("main", alerts) == {
        "alertname": "Down",
        "severity": "critical",
        "cluster": "main",
    }
    assert labels_of("main", []) == {"cluster": "main"}
    assert worst(["info", "page", "warning"]) == "page"
    assert worst(["", ""]) == ""


def test_only_the_star_is_special() -> None:
    assert fits({"path": "/a/[b]?"}, {"path": "/a/[b]?"})
    assert not fits({"path": "/a/[b]?"}, {"path": "/a/bc"})
    assert fits({"namespace": ""}, {})
    assert not fits({"namespace": "*x"}, {})


@given(st.text())
def test_a_value_without_a_star_fits_exactly_itself(value: str) -> None:
    if "*" not in value:
        assert fits({"a": value}, {"a": value})
        assert not fits({"a": value}, {"a": value + "x"})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"routes": [{"match": {}, "channel": "C01"}]}, "at least 1"),
        ({"mentions": {"critical": ["@oncall"]}}, "slack-group:TEAM/GROUP"),
        ({"quiet_hours": [{"start": "25:00", "end": "07:00"}]}, "time of day"),
        ({"quiet_hours": [{**QUIET, "timezone": "Mars/Base"}]}, "no time zone"),
        ({"escalate": {"after": "15m", "mentions": []}}, "at least 1"),
        (
            {"maintenance": [{"start": NOON, "end": NOON, "reason": "x"}]},
            "must end after it starts",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_start(body: Any, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        rules(**body)
