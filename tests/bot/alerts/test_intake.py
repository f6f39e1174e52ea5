"""What a notification changes in the state: news once, everything else not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.alerts import intake
from bot.alerts.webhook import read
from bot.store import alert_news, alerts, storms
from bot.store.alerts import Episode
from bot.store.db import Store
from bot.store.storms import Storm
from tests.bot.alerts.conftest import START, Clock
from tests.bot.alerts.payloads import alert, body

MINUTE = 60_000_000
QUIET = 15 * MINUTE

Notify = Callable[..., Any]


@pytest.fixture
def notify(store: Store, clock: Clock) -> Notify:
    async def post(*found: dict[str, Any], cluster: str = "main", **changes: Any) -> bool:
        delivery = read(cluster, body(*found, **changes))
        return await store.write(lambda db: intake.record(db, delivery, clock.now, QUIET))

    return post


async def episodes(store: Store) -> list[Episode]:
    def work(db: Any) -> list[Episode]:
        ids = [row[0] for row in db.execute("SELECT id FROM episodes ORDER BY created_at, rowid")]
        found = [alerts.find(db, one) for one in ids]
        return [one for one in found if one is not None]

    return await store.read(work)


async def test_an_episode_counts_its_alerts_and_ends_with_the_last(
    store: Store, notify: Notify, clock: Clock
) -> None:
    began = START - 5 * MINUTE
    assert await notify(alert(began, pod="a"), alert(began + MINUTE, pod="b"))
    (one,) = await episodes(store)
    assert (one.state, one.firing, one.total, one.severity) == ("firing", 2, 2, "critical")
    assert one.title == "PodsNotReady: parse"
    assert one.opened_at == began
    assert one.shared == {
        "alertname": "PodsNotReady",
        "severity": "critical",
        "namespace": "parse",
    }
    clock.now += MINUTE
    assert await notify(alert(began, pod="a", ended=clock.now), alert(began + MINUTE, pod="b"))
    (one,) = await episodes(store)
    assert (one.state, one.firing, one.total, one.closed_at) == ("firing", 1, 2, None)
    assert await notify(alert(began + MINUTE, pod="b", ended=clock.now))
    (one,) = await episodes(store)
    assert (one.state, one.firing, one.closed_at) == ("resolved", 0, clock.now)


async def test_a_copy_a_retry_and_a_repeat_change_nothing(
    store: Store, notify: Notify, clock: Clock
) -> None:
    one = alert(START, pod="a")
    assert await notify(one)
    (before,) = await episodes(store)
    clock.now += MINUTE
    assert not await notify(one)
    over = alert(START, pod="a", ended=START + MINUTE)
    assert await notify(over)
    assert not await notify(over)
    assert not await notify(one)  # the late copy of the other Alertmanager
    (after,) = await episodes(store)
    assert (before.revision, after.revision, after.state) == (1, 2, "resolved")


async def test_what_fires_again_soon_goes_on_in_its_episode_and_later_gets_another(
    store: Store, notify: Notify, clock: Clock
) -> None:
    await notify(alert(START))
    await notify(alert(START, ended=START + 1))
    clock.now += MINUTE
    assert await notify(alert(START + MINUTE))
    (one,) = await episodes(store)
    assert (one.state, one.total, one.closed_at) == ("firing", 1, None)
    assert await notify(alert(START + MINUTE, ended=clock.now))
    clock.now += QUIET + 1
    assert await notify(alert(clock.now))
    first, second = await episodes(store)
    assert first.id != second.id
    assert (first.state, second.state) == ("resolved", "firing")


async def test_a_firing_that_says_the_old_beginning_long_after_its_end_is_believed(
    store: Store, notify: Notify, clock: Clock
) -> None:
    await notify(alert(START))
    await notify(alert(START, ended=START + 1))
    clock.now += intake.STALE + 1
    assert await notify(alert(START))
    (one,) = await episodes(store)
    assert one.state == "firing"


async def test_what_began_and_ended_unheard_is_no_episode(store: Store, notify: Notify) -> None:
    assert not await notify(alert(START, ended=START + 1))
    assert await episodes(store) == []


async def test_the_owner_of_an_episode_that_is_over_does_not_own_the_next_firing(
    store: Store, notify: Notify, clock: Clock
) -> None:
    await notify(alert(START))
    (one,) = await episodes(store)
    await store.write(lambda db: alerts.own(db, one.id, "slack:T1/U1", "ada", START))
    await notify(alert(START, pod="b"))
    (one,) = await episodes(store)
    assert one.owner == "slack:T1/U1"
    await notify(alert(START, ended=START + 1), alert(START, pod="b", ended=START + 1))
    clock.now += MINUTE
    await notify(alert(START + MINUTE))
    (one,) = await episodes(store)
    assert (one.state, one.owner, one.owned_at) == ("firing", "", None)


async def test_clusters_receivers_and_groups_are_told_apart(store: Store, notify: Notify) -> None:
    await notify(alert(START))
    await notify(alert(START), cluster="spare")
    await notify(alert(START), receiver="other")
    await notify(alert(START), groupKey="{}:{}")
    assert len({one.id for one in await episodes(store)}) == 4


async def test_an_end_reaches_the_episode_of_the_group_that_the_routes_had_before(
    store: Store, notify: Notify
) -> None:
    await notify(alert(START), groupKey="old")
    await notify(alert(START), groupKey="new")
    await notify(alert(START, ended=START + 1), groupKey="new")
    assert [one.state for one in await episodes(store)] == ["resolved", "resolved"]


@pytest.mark.parametrize("skew", [-3 * 60 * MINUTE, 3 * 60 * MINUTE])
async def test_a_clock_that_is_hours_off_makes_no_nonsense(
    store: Store, notify: Notify, clock: Clock, skew: int
) -> None:
    await notify(alert(START + skew))
    (one,) = await episodes(store)
    assert one.opened_at == min(START, START + skew)
    clock.now += MINUTE
    assert not await notify(alert(START + skew))
    await notify(alert(START + skew, ended=START + skew + MINUTE))
    (one,) = await episodes(store)
    assert one.closed_at == clock.now


async def test_groups_without_a_common_rule_and_endless_names_still_have_a_title(
    store: Store, notify: Notify
) -> None:
    several = [alert(START, alertname=f"Rule{n}") for n in range(5)]
    await notify(*several, labels={"namespace": "parse"})
    await notify(alert(START, alertname="x" * 900), labels={"alertname": "x" * 900})
    named, endless = await episodes(store)
    assert named.title == "Rule0, Rule1, Rule2 …: parse"
    assert len(endless.title) <= intake.TITLE


async def test_of_one_notification_that_says_both_the_last_word_counts(
    store: Store, notify: Notify
) -> None:
    await notify(alert(START), alert(START, ended=START + 1))
    (one,) = await episodes(store)
    assert (one.state, one.total) == ("resolved", 1)


async def test_old_episodes_go_with_their_alerts_and_open_ones_stay(
    store: Store, notify: Notify, clock: Clock
) -> None:
    await notify(alert(START))
    await notify(alert(START, ended=START + 1))
    await notify(alert(START, alertname="B"), groupKey="b")
    clock.now += 100 * 86_400_000_000
    assert await store.write(lambda db: alerts.prune(db, clock.now)) == 1
    (left,) = await episodes(store)
    assert left.title.startswith("B")
    count = await store.read(lambda db: db.execute("SELECT count(*) FROM alerts").fetchone()[0])
    assert count == 1


async def lose(store: Store, now: int) -> None:
    def work(db: Any) -> None:
        (one,) = alerts.standing(db)
        rows = alerts.alerts_of(db, one.id)
        lost = [replace(r, status="lost", ends_at=now, changed_at=now) for r in rows]
        alerts.put_alerts(db, lost)
        intake.settle(db, one, now)

    await store.write(work)


@pytest.mark.parametrize("after", [MINUTE, QUIET + MINUTE])
async def test_the_end_of_what_was_lost_sight_of_is_taken_in(
    store: Store, notify: Notify, clock: Clock, after: int
) -> None:
    await notify(alert(START))
    clock.now += MINUTE
    await lose(store, clock.now)
    (one,) = await episodes(store)
    assert (one.state, one.closed_at) == ("lost", clock.now)
    clock.now += after
    assert await notify(alert(START, ended=START + 5))
    (one,) = await episodes(store)
    assert (one.state, one.closed_at, one.revision) == ("resolved", START + MINUTE, 3)
    (row,) = await store.read(lambda db: alerts.alerts_of(db, one.id))
    assert (row.status, row.ends_at) == ("resolved", START + 5)
    assert not await notify(alert(START, ended=START + 5))


@pytest.mark.parametrize("state", ["raging", "calm", "closed", "gone"])
async def test_what_fires_again_after_a_storm_gets_a_place_anew(
    store: Store, notify: Notify, clock: Clock, state: str
) -> None:
    await notify(alert(START))
    calm, over = (None if state == "raging" else START), (START if state == "closed" else None)

    def fold(db: Any) -> None:
        (one,) = alerts.standing(db)
        if state != "gone":
            storms.put(db, Storm("storm/x", "", START, START, calm, over, 1, 1))
        alerts.put(db, replace(one, storm="storm/x", placed_at=START, shown=one.revision))

    await store.write(fold)
    await notify(alert(START, ended=START + 1))
    clock.now += MINUTE
    await notify(alert(START + MINUTE))
    (one,) = await episodes(store)
    expected = ("storm/x", START) if state == "raging" else ("", 0)
    assert (one.storm, one.placed_at) == expected


async def test_what_fires_again_gets_a_picture_again(
    store: Store, notify: Notify, clock: Clock
) -> None:
    def drawn(db: Any) -> None:
        (one,) = alerts.standing(db)
        alerts.put(db, replace(one, message_key="root", picture="done"))

    await notify(alert(START))
    await store.write(drawn)
    clock.now += 60 * MINUTE
    await notify(alert(START, ended=clock.now))
    clock.now += MINUTE
    assert await store.read(lambda db: alert_news.bare(db, clock.now - MINUTE)) == []
    await notify(alert(clock.now))
    (one,) = await store.read(lambda db: alert_news.bare(db, clock.now - MINUTE))
    assert one.picture == ""
    assert await store.read(lambda db: alert_news.bare(db, clock.now + 1)) == []


async def test_what_ended_by_mistake_and_fires_one_short_interval_later_is_believed(
    store: Store, notify: Notify, clock: Clock
) -> None:
    await notify(alert(START))
    clock.now += 5 * MINUTE
    await notify(alert(START, ended=clock.now))
    clock.now += MINUTE
    assert await notify(alert(START))
    (one,) = await episodes(store)
    assert (one.state, one.closed_at) == ("firing", None)


async def test_the_title_of_a_mixed_group_names_what_fires(
    store: Store, notify: Notify, clock: Clock
) -> None:
    async def titled(*fires: str, ends: str = "") -> str:
        clock.now += MINUTE
        found = [alert(START, alertname=name) for name in fires]
        found += [alert(START, alertname=ends, ended=clock.now)] if ends else []
        await notify(*found, labels={"namespace": "parse"})
        (one,) = await episodes(store)
        return one.title

    assert await titled("DiskFull", "PodDown") == "DiskFull, PodDown: parse"
    assert await titled("DiskFull", "PodDown", "ApiSlow") == "ApiSlow, DiskFull, PodDown: parse"
    assert await titled("DiskFull", "ApiSlow", ends="PodDown") == "ApiSlow, DiskFull: parse"
    assert await titled("ApiSlow", ends="DiskFull") == "ApiSlow: parse"
    assert await titled(ends="ApiSlow") == "ApiSlow: parse"


@pytest.mark.parametrize("where", ["fingerprint", "generatorURL", "groupLabels", "externalURL"])
async def test_half_a_character_is_stored_as_a_question_mark(
    store: Store, notify: Notify, where: str
) -> None:
    half, one = "http://web.example/\ud83d", alert(START)
    changes: dict[str, Any] = {"labels": {"namespace": half}} if where == "groupLabels" else {}
    if where in one:
        one[where] = half
    elif not changes:
        changes = {where: half}
    assert await notify(one, **changes)
    (found,) = await episodes(store)
    (row,) = await store.read(lambda db: alerts.alerts_of(db, found.id))
    told = (row.fingerprint, row.source, found.labels["namespace"], found.source)
    assert "http://web.example/?" in told
