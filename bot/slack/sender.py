"""Sends the outbox: posts one at a time in each channel, edits within their budget.

Slack's limits are kept before it complains, and a 429 pauses what it was about for as long as it
says. Nothing is dropped but states that a newer one has replaced, and what Slack will never take.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from bot.errors import StoreUnavailable
from bot.slack.delivery import ASKED, Delivery, Kind, Setback
from bot.store import messages, outbox, reposting
from bot.store.db import Store
from bot.tasks import Tasks

log = structlog.get_logger(__name__)

POST_SPACING = 1.0
EDIT_SPACING = 2.0
EDITS_A_MINUTE = 40
IDLE_SECONDS = 30.0
AT_ONCE = 8
BACKOFF = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
AWAY_BACKOFF = (0.5, 1.0, 2.0, 5.0, 10.0)
BARRED_BACKOFF = (5.0, 30.0, 60.0)
MOST_TRIES = 20  # of something that Slack refuses with a code unknown to us
LAST_WORDS = 3.0
STORE_RETRY = 1.0
PRIVATE, POSTS, EDITS = ("ephemeral", "respond"), ("post", "file"), ("update",)


class Sender:
    """Sends what is in the outbox, for as long as it runs.

    Args:
        store: Holds the outbox.
        delivery: Calls Slack.
        clock: Microseconds UTC.
        monotonic: Seconds; for pacing.
        limited: Is told each 429, with the kind of what was sent.
    """

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        clock: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
        limited: Callable[[str], None] = lambda kind: None,
    ) -> None:
        self._store, self._delivery, self._told = store, delivery, limited
        self._clock, self._monotonic = clock, monotonic
        self._wakeup = asyncio.Event()
        self._tasks = Tasks()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._channels: dict[tuple[str, str], float] = {}
        self._messages: dict[str, float] = {}
        self._kinds: dict[str, float] = {}
        self._edits: deque[float] = deque()
        self._outage, self._outages, self._closed_until = "", 0, 0.0

    def wake(self) -> None:
        """Says that there is something to send; never blocks."""
        self._wakeup.set()

    @property
    def outage(self) -> str:
        """Why Slack took none of the last messages; empty when it takes them."""
        return self._outage

    async def run(self) -> None:
        """Sends until cancelled. Rows that a kill left half sent are sent again."""
        await self._kept(outbox.recover)
        try:
            while True:
                self._wakeup.clear()
                wait = await self.step()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wakeup.wait()
        finally:
            # What is on its way may arrive yet; cut off, it would be sent again at the next start.
            await self.settle()
            await self._tasks.close()

    async def settle(self, seconds: float = LAST_WORDS) -> bool:
        """Waits for what is on its way; False when that takes longer."""
        return await self._tasks.settle(seconds)

    async def drain(self, seconds: float = LAST_WORDS) -> None:
        """Waits for the last messages, unless Slack is away."""
        with suppress(TimeoutError, StoreUnavailable):
            async with asyncio.timeout(seconds):
                while not self._outage:
                    if not await self._store.read(outbox.waiting) and not len(self._tasks):
                        return
                    await asyncio.sleep(0.05)

    async def step(self) -> float:
        """Starts all that may go now; returns the seconds until something else may."""
        try:
            while True:
                await self._turns.acquire()
                entry = None
                try:
                    entry = await self._claim()
                finally:
                    if entry is None:
                        self._turns.release()
                if entry is None:
                    return await self._next_turn()
                self._tasks.spawn(self._send(entry), f"send {entry.id}")
        except StoreUnavailable as error:
            log.error("outbox not read", why=str(error))
        except Exception as error:
            log.error("outbox round failed", exc_info=error)
        return STORE_RETRY

    async def _claim(self) -> outbox.Entry | None:
        now = self._monotonic()
        if now < self._closed_until:
            return None
        self._forget(now)
        micros = self._clock()
        shared: dict[str, Any] = {
            "skip_messages": tuple(self._messages),
            "only_final": len(self._edits) >= EDITS_A_MINUTE,
        }
        choices = [
            {
                "kinds": tuple(kind for kind in kinds if kind not in self._kinds),
                "skip_channels": tuple(self._channels) if kinds is POSTS else (),
                **shared,
            }
            for kinds in (PRIVATE, POSTS, EDITS)  # a person who waits comes first
        ]

        def look(db: Any) -> dict[str, Any] | None:
            return next((c for c in choices if outbox.candidate(db, micros, **c)), None)

        # Looking first: claiming takes the writer's time from intents that wait to be acknowledged.
        choice = await self._store.read(look)
        if choice is None:
            return None
        entry = await self._store.write(lambda db: outbox.claim_next(db, micros, **choice))
        if entry is not None:
            self._count(entry, now)
        return entry

    def _count(self, entry: outbox.Entry, now: float) -> None:
        if entry.kind == "update":
            self._edits.append(now)
            self._messages[entry.message_key] = now + EDIT_SPACING
        elif entry.kind in POSTS:
            self._channels[entry.team, entry.channel] = now + POST_SPACING

    def _forget(self, now: float) -> None:
        while self._edits and self._edits[0] <= now - 60:
            self._edits.popleft()
        tables: tuple[dict[Any, float], ...] = (self._channels, self._messages, self._kinds)
        for table in tables:
            for key in [k for k, free in table.items() if free <= now]:
                del table[key]

    async def _next_turn(self) -> float:
        due = await self._store.read(outbox.due_at)
        if due is None:
            return IDLE_SECONDS
        now, micros = self._monotonic(), self._clock()
        tables: tuple[dict[Any, float], ...] = (self._channels, self._messages, self._kinds)
        times = [free for table in tables for free in table.values()]
        times.append(self._closed_until)
        if len(self._edits) >= EDITS_A_MINUTE:
            times.append(self._edits[0] + 60)
        if due > micros:
            times.append(now + (due - micros) / 1_000_000)
        return max(0.01, min((t - now for t in times if t > now), default=STORE_RETRY))

    async def _send(self, entry: outbox.Entry) -> None:
        try:
            await self._try(entry)
        except Exception as error:  # a fault of ours: the row must not block its channel for ever
            log.error("message given up", entry=entry.id, kind=entry.kind, exc_info=error)
            await self._fail(entry, f"a fault in the bot: {type(error).__name__}")
        finally:
            self._turns.release()
            self._wakeup.set()

    async def _try(self, entry: outbox.Entry) -> None:
        try:
            try:
                ts = await self._delivery.deliver(entry)
            except Setback as setback:
                if setback.kind is not Kind.OUTSIDE:
                    raise
                if not await self._delivery.aside(entry, setback.code):
                    if await self._redirected(entry, setback):
                        return
                    raise
                ts = ""
        except Setback as setback:
            await self._set_back(entry, setback)
            return
        if self._outage:
            log.info("Slack takes messages again")
            self._outage, self._outages, self._closed_until = "", 0, 0.0
        now = self._clock()
        await self._kept(lambda db: outbox.sent(db, entry.id, now, ts))

    async def _set_back(self, entry: outbox.Entry, setback: Setback) -> None:
        match setback.kind:
            case Kind.LIMITED:
                await self._limited(entry, setback.seconds)
            case Kind.AWAY | Kind.BARRED:
                await self._away(entry, setback)
            case Kind.GONE:
                await self._repost(entry)
            case Kind.THREAD if entry.payload.get("thread_ts"):
                await self._again(entry, setback, thread_ts="")
            case Kind.THREAD if entry.thread_key:
                await self._rerooted(entry, setback)
            case Kind.CONTENT if entry.payload.get("blocks"):
                await self._again(entry, setback, blocks=None)
            case Kind.OTHER if entry.attempts < MOST_TRIES:
                wait = BACKOFF[min(entry.attempts, len(BACKOFF)) - 1]
                log.warning("message waits", entry=entry.id, why=setback.code, seconds=wait)
                await self._later(entry, wait, setback.code)
            case _:
                log.error(
                    "message given up",
                    entry=entry.id,
                    kind=entry.kind,
                    channel=entry.channel,
                    request=entry.request_id,
                    why=setback.code,
                )
                await self._fail(entry, setback.code)

    async def _redirected(self, entry: outbox.Entry, setback: Setback) -> bool:
        """Sends an answer, and what follows it, to the direct messages of whoever asked."""
        room = await self._delivery.room(entry)
        if room in ("", entry.channel):
            return False
        log.warning("answer goes to the direct messages", entry=entry.id, why=setback.code)
        text = ASKED.format(channel=entry.channel)
        note = {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}
        blocks = [*(entry.payload.get("blocks") or [])[:49], note]
        payload = {**entry.payload, "blocks": blocks, "thread_ts": "", "url": ""}
        await self._kept(lambda db: reposting.redirect(db, entry, room, payload))
        return True

    async def _limited(self, entry: outbox.Entry, seconds: float) -> None:
        """Leaves that channel, or that method, alone for as long as Slack says."""
        until = self._monotonic() + seconds
        self._told(entry.kind)
        log.info("Slack asks to wait", kind=entry.kind, channel=entry.channel, seconds=seconds)
        if entry.kind == "post":
            self._channels[entry.team, entry.channel] = until
        else:
            self._kinds[entry.kind] = until
        await self._later(entry, seconds, "429")

    async def _away(self, entry: outbox.Entry, setback: Setback) -> None:
        """Slack is not reached, or wants nothing from us: all wait, and the log says so once."""
        barred = setback.kind is Kind.BARRED
        if self._outage != setback.kind.value:
            self._outage = setback.kind.value
            hint = (
                "see the bot's tokens and scopes; `onprem check` tells" if barred else "trying on"
            )
            log.error("messages wait", why=self._outage, code=setback.code, hint=hint)
        waits = BARRED_BACKOFF if barred else AWAY_BACKOFF
        now = self._monotonic()
        if now >= self._closed_until:  # what else was on its way fails with it, and counts once
            wait = waits[min(self._outages, len(waits) - 1)]
            self._outages, self._closed_until = self._outages + 1, now + wait
        await self._later(entry, min(self._closed_until - now, waits[-1]), setback.code)

    async def _again(self, entry: outbox.Entry, setback: Setback, **changes: Any) -> None:
        """Sends it with less: outside of a thread that is gone, or without refused blocks."""
        log.warning("message sent with less", entry=entry.id, why=setback.code, without=[*changes])
        payload, now = {**entry.payload, **changes}, self._clock()

        def work(db: Any) -> None:
            outbox.retry(db, entry.id, now, setback.code)
            outbox.rewrite(db, entry.id, payload)

        await self._kept(work)

    async def _repost(self, entry: outbox.Entry) -> None:
        """Somebody deleted the message, or it cannot be edited any more: it is posted anew."""
        now = self._clock()

        def work(db: Any) -> None:
            messages.forget(db, entry.message_key)
            reposting.repost(db, entry, now)

        await self._kept(work)

    async def _rerooted(self, entry: outbox.Entry, setback: Setback) -> None:
        """Somebody deleted the root of a thread: it is posted anew, and the answer below it."""
        log.warning("thread begun anew", entry=entry.id, why=setback.code)
        now = self._clock()

        def work(db: Any) -> None:
            messages.forget(db, entry.thread_key)
            reposting.revive(db, entry.thread_key)
            outbox.retry(db, entry.id, now, setback.code)

        await self._kept(work)

    async def _later(self, entry: outbox.Entry, seconds: float, why: str) -> None:
        at = self._clock() + int(seconds * 1_000_000)
        await self._kept(lambda db: outbox.retry(db, entry.id, at, why))

    async def _fail(self, entry: outbox.Entry, why: str) -> None:
        now = self._clock()
        await self._kept(lambda db: outbox.fail(db, entry.id, now, why))

    async def _kept(self, work: Callable[[Any], Any]) -> None:
        """Writes down what became of a message; a full or locked database is waited for."""
        while True:
            try:
                await self._store.write(work)
                return
            except StoreUnavailable as error:
                log.error("outbox not written", why=str(error))
                await asyncio.sleep(STORE_RETRY)
