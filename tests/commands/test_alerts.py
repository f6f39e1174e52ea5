"""alerts, ack: what stands, and who has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.alerts.listing import PAGE
from bot.errors import Failed, Refused, UsageError
from bot.grammar import parse
from bot.registry import COMMANDS
from bot.render import terminal
from bot.render.document import Actions, Document
from bot.store import alert_threads, alerts
from bot.store.alert_threads import Thread
from bot.store.db import Store
from bot.store.roles import Rule
from tests.commands.alarms import CHANNEL, ROOT, Alarms, open_alarms
from tests.commands.conftest import ANN, BEN, START, VIC

DOWN = {
    "alertname": "KubePodNotReady",
    "namespace": "parse",
    "pod": "parse-server-7d9f-x2k",
    "severity": "critical",
}
FULL = {"alertname": "DiskFull", "instance": "worker-1", "severity": "warning"}


@pytest.fixture
async def alarms(tmp_path: Path, store: Store) -> AsyncIterator[Alarms]:
    async with open_alarms(tmp_path, store) as opened:
        yield opened


def buttons(document: Document) -> dict[str, str]:
    return {
        button.label: button.command
        for element in document.elements
        if isinstance(element, Actions)
        for button in element.buttons
    }


async def test_ack_makes_the_presser_the_owner_and_says_so_in_the_thread(alarms: Alarms) -> None:
    episode = await alarms.post(await alarms.fire(DOWN))
    _, document = await alarms.office.run(f"ack {episode.id}")
    after = await alarms.episode(episode.id)
    assert (after.owner, after.owner_person) == (ANN.actor, "ann")
    assert after.revision > episode.revision  # its root is written anew
    assert alarms.told.replies[0][0] == episode.message_key
    assert alarms.told.words == ["ann takes care of it."]
    assert alarms.told.awake
    assert "Taken: " in terminal.plain(document)
    assert buttons(document)["Status"] == "status parse --cluster main"


async def test_a_second_ack_takes_over_and_says_from_whom(alarms: Alarms) -> None:
    episode = await alarms.post(await alarms.fire(DOWN))
    await alarms.office.run(f"ack {episode.id}")
    plan = await alarms.office.plan(f"ack {episode.id}", VIC)
    assert [(c.before, c.after) for c in plan.changes] == [("ann", "vic")]
    _, document = await alarms.office.run(f"ack {episode.id}", asker=VIC)
    assert (await alarms.episode(episode.id)).owner == VIC.actor
    assert alarms.told.words[-1] == "vic takes it over from ann."
    assert "takes it over from ann" in terminal.plain(document)


async def test_who_has_it_already_needs_not_take_it(alarms: Alarms) -> None:
    episode = await alarms.fire(DOWN)
    await alarms.office.run(f"ack {episode.id}")
    plan = await alarms.office.plan(f"ack {episode.id}")
    assert plan.nothing
    assert "already" in plan.summary


@pytest.mark.parametrize("edge", ["before", "acted", "after"])
async def test_an_ack_that_was_cut_is_finished_and_told_once(alarms: Alarms, edge: str) -> None:
    episode = await alarms.post(await alarms.fire(DOWN))
    await alarms.office.run_cut(f"ack {episode.id}", "take it", edge)
    assert (await alarms.episode(episode.id)).owner == ANN.actor
    assert len(alarms.told.replies) == 1


async def test_the_thread_gets_no_second_answer_when_the_command_is_answered_there(
    alarms: Alarms,
) -> None:
    episode = await alarms.post(await alarms.fire(DOWN))
    origin = {"kind": "slack", "channel": CHANNEL, "thread": ROOT}
    request = await alarms.asked(f"ack {episode.id}", origin)
    await alarms.office.run(f"ack {episode.id}", request_id=request)
    assert (await alarms.episode(episode.id)).owner == ANN.actor
    assert alarms.told.replies == []


async def test_an_alert_that_is_over_cannot_be_taken(alarms: Alarms) -> None:
    episode = await alarms.fire(DOWN)
    plan = await alarms.office.plan(f"ack {episode.id}")
    await alarms.notify(DOWN, status="resolved")
    with pytest.raises(Refused, match="is over"):
        await alarms.office.plan(f"ack {episode.id}")
    with pytest.raises(Failed, match="ended just now"):
        await alarms.office.run(f"ack {episode.id}", plan)


async def test_an_id_counts_only_where_the_right_was_decided(alarms: Alarms) -> None:
    episode = await alarms.fire(DOWN, cluster="other")
    with pytest.raises(Refused, match="is on cluster other, not on main") as refused:
        await alarms.office.plan(f"ack {episode.id}")
    assert "--cluster other" in str(refused.value)
    with pytest.raises(Refused, match="is not about the namespace shop"):
        await alarms.office.plan(f"ack {episode.id} --cluster other -n shop")
    with pytest.raises(Refused, match="There is no alert zzzz"):
        await alarms.office.plan("ack zzzz")
    assert (await alarms.office.plan(f"ack {episode.id.upper()} --cluster other")).changes


async def test_the_right_is_that_of_the_app_whose_namespace_it_is(alarms: Alarms) -> None:
    def target(line: str) -> str:
        return alarms.office.parsed(line)[2].target.path

    assert target("ack k7m2 -n parse") == "main/parse/parse"
    assert target("silence k7m2 -n shop --cluster other") == "other/shop"
    assert target("unsilence k7m2") == "main"
    with pytest.raises(UsageError, match="no cluster called mars"):
        target("ack k7m2 --cluster mars")


async def test_nothing_stands(alarms: Alarms) -> None:
    _, document = await alarms.office.read("alerts")
    assert terminal.plain(document).strip().endswith("No alert is standing")


async def test_the_list_tells_age_owner_silence_and_thread(alarms: Alarms) -> None:
    office = alarms.office
    taken = await alarms.post(await alarms.fire(DOWN))
    await office.run(f"ack {taken.id}")
    quiet = await alarms.fire(FULL)
    await office.run(f"silence {quiet.id} --for 4h", asker=VIC)
    muted = await alarms.fire({"alertname": "Patch", "severity": "info"})
    await office.store.write(
        lambda db: alerts.put(db, replace(muted, muted="maintenance until noon: disks"))
    )
    office.now += 5 * 60 * 1_000_000
    result, document = await office.read("alerts")
    words = terminal.plain(document)
    assert "3 alerts standing: 1 critical, 1 warning and 1 info" in words
    lines = {line.id: line for line in result.listing.lines}
    assert list(lines) == [taken.id, quiet.id, muted.id]  # the worst first
    assert lines[taken.id].state == "ann"
    assert lines[quiet.id].state.startswith("silenced 3 h more by vic")
    assert lines[muted.id].state == "maintenance until noon: disks"
    assert (
        lines[taken.id].url == f"https://app.slack.com/client/T1/{CHANNEL}/thread/{CHANNEL}-{ROOT}"
    )
    assert lines[quiet.id].url == ""
    assert "5 min ago" in words
    assert "main/parse" in words


async def test_what_nobody_has_taken_comes_before_what_somebody_has(alarms: Alarms) -> None:
    first = await alarms.fire(DOWN)
    await alarms.office.run(f"ack {first.id}")
    second = await alarms.fire({**DOWN, "namespace": "shop"})
    result, _ = await alarms.office.read("alerts")
    assert [line.id for line in result.listing.lines] == [second.id, first.id]


async def test_the_list_can_be_narrowed_and_widened(alarms: Alarms) -> None:
    here = await alarms.fire(DOWN)
    warning = await alarms.fire(FULL)
    there = await alarms.fire(DOWN, cluster="other")
    ended = await alarms.fire({"alertname": "Gone"})
    await alarms.notify({"alertname": "Gone"}, status="resolved")

    async def ids(line: str) -> set[str]:
        result, _ = await alarms.office.read(line)
        return {one.id for one in result.listing.lines}

    assert await ids("alerts") == {here.id, warning.id, there.id}
    assert await ids("alerts --severity warning") == {warning.id}
    assert await ids("alerts --cluster other") == {there.id}
    assert await ids("alerts -n parse") == {here.id}
    assert await ids("alerts --all") == {here.id, warning.id, there.id, ended.id}
    alarms.office.now += 25 * 3600 * 1_000_000
    assert ended.id not in await ids("alerts --all")


async def test_only_clusters_that_the_asker_may_see_are_listed(alarms: Alarms) -> None:
    here = await alarms.fire(DOWN)
    await alarms.fire(DOWN, cluster="other")
    desk = alarms.office.desk
    await desk.add_rule(ANN, Rule(None, BEN.actor, "alerts", cluster="main"), "")
    result, _ = await alarms.office.read("alerts", BEN)
    assert [line.id for line in result.listing.lines] == [here.id]


async def test_a_storm_is_listed_page_by_page(alarms: Alarms) -> None:
    for number in range(PAGE + 3):
        labels = {"alertname": f"A{number:02}", "severity": "critical"}
        episode = await alarms.fire(labels)
        await alarms.office.store.write(
            lambda db, one=episode: alerts.put(db, replace(one, storm="storm/1"))
        )
    first, document = await alarms.office.read("alerts --severity critical")
    assert "23 alerts standing: 23 critical" in terminal.plain(document)
    assert "Page 1 of 2." in terminal.plain(document)
    assert all(line.state == "in a storm's summary" for line in first.listing.lines)
    command = buttons(document)["Next page"]
    assert command == "alerts --page 2 --severity critical"
    second, document = await alarms.office.read(command)
    seen = {line.id for line in (*first.listing.lines, *second.listing.lines)}
    assert len(seen) == PAGE + 3
    assert buttons(document) == {}
    last, _ = await alarms.office.read("alerts --page 99")
    assert last.listing.page == 2


async def test_what_the_bot_found_itself_is_listed_too(alarms: Alarms) -> None:
    await alarms.fire(DOWN)
    found = Thread(
        "alert/velero/1", "velero/main/late", "main", "A backup is late", {}, START, START
    )
    await alarms.office.store.write(lambda db: alert_threads.put(db, found))
    result, document = await alarms.office.read("alerts")
    assert [line.title for line in result.listing.lines][-1] == "A backup is late"
    assert "1 critical and 1 own watch" in terminal.plain(document)
    assert result.listing.lines[-1].state == "watched"
    muted = replace(found, body={"muted": "maintenance until noon"})
    await alarms.office.store.write(lambda db: alert_threads.put(db, muted))
    result, _ = await alarms.office.read("alerts")
    assert result.listing.lines[-1].state == "maintenance until noon"
    narrow, _ = await alarms.office.read("alerts --severity critical")
    assert len(narrow.listing.lines) == 1
    other, _ = await alarms.office.read("alerts --cluster other")
    assert other.listing.lines == ()


async def test_one_alert_is_shown_in_full(alarms: Alarms) -> None:
    pods = [{**DOWN, "pod": f"parse-server-{n}"} for n in range(3)]
    episode = await alarms.fire(*pods)
    await alarms.office.run(f'silence {episode.id} --comment "new disks"')
    _, document = await alarms.office.read(f"alerts {episode.id}")
    words = terminal.plain(document)
    for expected in ("critical", "pod=parse-server-2", "new disks", "by ann", "it has no thread"):
        assert expected in words
    assert buttons(document)["Unsilence"].startswith(f"unsilence {episode.id}")


async def test_hostile_labels_stay_words(alarms: Alarms) -> None:
    hostile = {
        "alertname": 'A"}) or vector(1) # <!channel>',
        "namespace": "parse; rm -rf /",
        "pod": "x --cluster other",
        "severity": "critical\n",
    }
    episode = await alarms.fire(hostile)
    _, document = await alarms.office.read(f"alerts {episode.id}")
    for command in buttons(document).values():
        assert parse(command, COMMANDS).params is not None
        assert "rm" not in command
        assert "other" not in command
    await alarms.office.read("alerts")


@pytest.mark.parametrize(
    "line",
    [
        "ack 'x y'",
        "ack ../../etc",
        "alerts --severity 'a b'",
        "alerts --page 0",
        "ack k7m2 -n 'Not A Namespace'",
    ],
)
def test_what_is_no_id_and_no_severity_is_refused_with_a_sentence(line: str) -> None:
    with pytest.raises(UsageError):
        parse(line, COMMANDS)
