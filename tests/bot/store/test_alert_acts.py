"""Silences and escalations as they were told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.store import alert_acts, alerts
from bot.store.alert_acts import Silencing
from bot.store.alerts import AlertRow, Episode
from bot.store.db import Store

NOW = 1_800_000_000_000_000
HOUR = 3_600_000_000


def episode(name: str, **changes: Any) -> Episode:
    made = Episode(
        id=name,
        cluster="main",
        receiver="onprem",
        group_key=f"{{}}:{{alertname={name!r}}}",
        labels={"alertname": name},
        shared={"alertname": name},
        state="firing",
        title=name,
        severity="critical",
        firing=2,
        total=2,
        truncated=0,
        source="",
        channel="C0OPS",
        message_key=f"episode/{name}",
        storm="",
        muted="",
        owner="",
        owner_person="",
        owned_at=None,
        created_at=NOW,
        opened_at=NOW,
        changed_at=NOW,
        closed_at=None,
        revision=1,
        shown=1,
        picture="",
    )
    return replace(made, **changes)


def put(db: Any, one: Episode) -> None:
    """Writes an episode with an alert of its severity that fires."""
    alerts.put(db, one)
    labels = {"alertname": one.id, "severity": one.severity}
    row = AlertRow(one.id, "f1", "firing", labels, {}, 0, NOW, None, "", NOW, NOW, "", None)
    alerts.put_alerts(db, [row])


def silencing(silence: str, about: str, **changes: Any) -> Silencing:
    made = Silencing("main", silence, about, "ann", "", "", "disks", 2, NOW, NOW + HOUR, NOW)
    return replace(made, **changes)


async def test_a_silence_holds_until_it_is_ended_for_all_its_episodes(store: Store) -> None:
    def work(db: Any) -> Any:
        for one in (
            silencing("s1", "e1"),
            silencing("s1", "e2"),
            silencing("s2", "e1", ends_at=NOW + 2 * HOUR),
            silencing("s1", "e3", cluster="other"),
        ):
            alert_acts.put(db, one)
        alert_acts.put(db, silencing("s1", "e1", covers=1))
        before = [(s.silence, s.covers) for s in alert_acts.of_episode(db, "e1")]
        gone = sorted(alert_acts.end(db, "main", "s1", NOW + HOUR))
        again = alert_acts.end(db, "main", "s1", NOW + HOUR)
        after = [s.silence for s in alert_acts.of_episode(db, "e1")]
        left = [(s.silence, s.episode) for s in alert_acts.standing(db, "main")]
        return before, gone, again, after, left

    assert await store.write(work) == (
        [("s2", 2), ("s1", 1)],
        ["e1", "e2"],
        [],
        ["s2"],
        [("s2", "e1")],
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"closed_at": NOW, "state": "resolved"},
        {"owner": "slack:T1/ANN"},
        {"muted": "maintenance", "message_key": ""},
        {"severity": "warning"},
    ],
    ids=["closed", "owned", "muted", "not critical"],
)
async def test_only_what_nobody_cares_for_is_escalated(store: Store, changes: Any) -> None:
    def work(db: Any) -> list[str]:
        put(db, episode("a"))
        put(db, episode("b", **changes))
        for name in "ab":
            alert_acts.wait(db, name, "critical", NOW)
        return alert_acts.unowned(db, ("critical",), NOW)

    assert await store.write(work) == ["a"]


async def test_a_silence_of_all_its_alerts_keeps_an_episode_from_escalating(store: Store) -> None:
    def work(db: Any) -> list[str]:
        for name, covers in (("a", 1), ("b", 2), ("c", 2)):
            put(db, episode(name))
            alert_acts.wait(db, name, "critical", NOW)
            alert_acts.put(db, silencing(name, name, covers=covers))
        alert_acts.end(db, "main", "c", NOW)
        return alert_acts.unowned(db, ("critical",), NOW)

    assert await store.write(work) == ["a", "c"]


async def test_an_episode_is_escalated_once(store: Store) -> None:
    def work(db: Any) -> Any:
        put(db, episode("a"))
        alert_acts.wait(db, "a", "critical", NOW)
        first, second = (alert_acts.escalate(db, "a", NOW + n) for n in range(2))
        return first, second, alert_acts.unowned(db, ("critical",), NOW)

    assert await store.write(work) == (True, False, [])
    assert await store.read(lambda db: alert_acts.escalated_at(db, "a")) == NOW
    assert await store.read(lambda db: alert_acts.escalated_at(db, "b")) is None


async def test_old_acts_are_forgotten_but_not_of_what_still_stands(store: Store) -> None:
    def work(db: Any) -> Any:
        put(db, episode("open"))
        for name in ("open", "closed"):
            alert_acts.escalate(db, name, NOW)
        alert_acts.put(db, silencing("s1", "open"))
        alert_acts.put(db, silencing("s2", "closed", ended_at=NOW))
        return alert_acts.prune(db, NOW + 1), alert_acts.escalated_at(db, "open")

    assert await store.write(work) == (2, NOW)


async def test_what_fires_again_has_called_nobody_yet(store: Store) -> None:
    def work(db: Any) -> Any:
        for name in "ab":
            put(db, episode(name))
            alert_acts.escalate(db, name, NOW)
            alert_acts.call(db, name, ["ann"], NOW)
        alert_acts.fired_again(db, "a")
        called = [alert_acts.call(db, name, ["ann"], NOW) for name in "ab"]
        return alert_acts.escalated_at(db, "a"), alert_acts.escalated_at(db, "b"), called

    assert await store.write(work) == (None, NOW, [("ann",), ()])


async def test_it_waits_since_it_first_had_a_severity_that_calls(store: Store) -> None:
    def work(db: Any) -> Any:
        put(db, episode("a"))
        for n, severity in enumerate(("warning", "error", "critical", "critical", "error")):
            alert_acts.wait(db, "a", severity, NOW + n)
        return [
            [n for n in range(5) if alert_acts.unowned(db, severities, NOW + n)]
            for severities in (("critical",), ("critical", "error"), ("info",))
        ]

    assert await store.write(work) == [[2, 3, 4], [1, 2, 3, 4], []]


async def test_nobody_is_called_about_a_critical_alert_of_a_group_that_has_ended(
    store: Store,
) -> None:
    def work(db: Any, status: str) -> list[str]:
        put(db, episode("a"))
        alert_acts.wait(db, "a", "critical", NOW)
        labels = {"alertname": "a", "severity": "warning"}
        row, *_ = alerts.alerts_of(db, "a")
        still = replace(row, fingerprint="f2", labels=labels)
        alerts.put_alerts(db, [replace(row, status=status), still])
        return alert_acts.unowned(db, ("critical",), NOW)

    assert await store.write(lambda db: work(db, "firing")) == ["a"]
    assert await store.write(lambda db: work(db, "resolved")) == []
