"""A group that never goes quiet: what ended long ago goes, and nobody sees a difference."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.alerts import intake
from bot.alerts.presenting import Extras
from bot.alerts.telling import Teller, Words
from bot.alerts.webhook import read
from bot.config import Config
from bot.store import alert_past, alerts, backup
from bot.store.alerts import AlertRow, Episode
from bot.store.db import Store
from bot.store.keys import AuditKey
from tests.bot.alerts.conftest import START, Clock, Room
from tests.bot.alerts.payloads import alert, body

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
QUIET = 15 * MINUTE
STEADY = "pods-that-never-come-up"
BEGAN = START - 30 * DAY


@dataclass
class Bot:
    """A bot that is told of one group, with or without the daily chore."""

    store: Store
    prunes: bool = True
    room: Room = field(default_factory=Room)
    clock: Clock = field(default_factory=Clock)
    passed: float = 0.0

    def __post_init__(self) -> None:
        settings = {"clusters": {"main": {}}, "alerts": {"token": "t"}}
        config = Config.model_validate({"state": {"directory": "/nowhere"}, **settings})
        words = Words(lambda: "/onprem ", {"alerts"}, lambda db, episode: Extras())
        self.teller = Teller(
            *(self.store, self.room, self.clock, lambda: config, words),
            monotonic=lambda: self.passed,
        )

    async def hears(self, *found: dict[str, Any], copies: int = 2) -> None:
        """An HA pair tells it, each at its time, and it tells people."""
        for copy in range(copies):
            self.clock.now += copy * 10_000_000
            delivery = read("main", body(*found))
            await self.store.write(
                lambda db, d=delivery: intake.record(db, d, self.clock.now, QUIET)
            )
        self.passed += 60.0
        await self.teller.step()

    async def sleeps(self, days: int) -> None:
        """The chore runs once a day."""
        for _ in range(days):
            self.clock.now += DAY
            if self.prunes:
                await self.store.write(lambda db: backup.prune(db, self.clock.now))

    async def episode(self) -> Episode:
        (one,) = await self.store.read(alerts.standing)
        return one

    async def rows(self, limit: int = 1000) -> list[AlertRow]:
        name = (await self.episode()).id
        return await self.store.read(lambda db: alerts.alerts_of(db, name, limit))


async def opened(path: Path, clock: Clock) -> Store:
    return await Store.open(path, clock=clock, audit_key=AuditKey(bytes(range(32))))


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    clock = Clock()
    store = await opened(tmp_path / "onprem.db", clock)
    yield Bot(store, clock=clock)
    await store.close()


def pods(first: int, number: int, at: int, ended: int = 0) -> list[dict[str, Any]]:
    return [alert(at, ended=ended, pod=f"web-{n}") for n in range(first, first + number)]


async def restless(bot: Bot, number: int) -> None:
    """One alert that fires on, and others that came and went."""
    await bot.hears(alert(START, pod=STEADY), *pods(0, number, BEGAN))
    bot.clock.now += HOUR
    await bot.hears(alert(START, pod=STEADY), *pods(0, number, BEGAN, bot.clock.now))


async def test_what_ended_long_ago_is_counted_and_not_kept(bot: Bot) -> None:
    await restless(bot, 80)
    await bot.sleeps(89)
    assert len(await bot.rows()) == 81
    await bot.sleeps(2)
    rows = await bot.rows()
    assert len(rows) == alert_past.KEPT + 1
    assert rows[0].labels["pod"] == STEADY
    await bot.hears(alert(START, pod=STEADY), *pods(80, 1, bot.clock.now))
    one = await bot.episode()
    assert (one.firing, one.total, one.forgotten) == (2, 82, 30)
    assert one.forgotten_from == BEGAN


async def test_the_newest_ends_are_listed_first_and_stay(bot: Bot) -> None:
    await restless(bot, 60)
    bot.clock.now += HOUR
    await bot.hears(*pods(90, 2, bot.clock.now - MINUTE), copies=1)
    await bot.hears(*pods(90, 2, bot.clock.now - MINUTE, bot.clock.now), copies=1)
    before = [row.fingerprint for row in await bot.rows(15)]
    assert [row.labels["pod"] for row in await bot.rows(3)][1:] in (
        ["web-90", "web-91"],
        ["web-91", "web-90"],
    )
    await bot.sleeps(100)
    assert (await bot.episode()).forgotten == 12
    assert [row.fingerprint for row in await bot.rows(15)] == before


async def test_what_a_thread_has_not_heard_of_stays(bot: Bot) -> None:
    await restless(bot, 60)
    name = (await bot.episode()).id
    await bot.store.write(lambda db: db.execute("UPDATE alerts SET told = 'firing'"))
    await bot.sleeps(100)
    assert len(await bot.rows()) == 61
    sql = "UPDATE episodes SET message_key = '' WHERE id = ?"
    await bot.store.write(lambda db: db.execute(sql, [name]))
    await bot.sleeps(1)
    assert len(await bot.rows()) == alert_past.KEPT + 1, "without a thread nobody waits for it"


async def test_much_goes_in_several_days(bot: Bot) -> None:
    await restless(bot, 80)
    before = bot.clock.now + DAY
    gone = [await bot.store.write(lambda db: alert_past.forget(db, before, 20)) for _ in range(3)]
    assert gone == [20, 10, 0]
    one = await bot.episode()
    assert (one.forgotten, one.forgotten_from) == (30, BEGAN)


async def test_an_end_that_is_told_for_months_is_counted_once(bot: Bot) -> None:
    """As Alertmanager does while the mail of the same receiver does not get out."""
    await restless(bot, 60)
    ends = pods(0, 60, BEGAN, bot.clock.now)
    for _ in range(100):
        await bot.sleeps(1)
        await bot.hears(alert(START, pod=STEADY), *ends)
    one = await bot.episode()
    assert (one.total, one.firing) == (61, 1)
    assert len(await bot.rows()) == alert_past.KEPT + 1


async def test_an_end_says_how_long_all_of_it_lasted(bot: Bot) -> None:
    await restless(bot, 60)
    await bot.sleeps(100)
    await bot.hears(alert(START, pod=STEADY, ended=bot.clock.now))
    assert "All of its 61 alerts ended." in bot.room.edits[-1]
    assert "It lasted 130 d" in bot.room.edits[-1]


Story = Sequence[tuple[str, int]]


def story(seed: int) -> Story:
    """What happens to a group within a year: waves that come and go, days that pass."""
    rng = random.Random(seed)
    made: list[tuple[str, int]] = []
    for _ in range(14):
        made += [("come", rng.randrange(1, 40)), ("go", rng.randrange(1, 40))]
        made += [("days", rng.choice((0, 1, 20, 60)))]
    return made


async def lives(bot: Bot, happens: Story) -> None:
    fires, count = [(n, BEGAN) for n in range(5)], 5
    await bot.hears(alert(START, pod=STEADY), *pods(0, 5, BEGAN))
    for what, number in happens:
        if what == "days":
            await bot.sleeps(number)
            continue
        bot.clock.now += 10 * MINUTE
        now = bot.clock.now
        if what == "come":
            fires += [(n, now) for n in range(count, count + number)]
            count += number
            told = [one for n, at in fires for one in pods(n, 1, at)]
        else:
            ended, fires = fires[:number], fires[number:]
            told = [one for n, at in ended for one in pods(n, 1, at, now)]
            told += [one for n, at in fires for one in pods(n, 1, at)]
        await bot.hears(alert(START, pod=STEADY), *told)


@pytest.mark.parametrize("seed", range(3))
async def test_nobody_sees_that_old_alerts_are_gone(tmp_path: Path, seed: int) -> None:
    said, listed, left = [], [], []
    for prunes in (True, False):
        clock = Clock()
        store = await opened(tmp_path / f"{prunes}.db", clock)
        bot = Bot(store, prunes, clock=clock)
        await lives(bot, story(seed))
        one = await bot.episode()
        rows = await bot.rows(alert_past.KEPT)
        left.append(len(await bot.rows()))
        listed.append((one.total, one.firing, [(r.labels, r.status, r.starts_at) for r in rows]))
        await bot.hears(*(alert(r.starts_at, ended=clock.now, pod=r.labels["pod"]) for r in rows))
        said.append([text.replace(one.id, "ID") for text in bot.room.edits + bot.room.answers])
        await store.close()
    assert said[0] == said[1]
    assert listed[0] == listed[1]
    assert left[0] < left[1], "nothing was forgotten, so that nothing is proved"
