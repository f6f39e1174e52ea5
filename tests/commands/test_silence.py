"""silence, unsilence: Alertmanager holds back exactly what was meant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.alerts.silencing import exact, marked, unmarked
from bot.context import Weight
from bot.errors import Failed, Refused, UsageError
from bot.grammar import parse
from bot.registry import COMMANDS
from bot.render import terminal
from bot.store.db import Store
from bot.store.requests import State
from bot.store.roles import Rule
from commands.silence import check_matcher
from integrations.alertmanager import Matcher
from tests.commands.alarms import CHANNEL, ROOT, Alarms, open_alarms
from tests.commands.conftest import ANN, BEN, VIC, Cut, Killed
from tests.commands.test_alerts import DOWN, FULL, buttons

HOUR = 3_600_000_000


@pytest.fixture
async def alarms(tmp_path: Path, store: Store) -> AsyncIterator[Alarms]:
    async with open_alarms(tmp_path, store) as opened:
        yield opened


def pods(*names: str) -> list[dict[str, str]]:
    return [{**DOWN, "pod": name} for name in names]


async def held(alarms: Alarms) -> set[str]:
    """Pods of the alerts that Alertmanager holds back."""
    found = await alarms.client.alerts(active=False)
    return {alert.labels.get("pod", alert.labels["alertname"]) for alert in found}


async def test_a_silence_has_exactly_the_groups_labels_and_the_persons_name(
    alarms: Alarms,
) -> None:
    episode = await alarms.post(await alarms.fire(*pods("a", "b")))
    _, document = await alarms.office.run(f'silence {episode.id} --for 4h --comment "new disks"')
    (made,) = alarms.silences
    assert made["matchers"] == [
        {"name": "alertname", "value": "KubePodNotReady", "isRegex": False, "isEqual": True},
        {"name": "namespace", "value": "parse", "isRegex": False, "isEqual": True},
    ]
    assert made["createdBy"] == "ann"
    assert made["comment"].startswith("new disks [onprem ")
    assert await held(alarms) == {"a", "b"}
    (row,) = await alarms.office.desk.silencings("main")
    assert (row.episode, row.covers, row.person, row.comment) == (
        *(episode.id, 2, "ann", "new disks"),
    )
    assert 0 <= row.ends_at - row.starts_at - 4 * HOUR < HOUR // 100
    assert alarms.told.words[0].startswith("Silenced until ")
    assert "by ann: new disks" in alarms.told.words[0]
    assert buttons(document) == {"Unsilence": f"unsilence {episode.id}"}


async def test_the_plan_says_what_it_will_hold_back(alarms: Alarms) -> None:
    episode = await alarms.fire(*pods("a", "b", "c"))
    plan = await alarms.office.plan(f"silence {episode.id} --for 90m")
    assert plan.summary == f"Silence {episode.title} for 1 h 30 min"
    assert plan.changes[0].what.startswith('3 alerts with alertname="KubePodNotReady"')
    assert plan.weight is Weight.RUN
    assert alarms.silences == []  # a plan only reads


async def test_more_than_it_seems_is_asked_about(alarms: Alarms) -> None:
    """A group lacks a label that other alerts have, so the exact labels hold those back as well."""
    wide = {"alertname": "KubePodNotReady", "severity": "critical"}
    episode = await alarms.fire(wide)
    await alarms.fire(*pods("a", "b"))
    plan = await alarms.office.plan(f"silence {episode.id}")
    assert plan.weight is Weight.CONFIRM
    assert plan.warnings == ("It also holds back 2 alerts of other groups: KubePodNotReady.",)
    long = await alarms.fire(FULL)
    assert (await alarms.office.plan(f"silence {long.id} --for 25h")).weight is Weight.CONFIRM
    assert (await alarms.office.plan(f"silence {long.id} --for 24h")).weight is Weight.RUN


async def test_labels_can_be_given_and_narrow_a_group(alarms: Alarms) -> None:
    episode = await alarms.fire(*pods("a", "b"))
    await alarms.office.run(f"silence {episode.id} --matcher pod=a")
    assert await held(alarms) == {"a"}
    (row,) = await alarms.office.desk.silencings("main")
    assert row.covers == 1


async def test_labels_alone_are_asked_about_and_tell_every_thread(alarms: Alarms) -> None:
    one = await alarms.post(await alarms.fire(*pods("a")), "1.1")
    other = await alarms.post(await alarms.fire({**DOWN, "alertname": "Crash"}), "1.2")
    line = "silence --matcher namespace=parse --for 2d"
    plan = await alarms.office.plan(line)
    assert plan.weight is Weight.CONFIRM
    assert plan.warnings == ("It holds back Crash and KubePodNotReady.",)
    result, document = await alarms.office.run(line)
    assert {key for key, _ in alarms.told.replies} == {one.message_key, other.message_key}
    assert buttons(document) == {"Unsilence": f"unsilence {result.id}"}
    await alarms.office.run(f"unsilence {result.id}")
    assert await held(alarms) == set()


async def test_what_matches_nothing_now_is_asked_about(alarms: Alarms) -> None:
    plan = await alarms.office.plan("silence --matcher alertname=Later")
    assert plan.weight is Weight.CONFIRM
    assert "No alert that fires now" in plan.warnings[0]


HOSTILE = [
    'qu"ote',
    "back\\slash",
    "new\nline",
    "tab\tand space ",
    "{}=~!,",
    "ünïcödé ☃",
    "a=b",
    ".*",
    "|",
]


@pytest.mark.parametrize("value", HOSTILE)
async def test_a_silence_never_holds_back_another_value(alarms: Alarms, value: str) -> None:
    labels = {**DOWN, "namespace": value, "pod": "meant"}
    episode = await alarms.fire(labels)
    await alarms.fire({**DOWN, "namespace": f"{value}x", "pod": "other"})
    await alarms.fire({**DOWN, "namespace": "x", "pod": "other"})
    plan = await alarms.office.plan(f"silence {episode.id}")
    assert plan.changes[0].what.startswith("1 alert with ")
    await alarms.office.run(f"silence {episode.id}")
    assert await held(alarms) == {"meant"}
    await alarms.office.run(f"unsilence {episode.id}")
    assert await held(alarms) == set()


async def test_an_empty_value_means_that_the_label_is_missing(alarms: Alarms) -> None:
    await alarms.fire(FULL)
    await alarms.fire({**FULL, "instance": "worker-2", "team": "db"})
    await alarms.office.run("silence --matcher alertname=DiskFull --matcher team=")
    found = await alarms.client.alerts(active=False)
    assert [alert.labels["instance"] for alert in found] == ["worker-1"]


async def test_what_would_silence_everything_is_refused(alarms: Alarms) -> None:
    nameless = await alarms.fire({"instance": "worker-1"})  # nothing that it is grouped by
    assert nameless.labels == {}
    with pytest.raises(Refused, match="would silence everything"):
        await alarms.office.plan(f"silence {nameless.id}")
    with pytest.raises(Refused, match="would silence everything"):
        await alarms.office.plan("silence --matcher team=")
    with pytest.raises(Refused, match="would silence everything"):
        await alarms.office.plan("silence --matcher team= -n parse")
    with pytest.raises(UsageError, match="Say what to silence"):
        await alarms.office.plan("silence --for 1h")
    with pytest.raises(UsageError, match="two things at once"):
        await alarms.office.plan("silence --matcher a=1 --matcher a=2")
    await alarms.office.run(f"silence {nameless.id} --matcher instance=worker-1")
    assert len(alarms.silences) == 1


@pytest.mark.parametrize("given", ["a=~b", "a!=b", "=b", "a", "a b=c", "1a=b", "a.b=c", '"a"=b'])
def test_only_exact_matchers_are_taken(given: str) -> None:
    assert check_matcher(given) is not None
    with pytest.raises(UsageError, match="matcher"):
        parse(["silence", "--matcher", given], COMMANDS)


@given(st.text())
def test_any_value_can_be_matched_unless_it_looks_like_an_expression(value: str) -> None:
    assert (check_matcher(f"label={value}") is None) is not value.startswith("~")


async def test_a_right_for_one_namespace_silences_nothing_elsewhere(alarms: Alarms) -> None:
    plan = await alarms.office.plan("silence --matcher severity=critical -n parse")
    assert plan.facts["labels"] == {"namespace": "parse", "severity": "critical"}
    with pytest.raises(UsageError, match="two things at once"):
        await alarms.office.plan("silence --matcher namespace=shop -n parse")


async def test_what_is_silenced_as_long_already_needs_nothing(alarms: Alarms) -> None:
    episode = await alarms.fire(DOWN)
    await alarms.office.run(f"silence {episode.id} --for 4h")
    again = await alarms.office.plan(f"silence {episode.id} --for 1h", VIC)
    assert again.nothing
    assert "by ann" in again.summary
    assert not (await alarms.office.plan(f"silence {episode.id} --for 8h", VIC)).nothing


EDGES = [
    (step, edge)
    for step in ("write the silence", "tell it")
    for edge in ("before", "acted", "after")
]


@pytest.mark.parametrize(("step", "edge"), EDGES)
async def test_a_silence_that_was_cut_is_made_once_and_told_once(
    alarms: Alarms, step: str, edge: str
) -> None:
    episode = await alarms.post(await alarms.fire(DOWN))
    await alarms.office.run_cut(f"silence {episode.id}", step, edge)
    assert len(alarms.silences) == 1
    assert len(alarms.told.replies) == 1
    assert len(await alarms.office.desk.silencings("main")) == 1


@pytest.mark.parametrize("edge", ["before", "acted", "after"])
async def test_an_unsilence_that_was_cut_is_finished_and_told_once(
    alarms: Alarms, edge: str
) -> None:
    episode = await alarms.post(await alarms.fire(DOWN))
    result, _ = await alarms.office.run(f"silence {episode.id}")
    alarms.told.replies.clear()
    await alarms.office.run_cut(f"unsilence {episode.id}", f"end silence {result.id}", edge)
    assert await held(alarms) == set()
    assert alarms.told.words == ["ann ended the silence."]
    assert await alarms.office.desk.silencings("main") == []


async def test_while_alertmanager_is_down_nothing_changes_and_it_is_said(alarms: Alarms) -> None:
    episode = await alarms.fire(DOWN)
    plan = await alarms.office.plan(f"silence {episode.id}")
    await alarms.practice.away()
    for line in (f"silence {episode.id}", f"unsilence {episode.id}"):
        with pytest.raises(Exception, match="cannot be used"):
            await alarms.office.plan(line)
    with pytest.raises(Failed, match="cannot be used"):
        await alarms.office.run(f"silence {episode.id}", plan)
    assert await alarms.office.desk.silencings("main") == []
    await alarms.practice.back()
    assert alarms.silences == []
    assert (await alarms.office.run(f"ack {episode.id}"))[0].id == episode.id


async def test_a_cluster_without_alertmanager_says_what_to_set(alarms: Alarms) -> None:
    episode = await alarms.fire(DOWN, cluster="other")
    with pytest.raises(Refused, match="No Alertmanager is configured for other") as refused:
        await alarms.office.plan(f"silence {episode.id} --cluster other")
    assert "clusters.other.alertmanager" in str(refused.value)


async def test_anothers_silence_is_ended_after_a_question(alarms: Alarms) -> None:
    episode = await alarms.fire(DOWN)
    await alarms.office.run(f"silence {episode.id}")
    assert (await alarms.office.plan(f"unsilence {episode.id}")).weight is Weight.RUN
    plan = await alarms.office.plan(f"unsilence {episode.id}", VIC)
    assert plan.weight is Weight.CONFIRM
    assert plan.warnings == ("ann made it, not you.",)
    await alarms.office.run(f"unsilence {episode.id}", plan, asker=VIC)
    assert await held(alarms) == set()
    assert (await alarms.office.plan(f"unsilence {episode.id}")).nothing


def elsewhere(alarms: Alarms, *matchers: dict[str, Any], hours: int = 2) -> str:
    """A silence that somebody made on Alertmanager's own page."""
    now = alarms.practice.clock()
    return alarms.practice.silences.put(
        {
            "matchers": [{"isRegex": False, "isEqual": True, **one} for one in matchers],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=hours)).isoformat(),
            "createdBy": "zoe",
            "comment": "known",
        }
    )


