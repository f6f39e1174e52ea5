"""Mail as the second way out, to a real SMTP server; what was mailed is in a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.alerts import Condition, Findings
from bot.alerts.mailing import MOST, Mailing
from bot.alerts.threads import Threads
from bot.alerts.webhook import read
from bot.config import Config
from bot.store import alert_acts, alert_threads, alerts
from bot.store.alert_acts import Silencing
from bot.store.alerts import AlertRow
from bot.store.db import Store
from tests.bot.alerts import payloads
from tests.bot.alerts.conftest import START, Clock
from tests.bot.store.test_alert_acts import episode as made
from tests.postbox import Postbox

MINUTE = 60_000_000
REVOKED = "Slack refuses the bot itself"


class Scene:
    """A bot that may mail, a Slack that comes and goes, and the time."""

    def __init__(self, store: Store, threads: Threads, clock: Clock, postbox: Postbox) -> None:
        self.store, self.threads, self.clock, self.postbox = store, threads, clock, postbox
        self.away, self.settings = "", {"after": "5m", "every": "10m"}
        self.restart()

    def config(self) -> Config:
        email = {
            "host": "127.0.0.1",
            "port": self.postbox.port,
            "tls": "none",
            "from": "onprem@example.com",
            "to": "ops@example.com",
            **self.settings,
        }
        alerting = {"token": "t", "email": email}
        return Config.model_validate(
            {"state": {"directory": "/nonexistent"}, "clusters": {"main": {}}, "alerts": alerting}
        )

    def restart(self) -> None:
        """Another process, that knows only the state."""
        self.mailing = Mailing(
            *(self.store, self.config, lambda: self.away, self.clock),
            monotonic=lambda: self.clock.now / 1_000_000,
        )

    async def look(self, minutes: int = 0) -> None:
        """Lets time pass, a minute for each look."""
        await self.mailing.look()
        for _ in range(minutes):
            self.clock.now += MINUTE
            await self.mailing.look()

    async def hold(self, *titles: str, tone: Any = "bad") -> None:
        conditions = tuple(
            Condition(f"c{n}", title, START, why=((f"Why {n}.",),), tone=tone)
            for n, title in enumerate(titles)
        )
        await self.threads.hold("velero/main", Findings(conditions), cluster="main")

    async def fire(self, name: str, **changes: Any) -> None:
        one = made(name, **{"severity": "critical", "title": f"Pods of {name}", **changes})
        await self.store.write(lambda db: alerts.put(db, one))

    async def mail(self) -> EmailMessage:
        return await self.postbox.next()

    async def text(self) -> str:
        return str((await self.mail()).get_content())

    @property
    def quiet(self) -> bool:
        return self.postbox.mails.empty()


@pytest.fixture
async def scene(store: Store, threads: Threads, clock: Clock) -> AsyncIterator[Scene]:
    async with Postbox() as postbox:
        yield Scene(store, threads, clock, postbox)


async def test_while_slack_is_there_nothing_is_mailed(scene: Scene) -> None:
    await scene.hold("The store is away")
    await scene.fire("shop")
    await scene.look(30)
    assert scene.quiet


async def test_what_is_critical_is_mailed_once_when_slack_has_been_away(scene: Scene) -> None:
    scene.away = REVOKED
    await scene.hold("The store is away")
    await scene.fire("shop")
    await scene.fire("meh", severity="warning")
    await scene.look(4)
    assert scene.quiet, "Slack has not been away for long"
    await scene.look(1)
    mail = await scene.mail()
    assert mail["Subject"] == "[onprem] The store is away and 1 more"
    assert (mail["From"], mail["To"]) == ("onprem@example.com", "ops@example.com")
    assert mail["Auto-Submitted"] == "auto-generated"
    text = str(mail.get_content())
    assert REVOKED in text
    assert "Why 0." in text
    assert "Pods of shop" in text
    assert "Pods of meh" not in text
    await scene.look(60)
    assert scene.quiet, "told once"


async def test_a_short_absence_begins_anew(scene: Scene) -> None:
    await scene.hold("The store is away")
    for _ in range(3):
        scene.away = REVOKED
        await scene.look(4)
        scene.away = ""
        await scene.look(1)
    assert scene.quiet


async def test_what_comes_later_waits_for_its_turn_and_is_one_mail(scene: Scene) -> None:
    scene.away = REVOKED
    await scene.hold("The store is away")
    await scene.look(5)
    await scene.mail()
    await scene.fire("shop")
    await scene.look(5)
    await scene.fire("blog")
    await scene.look(4)
    assert scene.quiet, "one mail within 10 minutes"
    await scene.look(1)
    text = await scene.text()
    assert "Pods of shop" in text
    assert "Pods of blog" in text
    assert "The store is away" not in text
    assert scene.quiet


async def test_a_restart_doubles_nothing_and_slack_being_back_is_told_once(scene: Scene) -> None:
    scene.away = REVOKED
    await scene.hold("The store is away")
    await scene.look(5)
    await scene.mail()
    scene.restart()
    await scene.look(30)
    assert scene.quiet
    scene.away = ""
    scene.restart()
    await scene.look(1)
    mail = await scene.mail()
    assert mail["Subject"] == "[onprem] Slack is reached again"
    assert "1 trouble had been mailed" in str(mail.get_content())
    await scene.look(60)
    assert scene.quiet
    scene.away = REVOKED
    await scene.look(5)
    assert "The store is away" in await scene.text(), "another absence tells it again"


async def test_what_ended_meanwhile_is_mailed_and_what_comes_back_too(scene: Scene) -> None:
    scene.away = REVOKED
    await scene.hold("The store is away")
    await scene.look(5)
    await scene.mail()
    await scene.hold()
    await scene.look(10)
    mail = await scene.mail()
    assert mail["Subject"] == "[onprem] Over: The store is away"
    await scene.hold("The store is away")
    await scene.look(10)
    assert (await scene.mail())["Subject"] == "[onprem] The store is away"


async def test_what_is_held_back_is_not_mailed(scene: Scene) -> None:
    scene.away = REVOKED
    await scene.fire("expected", muted="maintenance: new switches")
    await scene.fire("over", closed_at=START, state="resolved")
    await scene.fire("silenced", firing=2)
    silence = Silencing(
        *("main", "s-1", "silenced", "alice", "", "", "known"),
        covers=2,
        starts_at=START,
        ends_at=START + 9,
        changed_at=START,
    )
    await scene.store.write(lambda db: alert_acts.put(db, silence))
    await scene.look(10)
    assert scene.quiet
    partly = Silencing(**{**{f: getattr(silence, f) for f in silence.__slots__}, "covers": 1})
    await scene.store.write(lambda db: alert_acts.put(db, partly))
    await scene.look(1)
    assert "Pods of silenced" in await scene.text()


HOSTILE = "Down\r\nBcc: everyone@example.com\n\nHello\x1b[31m \u202e<!channel> " + "é" * 400


async def test_text_from_outside_stays_within_its_line_of_the_head(scene: Scene) -> None:
    scene.away = REVOKED
    await scene.fire("shop", title=HOSTILE)
    await scene.look(5)
    mail = await scene.mail()
    assert set(mail.keys()) <= {
        *("Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version", "X-Peer"),
    }
    subject = str(mail["Subject"])
    assert "\n" not in subject
    assert "\r" not in subject
    assert "\x1b" not in subject
    assert "\u202e" not in subject
    assert len(subject) < 140
    assert mail["To"] == "ops@example.com"


async def test_labels_of_a_webhook_stay_text(scene: Scene) -> None:
    evil = {"alertname": "Down\nBcc: everyone@example.com", "namespace": "a\r\n.\r\nQUIT"}
    delivery = read("main", payloads.body(payloads.alert(START, **evil), labels=evil))
    from bot.alerts import intake

    await scene.store.write(lambda db: intake.record(db, delivery, scene.clock.now, 1))
    scene.away = REVOKED
    await scene.look(5)
    mail = await scene.mail()
    assert mail["Bcc"] is None
    assert "QUIT" in str(mail.get_content()), "the body ended nowhere early"


async def test_a_server_that_refuses_is_logged_and_asked_again_at_the_next_look(
    scene: Scene,
) -> None:
    scene.away = REVOKED
    scene.postbox.refuse = "451 come again"
    await scene.hold("The store is away")
    with capture_logs() as logs:
        await scene.look(6)
    failed = [one for one in logs if one["event"] == "mail not sent"]
    assert len(failed) == 2, "once for each look, no retries in between"
    assert "come again" in failed[0]["detail"]
    scene.postbox.refuse = ""
    await scene.look(1)
    assert "The store is away" in await scene.text()


async def test_a_server_that_is_down_is_logged_and_asked_again(scene: Scene) -> None:
    scene.away = REVOKED
    await scene.hold("The store is away")
    await scene.postbox.__aexit__()
    with capture_logs() as logs:
        await scene.look(5)
    assert ["not reached" in one["why"] for one in logs if one["event"] == "mail not sent"] == [
        True
    ]
    async with scene.postbox:
        await scene.look(1)
        assert "The store is away" in await scene.text()


async def test_many_troubles_are_one_mail_that_names_the_rest(scene: Scene) -> None:
    scene.away = REVOKED
    await scene.hold(*(f"Trouble {n}" for n in range(MOST + 30)))
    await scene.look(5)
    text = await scene.text()
    assert "30 more:" in text
    assert all(f"Trouble {n}" in text for n in range(MOST + 30))
    assert text.count("Why ") == MOST
    assert scene.quiet


async def test_warnings_are_not_mailed(scene: Scene) -> None:
    scene.away = REVOKED
    await scene.hold("An expired backup cannot be deleted", tone="warn")
    await scene.look(10)
    assert scene.quiet


async def test_of_a_group_only_what_fires_is_mailed(scene: Scene) -> None:
    await scene.fire("shop", firing=1, total=3)

    def work(db: Any) -> None:
        for n, status in enumerate(("resolved", "firing", "resolved")):
            pod = {"alertname": "shop", "pod": f"web-{n}"}
            row = (f"f{n}", status, pod, {"summary": f"Pod {n} fails."}, 0, START, None, "", START)
            alerts.put_alerts(db, [AlertRow("shop", *row, START + n, status, None)])

    await scene.store.write(work)
    scene.away = REVOKED
    await scene.look(5)
    text = await scene.text()
    assert "pod=web-1" in text
    assert "Pod 1 fails." in text
    assert "web-0" not in text
    assert "Pod 0" not in text


async def test_a_trouble_among_very_many_is_not_over(scene: Scene) -> None:
    scene.away = REVOKED
    await scene.fire("oldest", opened_at=START - MINUTE)
    await scene.look(5)
    assert "Pods of oldest" in await scene.text()

    def flood(db: Any) -> None:
        for n in range(1005):
            alerts.put(db, made(f"n{n}", severity="warning", opened_at=START + n))

    await scene.store.write(flood)
    await scene.look(20)
    assert scene.quiet, "it still fires"


async def test_what_is_silenced_meanwhile_is_not_over(scene: Scene) -> None:
    scene.away = REVOKED
    await scene.fire("shop")
    await scene.look(5)
    await scene.mail()
    silence = Silencing("main", "s1", "shop", "ann", "", "", "", 2, START, START + 99, START)
    await scene.store.write(lambda db: alert_acts.put(db, silence))
    await scene.look(15)
    assert scene.quiet
    await scene.store.write(lambda db: alert_acts.end(db, "main", "s1", scene.clock.now))
    await scene.look(15)
    assert scene.quiet, "it was mailed already"
    await scene.fire("shop", closed_at=scene.clock.now, state="resolved")
    await scene.look(15)
    assert "Over: Pods of shop" in await scene.text()


async def test_what_a_maintenance_mutes_is_not_mailed(scene: Scene) -> None:
    await scene.hold("The store is away")

    def mute(db: Any) -> None:
        (thread,) = alert_threads.standing(db)
        alert_threads.put(db, replace(thread, body={**thread.body, "muted": "maintenance"}))

    await scene.store.write(mute)
    scene.away = REVOKED
    await scene.look(30)
    assert scene.quiet
