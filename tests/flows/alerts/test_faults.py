"""What people and Slack do to threads: deleted, archived, revoked, away. Nothing is lost."""

from __future__ import annotations

import json
import re
from collections import Counter

from bot.clock import now
from bot.store import alerts, outbox
from sandbox.alertmanager.server import PracticeAlertmanager
from sandbox.alertmanager.timing import Route as Timing
from sandbox.slack import Fault
from sandbox.slack.entities import Message
from tests.bot.alerts.payloads import alert
from tests.flows.alerts.conftest import Scene, text_of

MINUTE = 60_000_000


async def test_a_root_that_somebody_deleted_comes_back_with_its_thread(scene: Scene) -> None:
    began = now() - MINUTE
    async with scene.bot():
        await scene.notify(alert(began, pod="web-1"))
        root = await scene.told("PodsNotReady")
        scene.slack.workspace.delete(root)
        await scene.notify(alert(began, pod="web-2"))
        again = await scene.told("2 firing")
        answer = await scene.until(lambda: scene.answers(again))
        assert "web-2" in text_of(answer[0])
        await scene.notify(*(alert(began, pod=p, ended=now()) for p in ("web-1", "web-2")))
        await scene.until(lambda: "Over: " in text_of(again))
        assert scene.roots() == [again]


async def test_the_alerts_of_an_archived_channel_go_to_the_ops_channel(scene: Scene) -> None:
    incidents = scene.slack.workspace.channel("incidents")
    scene.settings = {"channel": incidents.id}
    began = now() - MINUTE
    async with scene.bot() as product:
        await scene.notify(alert(began, pod="web-1"))
        await scene.told("PodsNotReady", "incidents")
        incidents.is_archived = True
        await scene.notify(alert(began, pod="web-2"))
        await scene.notify(alert(began, alertname="Another"), groupKey="another")

        async def refused() -> int:
            def count(db: object) -> int:
                sql = (
                    "SELECT count(*) FROM outbox WHERE state = 'failed' AND message_key LIKE 'al%'"
                )
                return int(db.execute(sql).fetchone()[0])  # type: ignore[attr-defined]

            return int(await product.store.read(count))

        while await refused() < 2:
            await scene.slack.core.clock.sleep(0.05)
        await product.alerts.teller.sweep()
        product.alerts.teller.wake()
        moved = await scene.told("2 firing")
        await scene.told("Another")
        await scene.notify(*(alert(began, pod=p, ended=now()) for p in ("web-1", "web-2")))
        await scene.until(lambda: "Over: " in text_of(moved))


async def test_an_answer_reaches_the_person_whose_channel_was_archived(scene: Scene) -> None:
    """The act is done; the thread goes on in the ops channel, the answer to whoever asked."""
    practice = PracticeAlertmanager(Timing())
    await practice.start(waiting=False)
    workspace = scene.slack.workspace
    incidents, alice = workspace.channel("incidents"), workspace.person("alice")
    scene.settings = {"channel": incidents.id}
    scene.cluster["alertmanager"] = practice.url
    scene.rest["admins"] = [f"slack:{workspace.team_id}/{alice.id}"]
    try:
        async with scene.bot() as product:
            began = now() - MINUTE
            await scene.notify(alert(began, pod="web-1"))
            root = await scene.told("PodsNotReady", "incidents")
            incidents.is_archived = True
            await scene.slack.click("alice", root, "Silence 1 h")
            room = workspace.direct_message(alice).messages

            def answered(words: str) -> Message | None:
                return next((m for m in room.values() if words in text_of(m)), None)

            question = await scene.until(lambda: answered("No alert that fires now"))
            assert f"You asked in <#{incidents.id}>" in text_of(question)
            await scene.slack.click("alice", question, "Go on")
            told = await scene.until(lambda: answered("Silenced: PodsNotReady"))
            assert told.ts == question.ts  # what follows an answer edits it, there as well
            assert len(practice.silences.all()) == 1

            await scene.slack.click("alice", root, "Ack")
            await scene.until(lambda: answered("Taken: PodsNotReady"))
            await scene.told("Silenced: PodsNotReady")  # as every change made elsewhere
            await scene.told("Taken: PodsNotReady")
            (episode,) = await product.store.read(alerts.standing)
            key = episode.message_key
            while not await product.store.read(lambda db: outbox.refusal(db, key)):
                await scene.slack.core.clock.sleep(0.05)
            await product.alerts.teller.sweep()
            product.alerts.teller.wake()
            moved = await scene.told("Taken by")
            assert moved in scene.roots()
    finally:
        await practice.close()


async def test_a_renamed_channel_is_the_same_channel(scene: Scene) -> None:
    began = now() - MINUTE
    async with scene.bot():
        await scene.notify(alert(began, pod="web-1"))
        root = await scene.told("PodsNotReady")
        scene.slack.workspace.channel("ops").name = "operations"
        await scene.notify(alert(began, pod="web-1", ended=now()))
        await scene.until(lambda: "Over: " in text_of(root))


async def test_what_comes_while_the_token_is_revoked_is_told_once_it_works(scene: Scene) -> None:
    revoked = Fault("error", "*", times=None, code="token_revoked")
    began = now() - MINUTE
    async with scene.bot():
        await scene.notify(alert(began, pod="web-1"))
        root = await scene.told("PodsNotReady")
        scene.slack.faults.add(revoked)
        await scene.notify(alert(began, pod="web-1", ended=now()))
        await scene.notify(alert(began, alertname="Another"), groupKey="another")
        scene.slack.faults.remove(revoked)
        await scene.until(lambda: "Over: " in text_of(root), 40)
        await scene.told("Another")
        assert len(scene.roots()) == 2


def shown(scene: Scene) -> Counter[str]:
    """Each root's episode, and each summary with its counts, as they stand in Slack."""
    found = Counter[str]()
    for root in scene.roots():
        found[identity(root)] += 1
    return found


def identity(root: Message) -> str:
    text = json.dumps(root.blocks, ensure_ascii=False)
    storm = re.search(r"Alert storm: \d+ alerts? in \d+ groups?", text)
    name = re.findall(r"`([a-z0-9]{5})`", text)
    return storm[0] if storm else f"{name[-1]}"


async def expected(scene: Scene) -> Counter[str]:
    assert scene.product is not None
    every = await scene.product.store.read(alerts.standing)
    folded = [one for one in every if one.storm]
    found = Counter(one.id for one in every if one.message_key)
    if folded:
        total = sum(one.total for one in folded)
        found[f"Alert storm: {total} alerts in {len(folded)} groups"] += 1
    return found


async def test_a_storm_while_slack_is_away_is_right_once_it_is_back(scene: Scene) -> None:
    scene.settings = {"storm": {"threads": 4, "per": "1m"}}
    began = now() - MINUTE
    async with scene.bot():
        await scene.notify(alert(began, alertname="First"), groupKey="first")
        await scene.told("First")
        await scene.slack.away()
        for n in range(40):
            for pod in "ab":
                key = {"alertname": f"Rule{n}"}
                await scene.notify(alert(began, alertname=f"Rule{n}", pod=pod), labels=key)
        await scene.slack.back()
        await scene.told("Alert storm: ")
        while shown(scene) != await expected(scene):
            await scene.slack.core.clock.sleep(0.1)
        counts = await expected(scene)
        assert len(counts) == 5
        assert max(counts.values()) == 1
        assert "74 alerts in 37 groups" in str(counts) or "72 alerts in 36 groups" in str(counts)
