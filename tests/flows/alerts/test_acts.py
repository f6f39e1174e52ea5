"""What people do about an alert, from a press in Slack to Alertmanager and back to the thread."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.clock import now
from bot.store import audit, roles
from sandbox.alertmanager.server import PracticeAlertmanager
from sandbox.slack import Fault
from sandbox.slack.blocks import elements_of
from sandbox.slack.entities import Message, View
from tests.bot.alerts.payloads import alert, stamp
from tests.flows.alerts.conftest import MINUTE, Scene, fire, text_of


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


async def form(scene: Scene, who: str, root: Message, label: str = "Silence …") -> View:
    """What opens when somebody presses the button that asks."""
    person = scene.slack.workspace.person(who).id
    await scene.slack.click(who, root, label)
    await scene.until(lambda: scene.slack.workspace.open_modal(person))
    view = scene.slack.workspace.open_modal(person)
    assert view is not None
    return view


async def test_a_silence_of_ones_own_is_asked_for_in_a_form(
    scene: Scene, alertmanager: PracticeAlertmanager
) -> None:
    alice = scene.slack.workspace.person("alice").id
    async with scene.bot() as product:
        root = await fire(scene, alertmanager)
        view = await form(scene, "alice", root)
        assert view.payload["title"]["text"] == "Silence"
        _, length, reason = view.payload["blocks"]
        assert (length["element"]["initial_value"], length["optional"]) == ("12h", False)
        assert (reason["element"].get("initial_value"), reason["optional"]) == (None, True)

        await scene.slack.submit_view("alice", values={"for_": "90 minutes", "comment": "a\x07b"})
        assert view.errors == {
            "for_": "write a length of time as 30m, 2h or 1d",
            "comment": "it holds a control character (U+0007)",
        }
        assert scene.slack.workspace.open_modal(alice) is view
        assert alertmanager.silences.all() == []

        why = 'new <disks> & "power" --for=1h'
        await scene.slack.submit_view("alice", values={"for_": " 90m ", "comment": why})
        assert scene.slack.workspace.open_modal(alice) is None
        await answer(scene, root, "Silenced: PodsNotReady")
        await scene.until(lambda: "Silenced until" in text_of(root))
        (made,) = [one.to_json(datetime.now(UTC)) for one in alertmanager.silences.all()]
        assert made["createdBy"] == "alice"
        assert made["comment"].startswith(f"{why} [onprem ")
        ends = datetime.fromisoformat(made["endsAt"])
        assert timedelta(minutes=85) < ends - datetime.now(UTC) <= timedelta(minutes=90)
        rows = await product.store.read(lambda db: audit.search(db, limit=50))
        kinds = [(row.kind, row.person) for row in rows if row.action == "silence"]
        assert sorted(kinds) == [(kind, "alice") for kind in ("intent", "outcome", "plan")]
        assert any("--for=90m" in str(row.body) for row in rows if row.kind == "intent")


async def test_a_long_silence_of_the_form_is_asked_about_in_the_thread(
    scene: Scene, alertmanager: PracticeAlertmanager
) -> None:
    async with scene.bot():
        root = await fire(scene, alertmanager)
        await form(scene, "alice", root)
        await scene.slack.submit_view("alice", values={"for_": "3d"})
        question = await answer(scene, root, "Silence PodsNotReady: parse for 3 d?")
        assert alertmanager.silences.all() == []
        await scene.slack.click("alice", question, "Go on")
        await answer(scene, root, "Silenced: PodsNotReady")
        assert len(alertmanager.silences.all()) == 1


async def test_the_form_opens_for_those_who_may_and_is_taken_from_those_who_still_may(
    scene: Scene, alertmanager: PracticeAlertmanager
) -> None:
    workspace = scene.slack.workspace
    bob, vera = workspace.person("bob").id, workspace.person("vera").id
    subject = f"slack:{workspace.team_id}/{bob}"
    async with scene.bot() as product:
        for name in ("Bob", "Vera"):
            await scene.slack.slash(name.lower(), "ops", "/onprem whoami")
            await alone(scene, f"You are {name.lower()}")
        root = await fire(scene, alertmanager)
        await scene.slack.click("vera", root, "Silence …")
        assert (await alone(scene, "You may not silence")).ephemeral_to == vera
        assert workspace.open_modal(vera) is None

        await product.store.write(
            lambda db: roles.grant(
                db, subject, "operator", actor="system:test", person="test", now=now()
            )
        )
        view = await form(scene, "bob", root)
        await product.store.write(lambda db: roles.revoke(db, subject, "operator"))
        await scene.slack.submit_view("bob", values={"for_": "2h"})
        assert "You may not silence" in view.errors["for_"]
        assert alertmanager.silences.all() == []
        rows = await product.store.read(lambda db: audit.search(db, limit=50))
        assert [row.action for row in rows if row.kind == "denied"] == ["silence", "silence"]


async def test_a_form_that_slack_does_not_open_says_what_to_type(
    scene: Scene, alertmanager: PracticeAlertmanager
) -> None:
    async with scene.bot():
        root = await fire(scene, alertmanager)
        expired = Fault("error", "views.open", times=1, code="expired_trigger_id")
        scene.slack.faults.add(expired)
        await scene.slack.click("alice", root, "Silence …")
        told = await alone(scene, "Slack did not open the field")
        assert "or type /onprem silence " in text_of(told)
        assert "--for=12h" in text_of(told)


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


async def test_labels_decide_about_what_the_bot_finds_itself_too(scene: Scene) -> None:
    workspace = scene.slack.workspace
    group = next(iter(workspace.groups.values())).id
    scene.settings |= {
        "mentions": {"critical": [f"slack-group:{workspace.team_id}/{group}"]},
        "routes": [
            {
                "match": {"alertname": "OnpremNotification*"},
                "channel": workspace.channel("parse").id,
            }
        ],
    }
    async with scene.bot():
        assert await scene.post(b"{no json") == 400
        root = await scene.told("A notification of Alertmanager was refused", "parse")
        assert f"<!subteam^{group}>" in text_of(root)
        await scene.notify(alert(now() - MINUTE))
        await scene.until(lambda: "Over: " in text_of(root))
        assert all("was refused" not in text_of(one) for one in scene.said("ops"))


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
