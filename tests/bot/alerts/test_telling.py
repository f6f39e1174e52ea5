"""What a channel hears of episodes: one thread each, or one summary in a storm."""

from __future__ import annotations

from typing import Any

import pytest

from bot.alerts import Act, intake
from bot.alerts.placing import BARRED
from bot.alerts.presenting import Extras
from bot.alerts.telling import SUMMARY_SPACING, SWEEP, Teller, Words
from bot.alerts.webhook import read
from bot.config import Config
from bot.render import blockkit, terminal
from bot.render.document import Actions, Button, Document
from bot.store import alert_acts, alert_news, alerts, backup, messages, offers, storms
from bot.store.alerts import Episode
from bot.store.db import Store
from tests.bot.alerts.conftest import START, Clock, Room
from tests.bot.alerts.payloads import alert, body

MINUTE = 60_000_000
QUIET = 15 * MINUTE


class Watch:
    """Seconds that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """A teller and what it is told with."""

    def __init__(self, store: Store, room: Room, clock: Clock, **settings: Any) -> None:
        self.store, self.room, self.clock, self.watch = store, room, clock, Watch()
        self.extras = Extras()
        self.config = configured(**settings)
        self.teller = self.anew()

    def anew(self, *, chat: bool = True) -> Teller:
        """A teller after a restart."""
        words = Words(lambda: "/onprem ", {"alerts", "ack"}, lambda db, episode: self.extras)
        room = self.room if chat else None
        return Teller(
            *(self.store, room, self.clock, lambda: self.config, words),
            monotonic=self.watch,
        )

    async def notify(self, *found: dict[str, Any], **changes: Any) -> None:
        delivery = read("main", body(*found, **changes))
        await self.store.write(lambda db: intake.record(db, delivery, self.clock.now, QUIET))

    async def tell(self, seconds: float = 30.0) -> None:
        """Lets time pass, and tells what is due."""
        self.watch.now += seconds
        self.clock.now += int(seconds * 1_000_000)
        await self.teller.step()

    async def flood(self, groups: int, first: int = 0, team: str = "a") -> None:
        for n in range(first, first + groups):
            self.clock.now += 1
            one = alert(self.clock.now, alertname=f"Rule{n}", team=team)
            await self.notify(one, labels={"alertname": f"Rule{n}", "team": team})


def configured(**settings: Any) -> Config:
    return Config.model_validate(
        {
            "state": {"directory": "/nowhere"},
            "clusters": {"main": {}},
            "alerts": {"token": "t", "storm": {"threads": 3, "per": "1m"}, **settings},
        }
    )


@pytest.fixture
def desk(store: Store, room: Room, clock: Clock) -> Desk:
    return Desk(store, room, clock)


async def test_the_root_tells_what_matters(desk: Desk, room: Room, clock: Clock) -> None:
    notes = {
        "summary": "2 pods are not ready.",
        "runbook_url": "https://runbooks.example/pods",
    }
    await desk.notify(
        alert(START - MINUTE, pod="web-1", deployment="web", annotations=notes),
        alert(START, pod="web-2", deployment="web", annotations=notes),
        truncatedAlerts=3,
    )
    await desk.tell()
    (root,) = room.edits
    for words in (
        "PodsNotReady: parse – 2 firing",
        "2 pods are not ready.",
        "critical · namespace parse · deployment web",
        "pod=web-1",
        "Runbook (https://runbooks.example/pods)",
        "Rule (http://prometheus.example/graph?g0.expr=up)",
        "left 3 alerts out",
    ):
        assert words in root
    assert "job" not in root
    assert room.replies == []


async def test_of_several_alerts_only_what_all_of_them_say_is_told(desk: Desk, room: Room) -> None:
    for pod in "ab":
        notes = {"summary": "A pod is not ready.", "description": f"Pod {pod} is not."}
        await desk.notify(alert(START, pod=pod, annotations=notes))
    await desk.tell()
    assert "A pod is not ready." in room.edits[0]
    assert "Pod a is not" not in room.edits[0]
    await desk.notify(alert(START, alertname="X", annotations={"message": "A."}), groupKey="x")
    desk.clock.now += 1
    await desk.notify(
        alert(START, alertname="X", pod="b", annotations={"message": "B."}), groupKey="x"
    )
    await desk.tell()
    assert "A." in room.edits[-1]


async def test_changes_are_edits_and_only_news_is_answered(desk: Desk, room: Room) -> None:
    await desk.notify(alert(START, pod="a"))
    await desk.tell()
    await desk.notify(alert(START, pod="a"), alert(START, pod="b"))
    await desk.tell()
    assert len(room.roots) == 1
    assert "– 2 firing" in room.edits[-1]
    assert "New:\n• pod=b" in room.answers[0]
    await desk.notify(alert(START, pod="a", ended=START + MINUTE), alert(START, pod="b"))
    await desk.tell()
    assert "Resolved:\n• pod=a" in room.answers[1]
    assert "1 alert firing now" in room.answers[1]
    edits = len(room.edits)
    await desk.notify(alert(START, pod="b"))
    await desk.tell()
    assert (len(room.edits), len(room.answers)) == (edits, 2)


async def test_an_episode_closes_with_its_duration_by_the_alerts_own_clock(
    desk: Desk, room: Room, clock: Clock
) -> None:
    await desk.notify(alert(START - 60 * MINUTE))
    await desk.tell()
    clock.now += 5 * MINUTE
    await desk.notify(alert(START - 60 * MINUTE, ended=START - 18 * MINUTE))
    await desk.tell()
    assert "Over: PodsNotReady: parse" in room.edits[-1]
    assert "It lasted 42 min" in room.edits[-1]
    assert room.answers == ["Over after 42 min.\n"]


async def test_what_comes_back_goes_on_in_its_thread(
    store: Store, room: Room, clock: Clock
) -> None:
    desk = Desk(store, room, clock, mentions={"critical": ["slack-group:T1/S1"]})
    await desk.notify(alert(START))
    await desk.tell()
    await desk.notify(alert(START, ended=clock.now))
    await desk.tell()
    await desk.notify(alert(clock.now))
    await desk.tell()
    assert len(room.roots) == 1
    assert "Over" not in room.edits[-1]
    assert "It is back: PodsNotReady" in room.answers[-1]
    assert "S1" in room.answers[-1], "an edit calls nobody"


async def test_what_changes_hands_is_not_back(desk: Desk, room: Room) -> None:
    await desk.notify(alert(START, pod="a"))
    await desk.tell()
    await desk.notify(alert(START, pod="a", ended=START + MINUTE), alert(START, pod="b"))
    await desk.tell()
    assert "It is back" not in room.answers[-1]


async def test_a_kill_between_hearing_and_telling_loses_and_repeats_nothing(
    desk: Desk, room: Room
) -> None:
    await desk.notify(alert(START, pod="a"))
    desk.teller = desk.anew()
    await desk.tell()
    await desk.notify(alert(START, pod="b"))
    desk.teller = desk.anew()
    await desk.tell()
    desk.teller = desk.anew()
    await desk.tell()
    assert (len(room.roots), len(room.edits), len(room.answers)) == (1, 2, 1)


async def test_a_root_that_is_not_there_yet_hears_of_news_without_answers(
    desk: Desk, room: Room
) -> None:
    await desk.notify(alert(START, pod="a"))
    await desk.tell()
    (key,) = room.roots
    room.unposted.add(key)
    await desk.notify(alert(START, pod="b"))
    await desk.tell()
    room.unposted.clear()
    await desk.tell()
    assert room.answers == []
    assert "– 2 firing" in room.edits[-1]


async def test_answers_do_not_pile_up_while_one_is_unsent(desk: Desk, room: Room) -> None:
    await desk.notify(alert(START, pod="a"))
    await desk.tell()
    (key,) = room.roots
    room.unanswered.add(key)
    for pod in "bcd":
        await desk.notify(alert(START, pod=pod))
        await desk.tell()
    assert room.answers == []
    room.unanswered.clear()
    await desk.tell()
    assert len(room.answers) == 1
    assert "New (3)" in room.answers[0]


async def test_a_thousand_alerts_do_not_flood_a_thread(desk: Desk, room: Room) -> None:
    await desk.notify(alert(START, pod="first"))
    await desk.tell()
    await desk.notify(*(alert(START, pod=f"web-{n:04}") for n in range(1000)))
    await desk.tell()
    assert "– 1001 firing" in room.edits[-1]
    assert "993 more" in room.edits[-1]
    assert "New (1000): 992 more" in room.answers[0]
    assert max(len(text) for text in (*room.edits, *room.answers)) < 3000


HOSTILE = {
    "summary": "<!channel> *bold* <@U1> <http://evil.example|click> `x` :fire: " + "🔥" * 5000,
    "description": "<!here>\n> quoted\n" + ":boom:" * 2000,
    "runbook_url": "https://x.example/|<!channel>",
}


async def test_nothing_from_outside_acts_in_slack(desk: Desk, room: Room) -> None:
    await desk.notify(alert(START, annotations=HOSTILE, pod="<!channel>", team="*a*:tada:"))
    await desk.notify(alert(START, annotations=HOSTILE, pod="b`<!everyone>`", team="*a*:tada:"))
    await desk.tell()
    await desk.notify(alert(START, annotations=HOSTILE, pod="<!channel>c", team="*a*:tada:"))
    await desk.tell()
    for document in (*(d for states in room.roots.values() for d in states), room.replies[0][1]):
        rendered = blockkit.render(document)
        shown = f"{rendered.text} {rendered.blocks}"
        for live in (
            "<!channel",
            "<!here",
            "<!everyone",
            "<@U1",
            "<http://evil",
            ":fire:",
            "*bold*",
        ):
            assert live not in shown, live
        assert ":boom:" not in shown
        assert len(shown) < 12_000
        assert not rendered.files


async def test_who_is_called_and_what_others_add_is_in_the_root(
    store: Store, room: Room, clock: Clock
) -> None:
    desk = Desk(store, room, clock, mentions={"critical": ["slack-group:T1/S1"]})
    desk.extras = Extras(remarks=(("Silenced until noon",),))
    await desk.notify(alert(START))
    await desk.tell()
    (document,) = next(iter(room.roots.values()))
    shown = str(blockkit.render(document).blocks)
    assert "<!subteam^S1>" in shown
    assert "Silenced until noon" in shown


async def test_who_is_named_for_what_it_became_is_called_once_in_an_answer(
    store: Store, room: Room, clock: Clock
) -> None:
    desk = Desk(store, room, clock, mentions={"critical": ["slack-group:T1/S1"]})
    mild = alert(START, pod="a", severity="warning")
    await desk.notify(mild)
    await desk.tell()
    await desk.notify(mild, alert(START + 1, pod="b"))
    await desk.tell()
    (answer,) = room.answers
    assert "S1: this is critical." in answer
    await desk.notify(mild, alert(START + 1, pod="b"), alert(START + 2, pod="c"))
    await desk.tell()
    assert len(room.answers) == 2
    assert "S1" not in room.answers[1]


async def test_a_fault_with_one_alert_does_not_keep_the_others_untold(
    desk: Desk, room: Room, store: Store
) -> None:
    def faulty(db: Any, episode: Episode) -> Extras:
        if episode.title.startswith("Rule0"):
            raise RuntimeError("a fault")
        return Extras()

    words = Words(lambda: "/onprem ", (), faulty)
    desk.teller = Teller(
        *(store, room, desk.clock, lambda: desk.config, words), monotonic=desk.watch
    )
    await desk.flood(3)
    await desk.tell()
    assert len(room.roots) == 2
    desk.teller = desk.anew()
    await desk.tell()
    assert len(room.roots) == 3


async def test_channels_by_label(store: Store, room: Room, clock: Clock) -> None:
    routes = [{"match": {"team": "b"}, "channel": "C0B"}]
    desk = Desk(store, room, clock, routes=routes, channel="C0A")
    await desk.flood(1, team="a")
    await desk.flood(1, first=1, team="b")
    await desk.tell()
    assert sorted(room.places.values()) == ["C0A", "C0B"]


async def test_in_maintenance_nothing_is_posted_until_it_ends(
    store: Store, room: Room, clock: Clock
) -> None:
    window = {"reason": "new switches", "start": moment(START), "end": moment(START + 2 * MINUTE)}
    desk = Desk(store, room, clock, maintenance=[window])
    await desk.notify(alert(START))
    await desk.notify(alert(START, alertname="Short"), groupKey="short")
    await desk.tell()
    assert room.roots == {}
    (one, _) = await store.read(alerts.standing)
    assert "new switches" in one.muted
    await desk.notify(alert(START, alertname="Short", ended=clock.now), groupKey="short")
    clock.now += 2 * MINUTE
    await desk.tell(SWEEP)
    await desk.tell()
    assert len(room.roots) == 1
    assert "PodsNotReady" in room.edits[0]
    assert (await store.read(alerts.standing))[0].muted == ""


def moment(at: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat()


async def test_without_a_channel_alerts_are_kept_and_told_when_there_is_one(
    desk: Desk, room: Room, store: Store
) -> None:
    room.configured = False
    await desk.notify(alert(START))
    await desk.tell()
    assert room.roots == {}
    assert len(await store.read(alerts.standing)) == 1
    room.configured = True
    await desk.tell(SWEEP)
    await desk.tell()
    assert len(room.roots) == 1


async def test_without_a_chat_nothing_is_tried_again_and_what_fires_is_told_once_there_is_one(
    store: Store, room: Room, clock: Clock
) -> None:
    desk = Desk(store, room, clock, channel="C0123456789")
    desk.teller = desk.anew(chat=False)
    await desk.notify(alert(START))
    await desk.notify(alert(START, alertname="Over"), groupKey="over")
    await desk.notify(alert(START, alertname="Over", ended=START + 1), groupKey="over")
    await desk.tell()
    assert await store.read(lambda db: alert_news.untold(db, 10)) == []
    desk.teller = desk.anew()
    await desk.tell(SWEEP)
    assert ["PodsNotReady" in root for root in room.edits] == [True]


async def test_above_the_rate_there_is_one_summary(desk: Desk, room: Room, store: Store) -> None:
    await desk.flood(8)
    await desk.tell()
    assert len(room.roots) == 4
    summary = room.edits[-1]
    assert "Alert storm: 5 alerts in 5 groups" in summary
    assert "More than 3 new threads in 1 min" in summary
    assert "/onprem alerts" in summary
    (storm,) = await store.read(storms.under_way)
    folded = await store.read(lambda db: storms.folded(db, storm.id))
    assert len(folded.open) == 5
    assert all(not one.message_key for one in folded.open)


async def test_a_storm_in_one_channel_is_none_of_another(
    store: Store, room: Room, clock: Clock
) -> None:
    routes = [{"match": {"team": team}, "channel": f"C0{team.upper()}"} for team in "ab"]
    desk = Desk(store, room, clock, routes=routes)
    await desk.flood(8, team="a")
    await desk.flood(2, first=8, team="b")
    await desk.flood(2, first=10, team="ops")
    await desk.tell()
    assert list(room.places.values()).count("C0B") == 2
    assert list(room.places.values()).count("") == 2
    (storm,) = await store.read(storms.under_way)
    assert storm.channel == "C0A"


async def test_a_summary_follows_its_groups_until_the_last_is_over(
    desk: Desk, room: Room, store: Store, clock: Clock
) -> None:
    await desk.flood(6)
    await desk.tell()
    await desk.notify(alert(START, alertname="Rule5", team="a", pod="x"), labels=rule(5))
    await desk.tell(SUMMARY_SPACING + 1)
    assert "4 alerts in 3 groups" in room.edits[-1]
    clock.now += 5 * MINUTE
    await desk.tell(SWEEP)
    await desk.tell(SUMMARY_SPACING + 1)
    assert "calm again" in room.edits[-1]
    await desk.flood(1, first=9)
    await desk.tell()
    assert len(room.roots) == 5, "what is new has a thread again"
    for n in range(3, 6):
        await resolve(desk, n)
    await desk.tell(SUMMARY_SPACING + 1)
    await desk.tell(SUMMARY_SPACING + 1)
    assert any("Over: Alert storm: 4 alerts in 3 groups" in text for text in room.edits)
    assert await store.read(storms.under_way) == []


def rule(n: int) -> dict[str, str]:
    return {"alertname": f"Rule{n}", "team": "a"}


async def resolve(desk: Desk, n: int) -> None:
    """Ends all alerts of a group, whenever they began."""

    def every(db: Any) -> list[Any]:
        rows = db.execute(
            "SELECT a.labels, a.fingerprint FROM alerts a JOIN episodes e ON e.id = a.episode "
            "WHERE e.title LIKE ?",
            [f"Rule{n}%"],
        )
        return list(rows.fetchall())

    import json

    for labels, fingerprint in await desk.store.read(every):
        ended = alert(desk.clock.now, ended=desk.clock.now, **json.loads(labels))
        await desk.notify({**ended, "fingerprint": fingerprint}, labels=rule(n))


async def test_an_old_thread_gets_no_answers_while_a_storm_rages(
    desk: Desk, room: Room, clock: Clock
) -> None:
    await desk.notify(alert(START, pod="a", team="a"))
    await desk.tell()
    await desk.flood(8)
    await desk.tell()
    await desk.notify(alert(START, pod="b", team="a"))
    await desk.tell(10)
    assert any("PodsNotReady: parse – 2 firing" in text for text in room.edits)
    assert room.answers == []
    clock.now += 5 * MINUTE
    await desk.tell(SWEEP)
    await desk.tell()
    assert len(room.answers) == 1
    assert "pod=b" in room.answers[0]


async def test_a_storm_goes_on_after_a_restart(desk: Desk, room: Room, store: Store) -> None:
    await desk.flood(6)
    await desk.tell()
    desk.teller = desk.anew()
    await desk.flood(2, first=6)
    await desk.tell(SUMMARY_SPACING)
    assert len(await store.read(storms.under_way)) == 1
    assert "5 alerts in 5 groups" in room.edits[-1]
    assert len(room.roots) == 4


async def test_what_a_channel_refuses_is_told_in_the_ops_channel(
    store: Store, room: Room, clock: Clock
) -> None:
    desk = Desk(store, room, clock, channel="C0A")
    await desk.notify(alert(START))
    await desk.tell()
    (key,) = room.roots
    room.refused[key] = "is_archived"
    await desk.tell(SWEEP)
    await desk.tell()
    assert [room.places[k] for k in room.roots] == ["C0A", ""]
    await desk.flood(1, first=5)
    await desk.tell()
    assert list(room.places.values())[-1] == "", "what is new goes there at once"
    await desk.notify(alert(START, ended=clock.now))
    await desk.tell()
    assert any("Over: PodsNotReady" in terminal.plain(d) for d in room.roots[list(room.roots)[1]])
    desk.watch.now += BARRED
    await desk.flood(1, first=6)
    await desk.tell()
    assert list(room.places.values())[-1] == "C0A", "after a while the channel is tried again"


async def test_the_summary_of_a_channel_that_refuses_moves_too(
    store: Store, room: Room, clock: Clock
) -> None:
    desk = Desk(store, room, clock, channel="C0A")
    await desk.flood(8)
    await desk.tell()
    (storm,) = await store.read(storms.under_way)
    room.refused[storm.id] = "is_archived"
    await desk.tell(SWEEP)
    await desk.tell()
    (moved,) = await store.read(storms.under_way)
    assert room.places[moved.id] == ""
    assert "5 alerts in 5 groups" in terminal.plain(room.roots[moved.id][-1])


async def test_pruning_leaves_what_an_open_thread_and_an_open_summary_need(
    desk: Desk, room: Room, store: Store, clock: Clock
) -> None:
    desk.extras = Extras(acts=(Act("Ack", "ack it"),))
    await desk.flood(6)
    await desk.tell()
    keys = list(room.roots)
    for key in keys:
        handle = messages.Handle(key, "T1", "C1", f"1.{len(key)}", START)
        await store.write(lambda db, h=handle: messages.put(db, h))
    over = alert(clock.now, alertname="Rule0", team="a", ended=clock.now)
    await desk.notify({**over, "fingerprint": fingerprint(0)}, labels=rule(0))
    clock.now += 100 * 86_400_000_000
    await store.write(lambda db: backup.prune(db, clock.now - 5 * 86_400_000_000))
    left = await store.read(lambda db: [k for k in keys if messages.get(db, k) is not None])
    assert len(left) == len(keys) - 1
    tokens = [b.token for k in left for d in room.roots[k] for b in pressed(d)]
    assert len(tokens) >= 3
    assert all([await store.read(lambda db, t=t: offers.get(db, t)) for t in tokens])


async def test_a_thread_that_was_open_for_long_and_is_just_over_can_still_be_edited(
    desk: Desk, room: Room, store: Store, clock: Clock
) -> None:
    desk.extras = Extras(acts=(Act("Ack", "ack it"),))
    await desk.notify(alert(START))
    await desk.tell()
    (key,) = room.roots
    handle = messages.Handle(key, "T1", "C1", "1.1", START)
    await store.write(lambda db: messages.put(db, handle))
    clock.now += 100 * 86_400_000_000
    await desk.notify(alert(START, ended=clock.now))
    token = pressed(room.roots[key][0])[0].token

    async def kept(days: int) -> tuple[bool, bool]:
        at = clock.now + days * 86_400_000_000
        await store.write(lambda db: backup.prune(db, at))
        found = await store.read(lambda db: (messages.get(db, key), offers.get(db, token)))
        return found[0] is not None, found[1] is not None

    assert await kept(1) == (True, True)
    assert await kept(91) == (False, False)


def fingerprint(n: int) -> str:
    return str(alert(0, alertname=f"Rule{n}", team="a")["fingerprint"])


def pressed(document: Document) -> list[Button]:
    return [b for e in document.elements if isinstance(e, Actions) for b in e.buttons]


async def late(store: Store, at: int) -> list[str]:
    """Whose critical alerts have waited for somebody since that moment or longer."""
    names = await store.read(lambda db: alert_acts.unowned(db, ["critical"], at))
    found = [await store.read(lambda db, name=name: alerts.find(db, name)) for name in names]
    return [one.title for one in found if one is not None]


async def test_what_fires_again_waits_for_somebody_anew(
    desk: Desk, store: Store, clock: Clock
) -> None:
    await desk.notify(alert(START))
    await desk.tell()
    (one,) = await store.read(alerts.standing)
    await store.write(lambda db: alert_acts.escalate(db, one.id, clock.now))
    await desk.notify(alert(START, ended=clock.now))
    await desk.tell()
    clock.now += 5 * MINUTE
    back = clock.now
    await desk.notify(alert(back))
    assert await late(store, clock.now) == [], "nobody can have heard that it is back"
    await desk.tell()
    assert await late(store, back) == []
    assert await late(store, clock.now) == [one.title]


async def test_what_becomes_critical_waits_from_then_on(
    desk: Desk, store: Store, clock: Clock
) -> None:
    await desk.notify(alert(START, severity="warning"))
    await desk.tell()
    clock.now += 60 * MINUTE
    await desk.notify(alert(START, severity="warning"), alert(clock.now, pod="b"))
    await desk.tell()
    assert await late(store, clock.now - 1) == []
    worse = clock.now
    await desk.notify(alert(worse, pod="c"))
    await desk.tell()
    assert len(await late(store, worse)) == 1


async def test_after_maintenance_it_waits_since_it_is_told(
    store: Store, room: Room, clock: Clock
) -> None:
    window = {"reason": "disks", "start": moment(START), "end": moment(START + 60 * MINUTE)}
    desk = Desk(store, room, clock, maintenance=[window])
    await desk.notify(alert(START))
    await desk.tell()
    clock.now += 60 * MINUTE
    await desk.tell(SWEEP)
    assert len(room.roots) == 1
    assert await late(store, START + 60 * MINUTE) == []
    assert len(await late(store, clock.now)) == 1


def calling(room: Room) -> list[str]:
    """Everything that was said and names the people on call."""
    return [text for text in (*room.edits, *room.answers) if "S1" in text]


async def test_a_storm_calls_whom_its_groups_call_in_its_first_post_and_once(
    store: Store, room: Room, clock: Clock
) -> None:
    desk = Desk(store, room, clock, mentions={"critical": ["slack-group:T1/S1"]})
    await desk.flood(8)
    await desk.tell()
    (storm,) = await store.read(storms.under_way)
    assert "S1" in terminal.plain(room.roots[storm.id][0])
    await desk.flood(2, first=8)
    await desk.tell()
    assert room.answers == []


async def test_a_storm_answers_once_when_somebody_new_is_to_be_called(
    store: Store, room: Room, clock: Clock
) -> None:
    mentions = {"critical": ["slack-group:T1/S1"]}
    desk = Desk(store, room, clock, mentions=mentions)
    for n in range(8):
        labels = {"alertname": f"Rule{n}", "severity": "warning"}
        await desk.notify(alert(START + n, **labels), groupKey=f"g{n}")
    await desk.tell(SUMMARY_SPACING)
    (storm,) = await store.read(storms.under_way)
    assert calling(room) == []
    await desk.flood(3, first=8)
    await desk.tell(SUMMARY_SPACING)
    ((thread, document),) = room.replies
    assert thread == storm.id
    assert "S1" in terminal.plain(document)
    assert "Rule8" in terminal.plain(document)
    await desk.flood(3, first=11)
    await desk.tell(SUMMARY_SPACING)
    assert len(room.replies) == 1


async def test_a_storm_does_not_keep_back_that_an_old_thread_has_become_critical(
    store: Store, room: Room, clock: Clock
) -> None:
    desk = Desk(store, room, clock, mentions={"critical": ["slack-group:T1/S1"]})
    await desk.notify(alert(START, pod="a", team="a", severity="warning"))
    await desk.tell()
    await desk.flood(8)
    await desk.tell()
    await desk.notify(alert(START, pod="b", team="a"))
    await desk.tell(10)
    assert any("S1: this is critical." in text for text in room.answers)


async def test_a_storm_does_not_keep_back_that_somebody_is_called_about_what_is_back(
    store: Store, room: Room, clock: Clock
) -> None:
    desk = Desk(store, room, clock, mentions={"critical": ["slack-group:T1/S1"]})
    await desk.notify(alert(START, team="a"))
    await desk.tell()
    await desk.notify(alert(START, team="a", ended=clock.now))
    await desk.tell()
    await desk.flood(8)
    await desk.tell()
    await desk.notify(alert(clock.now, team="a"))
    await desk.tell(10)
    assert "It is back" in room.answers[-1]
    assert "S1" in room.answers[-1]


async def test_the_end_of_maintenance_is_a_storm_when_much_was_held_back(
    store: Store, room: Room, clock: Clock
) -> None:
    window = {"reason": "disks", "start": moment(START), "end": moment(START + 60 * MINUTE)}
    desk = Desk(store, room, clock, maintenance=[window])
    await desk.flood(20)
    await desk.tell()
    assert room.roots == {}
    clock.now += 60 * MINUTE
    await desk.tell(SWEEP)
    await desk.tell(SUMMARY_SPACING)
    assert len(room.roots) == 4
    assert "17 alerts in 17 groups" in room.edits[-1]


async def test_what_a_channel_refuses_is_a_storm_in_the_ops_channel_when_it_is_much(
    store: Store, room: Room, clock: Clock
) -> None:
    desk = Desk(store, room, clock, channel="C0A")
    for n in range(12):
        await desk.flood(1, first=n)
        await desk.tell(60)
    keys = list(room.roots)
    assert len(keys) == 12
    room.refused.update(dict.fromkeys(keys, "is_archived"))
    await desk.tell(SWEEP)
    await desk.tell(SUMMARY_SPACING)
    assert len(room.roots) == 12 + 4
    assert "9 alerts in 9 groups" in room.edits[-1]


async def test_a_look_at_what_is_muted_writes_nothing_while_it_stays_so(
    store: Store, room: Room, clock: Clock
) -> None:
    window = {"reason": "disks", "start": moment(START), "end": moment(START + 60 * MINUTE)}
    desk = Desk(store, room, clock, maintenance=[window])
    await desk.flood(3)
    await desk.tell()
    before = await store.read(alerts.standing)
    await desk.tell(SWEEP)
    await desk.tell(SWEEP)
    assert await store.read(alerts.standing) == before
    longer = {**window, "reason": "more disks"}
    desk.config = configured(maintenance=[longer])
    await desk.tell(SWEEP)
    await desk.tell()
    assert "more disks" in (await store.read(alerts.standing))[0].muted


async def test_help_that_was_called_into_a_refused_channel_is_called_again(
    store: Store, room: Room, clock: Clock
) -> None:
    desk = Desk(store, room, clock, channel="C0A")
    await desk.flood(8)
    await desk.tell()
    names = await store.read(lambda db: alert_acts.unowned(db, ["critical"], clock.now))
    assert len(names) == 8
    (storm,) = await store.read(storms.under_way)

    def escalate(db: Any) -> None:
        for name in names:
            alert_acts.escalate(db, name, clock.now)
        alert_acts.escalated_storm(db, storm.id, clock.now)

    await store.write(escalate)
    refused = [*list(room.roots)[:2], storm.id]
    room.refused.update(dict.fromkeys(refused, "is_archived"))
    await desk.tell(SWEEP)
    await desk.tell()
    again = await store.read(lambda db: alert_acts.unowned(db, ["critical"], clock.now))
    assert len(again) == 7, "two threads and the five of the storm"
    found = [await store.read(lambda db, name=name: alerts.find(db, name)) for name in again]
    assert {one.channel for one in found if one is not None} == {""}


async def test_a_storm_that_breaks_out_again_calls_again(
    store: Store, room: Room, clock: Clock
) -> None:
    desk = Desk(store, room, clock, mentions={"critical": ["slack-group:T1/S1"]})
    await desk.flood(8)
    await desk.tell()
    clock.now += 60 * MINUTE
    await desk.tell(SWEEP)
    await desk.flood(8, first=8)
    await desk.tell()
    (storm,) = await store.read(storms.under_way)
    assert storm.calm_at is None
    ((thread, document),) = room.replies
    assert thread == storm.id
    assert "S1" in terminal.plain(document)
