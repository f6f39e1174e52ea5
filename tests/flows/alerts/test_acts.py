"""What people do about an alert, from a press in Slack to Alertmanager and back to the thread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.clock import now
from bot.store import audit
from sandbox.alertmanager.server import PracticeAlertmanager
from sandbox.alertmanager.timing import Route
from sandbox.slack.blocks import elements_of
from sandbox.slack.entities import Message
from tests.bot.alerts.payloads import stamp
from tests.flows.alerts.conftest import Scene, text_of

MINUTE = 60_000_000


@pytest.fixture
async def alertmanager(scene: Scene) -> AsyncIterator[PracticeAlertmanager]:
    practice = PracticeAlertmanager(Route())
    await practice.start(waiting=False)
    users = scene.slack.workspace
    team = users.team_id
    scene.cluster["alertmanager"] = practice.url
    scene.rest["admins"] = [f"slack:{team}/{users.person(who).id}" for who in ("adam", "alice")]
    scene.rest["persons"] = {"alice": [f"slack:{team}/{users.person('alice').id}"]}
    scene.rest["apps"] = {"parse": {"namespace": "parse", "chart": "builtin:parse-server"}}
    try:
        yield practice
    finally:
        await practice.close()


async def fire(scene: Scene, practice: PracticeAlertmanager, **more: str) -> Message:
    """One alert fires, in Alertmanager and in the channel."""
    began = stamp(now() - MINUTE)
    labels = {"alertname": "PodsNotReady", "severity": "critical", "namespace": "parse", **more}
    practice.put([{"labels": labels, "startsAt": began}])
    found = next(a for a, _ in practice.alerts() if a.labels == labels)
    told = {
        "status": "firing",
        "labels": labels,
        "annotations": {},
        "startsAt": began,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": found.fingerprint,
    }
    await scene.notify(told, **({"labels": {"alertname": more["alertname"]}} if more else {}))
    message = await scene.told(labels["alertname"])
    return message


def labels_of(message: Message) -> list[str]:
    elements = [e for block in message.blocks or () for e in elements_of(block)]
    return [e["text"]["text"] for e in elements if e.get("type") == "button"]


async def answer(scene: Scene, root: Message, words: str) -> Message:
    def found() -> Message | None:
        return next((m for m in scene.answers(root) if words in text_of(m)), None)

    message: Message = await scene.until(found)
    return message


async def alone(scene: Scene, words: str) -> Message:
    """What only one person sees."""

    def found() -> Message | None:
        private = scene.slack.workspace.channel("ops").ephemerals.values()
        return next((m for m in private if words in text_of(m)), None)

    message: Message = await scene.until(found)
    return message


async def test_ack_silence_and_unsilence_from_the_thread(
    scene: Scene, alertmanager: PracticeAlertmanager
) -> None:
    alice = scene.slack.workspace.person("alice").id
    async with scene.bot() as product:
        root = await fire(scene, alertmanager)
        assert labels_of(root)[:3] == ["Ack", "Silence 1 h", "Silence 4 h"]
        assert {"Status", "Restart", "Roll back"} <= set(labels_of(root))
        await scene.slack.click("alice", root, "Ack")
        taken = await answer(scene, root, "Taken: PodsNotReady")
        assert f"<@{alice}>" in text_of(taken)
        await scene.until(lambda: "Taken by" in text_of(root))
        assert "Take over" in labels_of(root)

        await scene.slack.click("alice", root, "Silence 4 h")
        await answer(scene, root, "Silenced: PodsNotReady")
        await scene.until(lambda: "Silenced until" in text_of(root))
        assert "Unsilence" in labels_of(root)
        (made,) = [one.to_json(datetime.now(UTC)) for one in alertmanager.silences.all()]
        assert made["createdBy"] == "alice"
        ends = datetime.fromisoformat(made["endsAt"])
        assert timedelta(hours=3.9) < ends - datetime.now(UTC) <= timedelta(hours=4)

        await scene.slack.click("alice", root, "Unsilence")
        await answer(scene, root, "Not silenced any more")
        await scene.until(lambda: "Silenced until" not in text_of(root))
        assert [one.state(datetime.now(UTC)) for one in alertmanager.silences.all()] == ["expired"]
        assert scene.roots() == [root]  # all of it stands in the thread
        rows = await product.store.read(lambda db: audit.search(db, limit=50))
        done = {row.action for row in rows if row.kind == "outcome"}
        assert {"ack", "silence", "unsilence"} <= done


async def test_who_may_not_is_told_alone_and_nothing_changes(
    scene: Scene, alertmanager: PracticeAlertmanager
) -> None:
    async with scene.bot():
        root = await fire(scene, alertmanager)
        await scene.slack.click("vera", root, "Silence 1 h")
        vera = scene.slack.workspace.person("vera").id
        denied = await alone(scene, "You may not silence")
        assert denied.ephemeral_to == vera
        assert alertmanager.silences.all() == []


async def test_a_silence_made_on_alertmanagers_page_is_shown_in_the_thread(
    scene: Scene, alertmanager: PracticeAlertmanager
) -> None:
    async with scene.bot() as product:
        root = await fire(scene, alertmanager)
        at = datetime.now(UTC)
        alertmanager.silences.put(
            {
                "matchers": [{"name": "namespace", "value": "parse", "isRegex": False}],
                "startsAt": at.isoformat(),
                "endsAt": (at + timedelta(hours=1)).isoformat(),
                "createdBy": "zoe",
                "comment": "disks",
            }
        )
        await product.alerts.look()
        await answer(scene, root, "(in Alertmanager): disks")
        await scene.until(lambda: "Silenced until" in text_of(root))
        assert "Unsilence" in labels_of(root)


async def test_what_nobody_takes_calls_the_group_once_also_over_a_restart(
    scene: Scene, alertmanager: PracticeAlertmanager
) -> None:
    workspace = scene.slack.workspace
    group = next(iter(workspace.groups.values())).id
    scene.settings["escalate"] = {
        "after": 0.001,
        "mentions": [f"slack-group:{workspace.team_id}/{group}"],
    }

    async with scene.bot() as product:
        root = await fire(scene, alertmanager)
        await product.alerts.look()
        called = await answer(scene, root, "nobody has taken this")
        assert f"<!subteam^{group}>" in text_of(called)
        await scene.until(lambda: "Nobody has taken it; escalated" in text_of(root))
    async with scene.bot() as product:
        await product.alerts.look()
        await scene.slack.click("alice", root, "Ack")
        await answer(scene, root, "Taken: ")
        calls = [m for m in scene.answers(root) if "nobody has taken this" in text_of(m)]
        assert len(calls) == 1
        await scene.until(lambda: "escalated" not in text_of(root))


async def test_labels_decide_the_channel_and_who_is_called(
    scene: Scene, alertmanager: PracticeAlertmanager
) -> None:
    workspace = scene.slack.workspace
    group = next(iter(workspace.groups.values())).id
    scene.settings |= {
        "mentions": {"critical": [f"slack-group:{workspace.team_id}/{group}"]},
        "routes": [
            {"match": {"namespace": "parse"}, "channel": workspace.channel("parse").id},
        ],
    }
    async with scene.bot():
        began = stamp(now() - MINUTE)
        labels = {"alertname": "Down", "severity": "critical", "namespace": "parse"}
        firing = {"status": "firing", "startsAt": began, "annotations": {}, "generatorURL": ""}
        await scene.notify({**firing, "labels": labels, "fingerprint": "f1"}, labels=labels)
        root = await scene.told("Down", "parse")
        assert f"<!subteam^{group}>" in text_of(root)
        other = {"alertname": "Slow", "severity": "warning"}
        await scene.notify({**firing, "labels": other, "fingerprint": "f2"}, labels=other)
        calm = await scene.told("Slow", "ops")
        assert "<!subteam" not in text_of(calm)
        assert len(scene.roots("parse")) == 1


async def test_maintenance_posts_nothing_and_lists_it(
    scene: Scene, alertmanager: PracticeAlertmanager
) -> None:
    at = datetime.now(UTC)
    scene.settings["maintenance"] = [
        {
            "start": (at - timedelta(hours=1)).isoformat(),
            "end": (at + timedelta(hours=1)).isoformat(),
            "reason": "new disks",
            "match": {"alertname": "DiskFull"},
        }
    ]
    async with scene.bot():
        firing = {
            "status": "firing",
            "startsAt": stamp(now()),
            "annotations": {},
            "generatorURL": "",
        }
        for number, name in enumerate(("DiskFull", "Other")):
            labels = {"alertname": name, "severity": "warning"}
            await scene.notify(
                {**firing, "labels": labels, "fingerprint": f"f{number}"}, labels=labels
            )
        await scene.told("Other")
        assert len(scene.roots()) == 1
        await scene.slack.slash("alice", "ops", "/onprem alerts")
        shown = await alone(scene, "DiskFull")
        assert "maintenance until" in text_of(shown)