async def test_a_silence_made_elsewhere_can_be_ended_here(alarms: Alarms) -> None:
    one, two = await alarms.fire(DOWN), await alarms.fire(FULL)
    elsewhere(alarms, {"name": "alertname", "value": ".+", "isRegex": True})
    plan = await alarms.office.plan(f"unsilence {one.id}")
    assert plan.warnings == (
        "zoe made it, not you.",
        "1 alert of other groups notify again, too.",
    )
    await alarms.office.run(f"unsilence {two.id}")
    assert await held(alarms) == set()


async def test_an_id_may_be_typed_in_capitals_to_end_its_silence(alarms: Alarms) -> None:
    episode = await alarms.fire(DOWN)
    made, _ = await alarms.office.run(f"silence {episode.id}")
    await over(alarms, DOWN)  # Alertmanager has nothing of it any more but the silence
    plan = await alarms.office.plan(f"unsilence {episode.id.upper()}")
    assert plan.facts["silences"] == [made.id]


async def test_a_silence_that_holds_nothing_of_it_back_is_left_alone(alarms: Alarms) -> None:
    episode = await alarms.fire(*pods("a", "b"))
    elsewhere(alarms, {"name": "pod", "value": "a"})
    await alarms.look()
    await over(alarms, *pods("a"))
    await alarms.look()
    (row,) = await alarms.office.desk.silencings("main")
    assert row.covers == 0
    assert (await alarms.office.plan(f"unsilence {episode.id}")).nothing


