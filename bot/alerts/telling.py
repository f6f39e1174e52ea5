"""Tells what happened to episodes of alerts: one thread each, or one summary in a storm.

What is to be told follows from the rows alone, so that a kill loses nothing and repeats nothing:
a message is queued in the transaction that writes down what it has told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from bot.alerts import presenting, showing
from bot.alerts.outlet import pressable
from bot.alerts.placing import BARRED, Places, storm_id
from bot.alerts.presenting import Extras, News
from bot.alerts.summing import Summaries
from bot.errors import StoreUnavailable
from bot.store import alert_acts, alert_news, alerts, storms
from bot.store.alerts import FIRING, LOST, RESOLVED, Episode

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.alerts.outlet import Outlet
    from bot.config import Config
    from bot.render.document import Document
    from bot.store.db import Store

log = structlog.get_logger(__name__)

SPACING, SUMMARY_SPACING = 2.0, 10.0
"""Least seconds between two states of one root, and of one summary: edits are scarce."""
LIVELY = 10
"""With so many lively threads the spacing of each is twice as long, with twice as many thrice."""
BREATH = 0.1
AT_ONCE = 50
IDLE = 30.0
RETRY = 1.0
SWEEP = 30.0
FAULTY = 60.0
"""Seconds after which what could not be told for a fault of ours is tried again."""


@dataclass(frozen=True, slots=True)
class Words:
    """What messages are made with.

    Attributes:
        prefix: What commands are typed after, with its space.
        known: Names of the registered commands; no others are offered.
        extras: What others add to the root of an episode: acts, who took it, who silenced it.
    """

    prefix: Callable[[], str]
    known: Collection[str]
    extras: Callable[[Database, Episode], Extras]


class Teller:
    """Brings threads and summaries in line with what is known.

    Args:
        store: Holds what is known and what was told.
        outlet: Where it is told; without one everything is kept and listed all the same.
        clock: Microseconds UTC.
        config: The configuration in force.
        words: What messages are made with.
        told: Is called when something was told.
        monotonic: Seconds; for pacing.
    """

    def __init__(
        self,
        store: Store,
        outlet: Outlet | None,
        clock: Callable[[], int],
        config: Callable[[], Config],
        words: Words,
        told: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._outlet, self._clock = store, outlet, clock
        self._config, self._words, self._monotonic = config, words, monotonic
        self._told = told
        self._places = Places(config, clock, monotonic)
        self._summaries = Summaries(outlet, clock, config, words, self._places)
        self._wakeup = asyncio.Event()
        self._rest: dict[str, float] = {}
        self._refused: dict[str, float] = {}
        self._swept = float("-inf")

    def wake(self) -> None:
        """Says that something happened; never blocks."""
        self._wakeup.set()

    async def run(self) -> None:
        """Tells until cancelled."""
        while True:
            self._wakeup.clear()
            wait = await self.step()
            await asyncio.sleep(BREATH)  # in a storm each notification would be a round
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wakeup.wait()

    async def step(self) -> float:
        """Tells all that may be told now; returns the seconds until something else may."""
        try:
            if self._monotonic() - self._swept >= SWEEP:
                await self.sweep()
            return await self._round()
        except StoreUnavailable as error:
            log.error("alerts not told", why=str(error))
        except Exception as error:
            log.error("round of alerts failed", exc_info=error)
        return RETRY

    async def _round(self) -> float:
        now = self._monotonic()
        self._rest = {key: free for key, free in self._rest.items() if free > now}
        due = await self._store.read(lambda db: alert_news.untold(db, AT_ONCE + len(self._rest)))
        told, free = False, now + IDLE
        for name, _ in due:
            if name in self._rest:
                free = min(free, self._rest[name])
                continue
            # One at a time: notifications that wait for their commit come in between.
            folded = await self._tried(name, self._tell)
            spacing = SPACING * (1 + len(due) / LIVELY)
            self._rest.setdefault(name, now + (SUMMARY_SPACING if folded else spacing))
            told = True
        for one in await self._store.read(storms.untold):
            if one.id in self._rest:
                free = min(free, self._rest[one.id])
                continue
            await self._tried(one.id, self._summaries.tell)
            self._rest.setdefault(one.id, now + SUMMARY_SPACING)
            told = True
        if told and self._outlet is not None:
            self._outlet.wake()
            self._told()
        left = min(free, self._swept + SWEEP) - self._monotonic()
        return max(left, 0.0) if not told else min(max(left, 0.0), RETRY)

    async def _tried(self, name: str, work: Callable[[Database, str], bool]) -> bool:
        """Tells of one thing; what is wrong with it must not keep the others untold.

        Raises:
            StoreUnavailable: Nothing can be told now.
        """
        try:
            return await self._store.write(lambda db: work(db, name))
        except StoreUnavailable:
            raise
        except Exception as error:
            log.error("alert not told", name=name, exc_info=error)
            self._rest[name] = self._monotonic() + FAULTY
            return False

    def _tell(self, db: Database, name: str) -> bool:
        """Tells of an episode; True when that was left to a summary."""
        found = alerts.find(db, name)
        if found is None:
            return False
        placed = bool(found.message_key or found.storm)
        if self._outlet is None:
            if not placed:  # what still fires gets its place once there is a chat
                alerts.put(db, replace(found, shown=found.revision))
            return False
        episode = found if placed else self._places.placed(db, found, self._outlet.configured)
        if episode is not None and episode.closed_at is None:
            alert_acts.wait(db, episode.id, episode.severity, self._clock())
        if episode is not None and episode.storm:
            self._fold(db, episode)
            return True
        if episode is not None:
            self._thread(db, episode)
        return False

    def _fold(self, db: Database, episode: Episode) -> None:
        alerts.put(db, replace(episode, shown=episode.revision))
        alert_news.mark_told(db, episode.id)
        storms.touch(db, episode.storm, self._clock())

    def _thread(self, db: Database, episode: Episode) -> None:
        """Posts or edits the root, and answers below it when there is news."""
        outlet, now = self._outlet, self._clock()
        if outlet is None:
            return
        key, where = episode.message_key, episode.channel
        first = not outlet.standing(db, key)
        if episode.revision > episode.shown or first:
            document = pressable(db, key, self._root(db, episode), now)
            outlet.keep(db, key, document, channel=where, live=True)
            alerts.put(db, replace(episode, shown=episode.revision))
        if first:
            alert_news.mark_told(db, episode.id)
            alert_acts.call(db, episode.id, self._places.route(episode).mentions, now)
        elif self._answers(db, episode) and not outlet.answering(db, key):
            reply = self._reply(db, episode)
            if reply is not None:
                outlet.reply(db, key, reply, channel=where)
            alert_news.mark_told(db, episode.id)

    def _answers(self, db: Database, episode: Episode) -> bool:
        """Whether news is answered now: while a storm rages only what calls somebody."""
        if not storms.raging(db, episode.channel):
            return True
        called = self._places.route(episode).mentions
        if episode.closed_at is not None or not called:
            return False
        back = alert_news.over_as_told(db, episode.id)
        return back or not alert_acts.called(db, episode.id, called)

    def _root(self, db: Database, episode: Episode) -> Document:
        if episode.closed_at is not None:
            return presenting.over(episode, *self._span(db, episode))
        rows = alert_news.newest_firing(db, episode.id, showing.MOST_ITEMS)
        extras = self._words.extras(db, episode)
        called = extras.called or self._places.route(episode).mentions
        condition = presenting.condition(episode, rows, replace(extras, called=called))
        return showing.root(
            condition,
            episode.cluster,
            episode.opened_at,
            prefix=self._words.prefix(),
            known=self._words.known,
            name=episode.id,
        )

    def _reply(self, db: Database, episode: Episode) -> Document | None:
        rows, counts = alert_news.news(db, episode.id, 3 * showing.MOST_ITEMS)
        found = News(
            tuple(rows),
            firing=counts.get(FIRING, 0),
            resolved=counts.get(RESOLVED, 0),
            lost=counts.get(LOST, 0),
            back=alert_news.over_as_told(db, episode.id),
        )
        if not found:
            return None
        if episode.closed_at is not None:
            return presenting.ended(episode, *self._span(db, episode))
        called = self._places.route(episode).mentions
        fresh = alert_acts.call(db, episode.id, called, self._clock())
        return presenting.news(episode, found, called if found.back else fresh)

    def _span(self, db: Database, episode: Episode) -> tuple[int, int]:
        """From when to when an episode lasted, by one and the same clock where that is known."""
        closed = episode.closed_at if episode.closed_at is not None else self._clock()
        began, ended = alerts.bounds(db, episode.id)
        if 0 < began <= ended <= closed:
            return max(began, min(episode.opened_at, ended)), ended
        return min(episode.opened_at, closed), closed

    async def sweep(self) -> None:
        """Looks after what no notification will: calm, refusals, the end of maintenance.

        Raises:
            StoreUnavailable: Nothing was written; the next look does it.
        """
        self._swept = self._monotonic()
        if self._outlet is not None:
            await self._store.write(self._places.calm)
            await self._store.write(self._moved)
            names = await self._store.read(self._placeable) if self._outlet.configured else []
            if names:
                await self._store.write(self._again)

    def _placeable(self, db: Database) -> list[str]:
        found = (alerts.find(db, name) for name in alert_news.unplaced(db))
        return [one.id for one in found if one is not None and self._places.changed(one)]

    def _again(self, db: Database) -> None:
        for name in self._placeable(db):
            alerts.touch(db, name, self._clock())

    def _moved(self, db: Database) -> None:
        """Takes what a channel refused to another one: to the ops channel."""
        outlet, now = self._outlet, self._monotonic()
        if outlet is None:
            return
        self._refused = {name: until for name, until in self._refused.items() if until > now}
        for episode in alert_news.rooted(db):
            why = outlet.refusal(db, episode.message_key)
            if why and episode.id not in self._refused:
                self._places.bar(episode.channel, why)
                self._refused[episode.id] = now + BARRED
                alerts.put(db, replace(episode, message_key="", revision=episode.revision + 1))
                alert_acts.unescalate(db, episode.id)
        for one in storms.under_way(db):
            why = outlet.refusal(db, one.id)
            if why and one.channel:
                self._places.bar(one.channel, why)
                anew = replace(one, id=storm_id(), channel="", shown=0, revision=1)
                alert_acts.unescalate(db, one.id)
                storms.move(db, one, replace(anew, changed_at=self._clock()))
