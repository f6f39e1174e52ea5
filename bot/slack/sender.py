"""Delivers the outbox: posts one at a time in each channel, edits within their budget.

A 429 pauses what it was about for as long as Slack says; nothing is dropped but states that a
newer one has replaced. Retries live here and nowhere else: the client given must not retry 429s.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import StoreUnavailable
from bot.slack.answers import INVITE
from bot.store import messages, outbox
from bot.store.db import Store
from bot.tasks import Tasks

log = structlog.get_logger(__name__)

POST_SPACING = 1.0
EDIT_SPACING = 2.0
EDITS_A_MINUTE = 40
IDLE_SECONDS = 30.0
AT_ONCE = 8
BACKOFF = (1, 2, 5, 10, 30, 60)
# Trying again cannot help: the place or the message is gone, or the content is refused.
LOST_CAUSES = frozenset(
    {
        "channel_not_found",
        "is_archived",
        "invalid_blocks",
        "msg_blocks_too_long",
        "user_not_in_channel",
        "user_not_found",
        "restricted_action",
        "no_text",
        "cannot_reply_to_message",
        "thread_not_found",
    }
)


class Sender:
    """Sends what is in the outbox, for as long as it runs.

    Args:
        store: Holds the outbox.
        client: The Web API, without a handler for 429.
        session: For `response_url`s.
        clock: Microseconds UTC.
    """

    def __init__(
        self,
        store: Store,
        client: AsyncWebClient,
        session: aiohttp.ClientSession,
        clock: Callable[[], int],
    ) -> None:
        self._store, self._client, self._session = store, client, session
        self._clock = clock
        self._wakeup = asyncio.Event()
        self._tasks = Tasks()
        self._channel_free: dict[tuple[str, str], float] = {}
        self._message_free: dict[str, float] = {}
        self._edits: deque[float] = deque()
        self._paused_until = 0.0
        self._turns = asyncio.Semaphore(AT_ONCE)

    def wake(self) -> None:
        """Says that there is something to send; never blocks."""
        self._wakeup.set()

    async def run(self) -> None:
        """Sends until cancelled. Rows that a kill left half sent are sent again."""
        await self._store.write(outbox.recover)
        try:
            while True:
                self._wakeup.clear()
                wait = await self._round()
                try:
                    async with asyncio.timeout(wait):
                        await self._wakeup.wait()
                except TimeoutError:
                    pass
        finally:
            await self._tasks.close()

    async def _round(self) -> float:
        """Starts all that may go now; returns the seconds until something else may."""
        try:
            while True:
                await self._turns.acquire()
                entry = await self._claim()
                if entry is None:
                    self._turns.release()
                    return await self._next_turn()
                self._tasks.spawn(self._send(entry), f"send {entry.id}")
        except StoreUnavailable as error:
            self._turns.release()
            log.error("outbox not read", why=str(error))
            return 1.0

    async def _claim(self) -> outbox.Entry | None:
        now = time.monotonic()
        if now < self._paused_until:
            return None
        self._forget(now)
        channels = [place for place, free in self._channel_free.items() if free > now]
        edited = [key for key, free in self._message_free.items() if free > now]
        micros = self._clock()
        final_only = len(self._edits) >= EDITS_A_MINUTE

        def take(kinds: tuple[str, ...], skip: list[tuple[str, str]]) -> Any:
            return lambda db: outbox.claim_next(
                db,
                micros,
                kinds=kinds,
                skip_channels=skip,
                skip_messages=edited,
                only_final=final_only,
            )

        # A cheap look first: claiming is a commit, and most rounds find nothing.
        if not await self._store.read(outbox.waiting):
            return None
        entry: outbox.Entry | None = await self._store.write(
            take(("post", "file", "ephemeral", "respond"), channels)
        )
        if entry is None:
            entry = await self._store.write(take(("update",), []))
        if entry is None:
            return None
        if entry.kind == "update":
            self._edits.append(now)
            self._message_free[entry.message_key] = now + EDIT_SPACING
        elif entry.kind != "ephemeral":
            self._channel_free[entry.team, entry.channel] = now + POST_SPACING
        return entry

    def _forget(self, now: float) -> None:
        while self._edits and self._edits[0] < now - 60:
            self._edits.popleft()
        for table in (self._channel_free, self._message_free):
            for key in [k for k, free in table.items() if free <= now]:
                del table[key]  # type: ignore[arg-type]

    async def _next_turn(self) -> float:
        due = await self._store.read(outbox.due_at)
        if due is None:
            return IDLE_SECONDS
        now = time.monotonic()
        times = [*self._channel_free.values(), *self._message_free.values(), self._paused_until]
        if len(self._edits) >= EDITS_A_MINUTE:
            times.append(self._edits[0] + 60)
        if due > (micros := self._clock()):
            times.append(now + (due - micros) / 1_000_000)
        return max(0.01, min((t - now for t in times if t > now), default=1.0))

    async def _send(self, entry: outbox.Entry) -> None:
        try:
            ts = await self._deliver(entry)
        except SlackApiError as error:
            await self._failed(entry, error)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            await self._later(entry, type(error).__name__)
        else:
            now = self._clock()
            await self._store.write(lambda db: outbox.sent(db, entry.id, now, ts))
        finally:
            self._turns.release()
            self._wakeup.set()

    async def _deliver(self, entry: outbox.Entry) -> str:
        payload = entry.payload
        body = {"text": payload.get("text", ""), "blocks": payload.get("blocks")}
        if entry.kind == "update":
            handle = await self._store.read(lambda db: messages.get(db, entry.message_key))
            if handle is None:
                return ""  # its post was given up, and said why
            await self._client.chat_update(channel=handle.channel, ts=handle.ts, **body)
            return handle.ts
        if entry.kind == "ephemeral":
            await self._client.chat_postEphemeral(
                channel=entry.channel, user=payload["user"], **body
            )
            return ""
        thread = payload.get("thread_ts")
        if entry.thread_key:
            root = await self._store.read(lambda db: messages.get(db, entry.thread_key))
            thread = root.ts if root else thread
        if entry.kind == "file":
            await self._client.files_upload_v2(
                channel=entry.channel,
                thread_ts=thread,
                filename=payload["name"],
                content=bytes.fromhex(payload["hex"]),
                alt_txt=payload.get("alt") or None,
            )
            return ""
        answer = await self._client.chat_postMessage(
            channel=entry.channel, thread_ts=thread, unfurl_links=False, unfurl_media=False, **body
        )
        return str(answer["ts"])

    async def _failed(self, entry: outbox.Entry, error: SlackApiError) -> None:
        code = str(error.response.get("error", ""))
        status = error.response.status_code
        if status == 429 or code in ("ratelimited", "rate_limited"):
            await self._limited(entry, float(error.response.headers.get("Retry-After", "1")))
        elif code == "not_in_channel" or (code == "channel_not_found" and entry.payload.get("url")):
            await self._outside(entry, code)
        elif code in ("message_not_found", "edit_window_closed", "cant_update_message"):
            await self._repost(entry)
        elif code in LOST_CAUSES:
            log.error("message given up", entry=entry.id, channel=entry.channel, why=code)
            now = self._clock()
            await self._store.write(lambda db: outbox.fail(db, entry.id, now, code))
        else:
            await self._later(entry, code or f"HTTP {status}")

    async def _limited(self, entry: outbox.Entry, seconds: float) -> None:
        until = time.monotonic() + seconds
        if entry.kind == "update":  # the budget of edits is shared by all channels
            self._edits.extend([until - 60] * (EDITS_A_MINUTE - len(self._edits)))
        else:
            self._channel_free[entry.team, entry.channel] = until
        at = self._clock() + int(seconds * 1_000_000)
        await self._store.write(lambda db: outbox.retry(db, entry.id, at, "429"))

    async def _outside(self, entry: outbox.Entry, code: str) -> None:
        """Not in that channel: the asker gets it through the response_url, with the way in."""
        body = {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": f"{entry.payload.get('text', '')}\n{INVITE}",
            "blocks": [
                *(entry.payload.get("blocks") or [])[:49],
                {"type": "context", "elements": [{"type": "mrkdwn", "text": INVITE}]},
            ],
        }
        url, now = str(entry.payload.get("url", "")), self._clock()
        if url and await self._respond(url, body):
            await self._store.write(lambda db: outbox.sent(db, entry.id, now))
        else:
            await self._store.write(lambda db: outbox.fail(db, entry.id, now, code))

    async def _respond(self, url: str, body: Mapping[str, Any]) -> bool:
        try:
            async with self._session.post(url, json=body) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _repost(self, entry: outbox.Entry) -> None:
        """Somebody deleted the message, or it cannot be edited any more: it is posted anew."""
        now = self._clock()

        def work(db: Any) -> None:
            messages.forget(db, entry.message_key)
            outbox.sent(db, entry.id, now)
            draft = outbox.Draft(
                "post",
                entry.team,
                entry.channel,
                entry.payload,
                entry.message_key,
                entry.thread_key,
                entry.final,
                entry.priority,
                entry.request_id,
                entry.cluster,
                entry.actor,
                entry.person,
            )
            outbox.enqueue(db, draft, now)

        await self._store.write(work)

    async def _later(self, entry: outbox.Entry, why: str) -> None:
        wait = BACKOFF[min(entry.attempts - 1, len(BACKOFF) - 1)]
        log.warning("message waits", entry=entry.id, why=why, seconds=wait)
        at = self._clock() + wait * 1_000_000
        self._paused_until = time.monotonic() + min(wait, 2)
        await self._store.write(lambda db: outbox.retry(db, entry.id, at, why))