async def over(alarms: Alarms, *labels: dict[str, str]) -> None:
    """Alerts end in Alertmanager; it has not told of it."""
    now = alarms.practice.clock().isoformat()
    await alarms.put([{"labels": one, "startsAt": now, "endsAt": now} for one in labels])


async def test_who_may_act_in_one_namespace_ends_no_silence_of_all(alarms: Alarms) -> None:
    await alarms.office.desk.add_rule(ANN, Rule(None, BEN.actor, "unsilence", namespace="shop"), "")
    episode = await alarms.fire({**DOWN, "namespace": "shop"})
    silence = elsewhere(alarms, {"name": "alertname", "value": "KubePodNotReady"})
    with pytest.raises(Refused, match="not about the namespace shop alone"):
        await alarms.office.plan(f"unsilence {episode.id} -n shop", BEN)
    with pytest.raises(Refused, match="not about the namespace shop alone"):
        await alarms.office.plan(f"unsilence {silence} -n shop", BEN)
    assert (await alarms.office.plan(f"unsilence {episode.id} -n shop", ANN)).changes
    await alarms.client.expire(silence)
    await alarms.office.run(f"silence {episode.id} -n shop")
    assert (await alarms.office.plan(f"unsilence {episode.id} -n shop", BEN)).changes


async def test_the_answer_in_the_thread_is_not_said_twice(alarms: Alarms) -> None:
    episode = await alarms.post(await alarms.fire(DOWN))
    origin = {"kind": "slack", "channel": CHANNEL, "thread": ROOT}
    request = await alarms.asked("silence", origin)
    await alarms.office.run(f"silence {episode.id}", request_id=request)
    assert alarms.told.replies == []


class TestWhatAlertmanagerSays:
    """The threads follow what Alertmanager has, whoever made it."""

    async def test_a_silence_made_elsewhere_is_told_and_so_is_its_end(self, alarms: Alarms) -> None:
        episode = await alarms.post(await alarms.fire(*pods("a", "b")))
        silence = elsewhere(alarms, {"name": "pod", "value": "a"})
        for _ in range(3):
            await alarms.look()
        (row,) = await alarms.office.desk.silencings("main")
        assert (row.covers, row.person, row.actor) == (1, "zoe", "")
        assert len(alarms.told.replies) == 1
        assert alarms.told.words[0].startswith("1 of 2 silenced until ")
        assert "by zoe (in Alertmanager): known" in alarms.told.words[0]
        before = await alarms.episode(episode.id)
        await alarms.client.expire(silence)
        await alarms.look()
        await alarms.look()
        assert alarms.told.words[1:] == ["The silence by zoe was ended early. 2 alerts still fire."]
        assert (await alarms.episode(episode.id)).revision > before.revision

    async def test_a_silence_that_runs_out_is_told(self, alarms: Alarms) -> None:
        episode = await alarms.post(await alarms.fire(DOWN))
        await alarms.office.run(f"silence {episode.id} --for 1h")
        alarms.told.replies.clear()
        await alarms.look()
        assert alarms.told.replies == []
        alarms.office.now += HOUR + 60_000_000
        await alarms.fire(DOWN)  # Prometheus tells of it again
        await alarms.look()
        assert alarms.told.words == ["The silence by ann is over. 1 alert still fires."]

    async def test_its_end_by_the_clock_is_told_while_alertmanager_is_down(
        self, alarms: Alarms
    ) -> None:
        episode = await alarms.post(await alarms.fire(DOWN))
        await alarms.office.run(f"silence {episode.id} --for 1h")
        alarms.told.replies.clear()
        await alarms.practice.away()
        await alarms.look()
        assert alarms.told.replies == []
        alarms.office.now += HOUR + 60_000_000
        await alarms.look()
        assert alarms.told.words == ["The silence by ann is over. 1 alert still fires."]

    async def test_a_silence_that_is_extended_elsewhere_holds_on(self, alarms: Alarms) -> None:
        episode = await alarms.post(await alarms.fire(DOWN))
        await alarms.office.run(f"silence {episode.id} --for 1h")
        alarms.told.replies.clear()
        (made,) = alarms.silences
        later = alarms.practice.clock() + timedelta(hours=5)
        alarms.practice.silences.put({**made, "endsAt": later.isoformat()})
        await alarms.look()
        (row,) = await alarms.office.desk.silencings("main")
        assert abs(row.ends_at - later.timestamp() * 1_000_000) < 2000
        assert (row.person, row.comment) == ("ann", f"by {alarms.office.config.command}")
        assert alarms.told.replies == []  # the root says it
        assert (await alarms.episode(episode.id)).revision > episode.revision

    async def test_a_request_that_runs_tells_its_own_silence(self, alarms: Alarms) -> None:
        episode = await alarms.post(await alarms.fire(DOWN))
        request = await alarms.asked("silence", {})
        plan = await alarms.office.plan(f"silence {episode.id}")
        with pytest.raises(Killed):
            await alarms.office.run(
                f"silence {episode.id}",
                plan,
                cut=Cut("write the silence", "acted"),
                request_id=request,
            )
        await alarms.look()
        assert alarms.told.replies == []
        await alarms.office.store.write(
            lambda db: db.execute("UPDATE requests SET state = ?", [str(State.FAILED)])
        )
        await alarms.look()
        assert len(alarms.told.replies) == 1
        (row,) = await alarms.office.desk.silencings("main")
        assert (row.actor, row.request_id) == (ANN.actor, request)

    async def test_what_was_written_meanwhile_is_not_undone(self, alarms: Alarms) -> None:
        """An answer that is older than the row knows nothing of it."""
        episode = await alarms.post(await alarms.fire(DOWN))
        office = alarms.office
        real = alarms.client.silences

        async def slow(*args: Any) -> Any:
            found = await real(*args)
            alarms.client.silences = real  # type: ignore[method-assign]
            await office.run(f"silence {episode.id}")
            alarms.told.replies.clear()
            return found

        alarms.client.silences = slow  # type: ignore[method-assign]
        await alarms.look()
        assert len(await office.desk.silencings("main")) == 1
        assert alarms.told.replies == []

    async def test_nothing_is_told_of_what_is_over(self, alarms: Alarms) -> None:
        episode = await alarms.post(await alarms.fire(DOWN))
        await alarms.office.run(f"silence {episode.id} --for 1h")
        await alarms.notify(DOWN, status="resolved")
        alarms.told.replies.clear()
        alarms.office.now += 2 * HOUR
        await alarms.look()
        assert alarms.told.replies == []
        assert await alarms.office.desk.silencings("main") == []


@given(st.text(), st.text(alphabet="0123456789abcdefghjkmnpqrstvwxyz", min_size=14, max_size=14))
def test_a_comment_keeps_its_words_and_tells_its_request(comment: str, request: str) -> None:
    assert unmarked(marked(comment, request)) == (comment, request)


def test_a_comment_of_others_is_left_alone() -> None:
    assert unmarked("see [onprem]") == ("see [onprem]", "")
    assert exact({"b": "2", "a": "1"}) == (Matcher("a", "1"), Matcher("b", "2"))


async def test_words_tell_until_when_and_the_matchers(alarms: Alarms) -> None:
    episode = await alarms.fire(DOWN)
    _, document = await alarms.office.run(f"silence {episode.id}")
    words = terminal.plain(document)
    assert "Silenced: " in words
    assert 'namespace="parse"' in words
    _, document = await alarms.office.run(f"unsilence {episode.id}")
    assert "Not silenced any more" in terminal.plain(document)
