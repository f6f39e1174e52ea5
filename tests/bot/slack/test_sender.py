"""The sender against a practice Slack with Slack's own limits, on a clock moved by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient
from structlog.testing import capture_logs

from bot.slack.delivery import Delivery
from bot.slack.sender import Sender
from bot.store import messages, outbox
from bot.store.db import Store
from bot.store.keys import AuditKey
from sandbox.slack import Fault, Limits, ManualClock, SlackServer, practice_workspace

STEP = 0.25


class Recording(AsyncWebClient):
    """The real client, keeping a note of every call; its answers wait for the gate."""

    def __init__(self, clock: ManualClock, **rest: Any) -> None:
        super().__init__(**rest)
        self.clock, self.calls = clock, []
        self.gate = asyncio.Event()
        self.gate.set()

    async def api_call(self, api_method: str, **rest: Any) -> Any:  # type: ignore[override]
        content = {**(rest.get("json") or {}), **(rest.get("params") or {})}
        self.calls.append((api_method, self.clock.monotonic(), content))
        try:
            return await super().api_call(api_method, **rest)
        finally:
            await self.gate.wait()


@dataclass
class Post:
    """A sender on a clock."""

    clock: ManualClock
    server: SlackServer
    store: Store
    client: Recording
    sender: Sender

    def micros(self) -> int:
        return int(self.clock.now() * 1_000_000)

    async def put(
        self, kind: str, text: str, key: str = "", where: str = "ops", **more: Any
    ) -> int:
        payload = {
            "text": text,
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}],
            **more.pop("payload", {}),
        }
        channel = self.server.workspace.channel(where).id
        draft = replace(outbox.Draft(kind, "T1", channel, payload, key), **more)
        found = await self.store.write(lambda db: outbox.enqueue(db, draft, self.micros()))
        return found or 0

    async def run(self, seconds: float = 0.0, step: float = STEP) -> None:
        """Lets the sender work while so much time passes."""
        end = self.clock.monotonic() + seconds
        while True:
            await self.sender.step()
            assert await self.sender.settle(5)
            await self.sender.step()
            assert await self.sender.settle(5)
            if self.clock.monotonic() >= end:
                return
            self.clock.advance(step)

    def times(self, method: str) -> list[float]:
        return [at for name, at, _ in self.client.calls if name == method]

    def texts(self, where: str = "ops") -> list[str]:
        return [m.text for m in self.server.workspace.channel(where).messages.values()]

    async def state(self, entry: int) -> str:
        found = await self.store.read(lambda db: outbox.get(db, entry))
        return found.state if found else "gone"


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    clock = ManualClock(start=float(int(time.time())))
    limits = Limits()
    limits.share_delay = 0.0
    server = SlackServer(practice_workspace(clock), limits=limits)
    await server.start()
    key = AuditKey.load_or_create(tmp_path / "keys" / "audit")
    store = await Store.open(tmp_path / "onprem.db", clock=lambda: 1, audit_key=key)
    async with aiohttp.ClientSession() as session:
        client = Recording(
            clock,
            token=server.bot_token,
            base_url=server.api_url,
            session=session,
            retry_handlers=[],
        )
        made = Post(clock, server, store, client, None)  # type: ignore[arg-type]
        delivery = Delivery(store, client, session)
        made.sender = Sender(store, delivery, made.micros, clock.monotonic)
        yield made
    await store.close()
    await server.close()


def gaps(times: list[float]) -> list[float]:
    return [b - a for a, b in pairwise(times)]


async def test_a_channel_gets_a_message_a_second_and_others_do_not_wait(post: Post) -> None:
    for number in range(8):
        await post.put("post", f"ops {number}")
    await post.put("post", "elsewhere", where="incidents")
    await post.run()
    assert post.texts() == ["ops 0"]
    assert post.texts("incidents") == ["elsewhere"]
    await post.run(8)
    assert post.texts() == [f"ops {n}" for n in range(8)]
    ops = post.server.workspace.channel("ops").id
    sent = [at for n, at, c in post.client.calls if n == "chat.postMessage" and c["channel"] == ops]
    assert min(gaps(sent)) >= 1.0


async def test_live_states_are_edited_every_two_seconds_and_a_final_one_at_once(
    post: Post,
) -> None:
    await post.put("post", "begun", "m")
    await post.run()
    for number in range(12):
        await post.put("update", f"step {number}", "m")
        await post.run(STEP)
    assert min(gaps(post.times("chat.update"))) >= 2.0
    assert len(post.times("chat.update")) >= 2
    await post.run(2)
    await post.put("update", "live once more", "m")
    await post.run()
    await post.put("update", "done", "m", final=True)
    before = post.clock.monotonic()
    await post.run()
    assert post.texts() == ["done"]
    assert post.times("chat.update")[-1] == before


async def test_all_edits_share_forty_a_minute_and_final_ones_do_not_wait(post: Post) -> None:
    post.server.limits.methods["chat.postMessage"] = None
    post.server.limits.channel_burst = 1000
    names = [f"m{n}" for n in range(30)]
    for name in names:
        await post.put("post", "begun", name, where="ops")
    await post.run(31)
    start = post.clock.monotonic()
    for round_number in range(12):
        for name in names:
            await post.put("update", f"{round_number}", name)
        await post.run(1)
    assert len([t for t in post.times("chat.update") if t >= start]) == 40
    await post.put("update", "done", "m7", final=True)
    await post.run()
    assert "done" in post.texts()
    await post.run(60)
    left = await post.store.read(lambda db: outbox.listed(db, states={"queued"}))
    assert not left
    assert post.texts().count("11") == 29, "every message has its newest state"


async def test_a_429_pauses_that_channel_for_as_long_as_slack_says(post: Post) -> None:
    post.server.faults.add(Fault("ratelimited", "chat.postMessage", retry_after=7))
    await post.put("post", "limited")
    await post.run()
    await post.put("post", "free", where="incidents")
    await post.put("post", "behind")
    await post.run(6.5)
    assert post.texts() == []
    assert post.texts("incidents") == ["free"]
    await post.run(3)
    assert post.texts() == ["limited", "behind"]


async def test_a_429_of_edits_pauses_final_ones_too(post: Post) -> None:
    for name in ("a", "b"):
        await post.put("post", name, name)
    await post.run(2)
    post.server.faults.add(Fault("ratelimited", "chat.update", retry_after=5))
    await post.put("update", "a live", "a")
    await post.run()
    await post.put("update", "b done", "b", final=True)
    await post.run(4.5)
    assert len(post.times("chat.update")) == 1
    await post.run(1)
    assert post.texts() == ["a live", "b done"]


async def test_a_429_of_ephemeral_messages_holds_no_post(post: Post) -> None:
    post.server.faults.add(Fault("ratelimited", "chat.postEphemeral", retry_after=9))
    alice = post.server.workspace.person("alice").id
    private = await post.put("ephemeral", "psst", payload={"user": alice})
    await post.put("post", "public")
    await post.run(1)
    assert post.texts() == ["public"]
    await post.run(9)
    assert await post.state(private) == "sent"


async def test_while_slack_is_away_all_wait_the_log_says_so_once_and_the_end_arrives(
    post: Post,
) -> None:
    await post.put("post", "begun", "m")
    await post.run(1)
    with capture_logs() as logs:
        await post.server.away()
        for number in range(30):
            await post.put("update", f"step {number}", "m")
            await post.run(1)
        await post.put("update", "done", "m", final=True)
        await post.put("post", "another")
        await post.run(60)
        calls = len(post.client.calls)
        assert calls < 30, "it does not hammer"
        await post.server.back()
        await post.run(11)
    assert post.texts() == ["done", "another"]
    assert len([e for e in logs if e["event"] == "messages wait"]) == 1
    assert len([e for e in logs if e["event"] == "Slack takes messages again"]) == 1


async def test_a_revoked_token_is_said_once_and_tried_slowly(post: Post) -> None:
    post.server.workspace.app.revoked = True
    with capture_logs() as logs:
        for number in range(5):
            await post.put("post", f"{number}")
        await post.run(300, step=1)
        assert len(post.client.calls) < 30
        (entry,) = [e for e in logs if e["event"] == "messages wait"]
        assert "token_revoked" in str(entry)
        post.server.workspace.app.revoked = False
        await post.run(70)
    assert post.texts() == ["0", "1", "2", "3", "4"]


async def test_a_server_error_is_tried_again(post: Post) -> None:
    post.server.faults.add(Fault("http_500", "chat.postMessage", times=3))
    await post.put("post", "hello")
    await post.run(10)
    assert post.texts() == ["hello"]


async def test_a_deleted_message_is_posted_anew_with_its_newest_state(post: Post) -> None:
    await post.put("post", "begun", "m")
    await post.run(1)
    workspace = post.server.workspace
    (shown,) = workspace.channel("ops").messages.values()
    workspace.delete(shown)
    await post.put("update", "halfway", "m")
    await post.run(3)
    assert post.texts() == ["halfway"]
    await post.put("update", "done", "m", final=True)
    await post.run(3)
    assert post.texts() == ["done"]


async def test_the_final_state_wins_over_a_live_one_that_found_the_message_deleted(
    post: Post,
) -> None:
    await post.put("post", "begun", "m")
    await post.run(1)
    workspace = post.server.workspace
    (shown,) = workspace.channel("ops").messages.values()
    workspace.delete(shown)
    post.client.gate.clear()
    await post.put("update", "halfway", "m")
    await post.sender.step()
    await post.put("update", "done", "m", final=True)
    post.client.gate.set()
    await post.run(5)
    assert post.texts() == ["done"]
    handle = await post.store.read(lambda db: messages.get(db, "m"))
    assert handle is not None
    assert handle.ts in workspace.channel("ops").messages


async def test_an_archived_channel_is_given_up_and_logged(post: Post) -> None:
    post.server.workspace.channel("ops").is_archived = True
    with capture_logs() as logs:
        entry = await post.put("post", "too late", "m")
        await post.put("update", "done", "m", final=True)
        await post.put("post", "elsewhere", where="incidents")
        await post.run(200)
    assert await post.state(entry) == "failed"
    assert post.texts("incidents") == ["elsewhere"]
    assert len(post.client.calls) == 2
    given_up = [e for e in logs if e["event"] == "message given up"]
    assert {e["why"] for e in given_up} == {"is_archived", "not_in_channel"}


def direct(post: Post) -> list[str]:
    """What the person alice reads in the direct messages, text and note."""
    workspace = post.server.workspace
    room = workspace.direct_message(workspace.person("alice"))
    return [f"{m.text} {m.blocks[-1]}" for m in room.messages.values()]


async def test_an_answer_from_an_archived_channel_goes_on_in_the_direct_messages(
    post: Post,
) -> None:
    workspace = post.server.workspace
    alice = {"user": workspace.person("alice").id}
    await post.put("post", "running", "m", payload={**alice, "thread_ts": "1.1"})
    await post.put("update", "halfway", "m", payload=alice)
    await post.run(5)
    workspace.channel("ops").is_archived = True
    await post.put("update", "nearly", "m", payload=alice)
    await post.run(5)
    await post.put("update", "done", "m", final=True, payload=alice)
    await post.put("ephemeral", "for you", payload={**alice, "url": "http://127.0.0.1:9/none"})
    await post.run(5)
    done, private = direct(post)
    assert done.startswith("done ")
    assert private.startswith("for you ")
    assert f"You asked in <#{workspace.channel('ops').id}>" in private
    assert post.texts() == ["halfway"]


async def test_an_answer_whose_response_url_is_used_up_goes_to_the_direct_messages(
    post: Post,
) -> None:
    alice = post.server.workspace.person("alice")
    secret = post.server.core.response_url(alice.id, post.server.workspace.channel("general").id)
    for _ in range(5):
        post.server.core.response_urls.use(secret.rpartition("/")[2])
    told = {"user": alice.id, "url": secret}
    await post.put("post", "outcome", "m", where="general", payload=told)
    await post.run(5)
    (shown,) = direct(post)
    assert shown.startswith("outcome ")


async def test_direct_messages_that_are_refused_end_it(post: Post) -> None:
    post.server.workspace.channel("ops").is_archived = True
    alice = {"user": post.server.workspace.person("alice").id}
    away = Fault("error", "conversations.open", times=1, code="internal_error")
    post.server.faults.add(away)
    later = await post.put("post", "a moment later", payload=alice)
    await post.run(5)
    assert await post.state(later) == "sent"
    closed = Fault("error", "conversations.open", times=None, code="missing_scope")
    post.server.faults.add(closed)
    entry = await post.put("post", "never", payload=alice)
    await post.run(5)
    assert await post.state(entry) == "failed"
    assert [text.partition(" {")[0] for text in direct(post)] == ["a moment later"]


async def test_a_thread_that_is_gone_does_not_take_the_message_with_it(post: Post) -> None:
    await post.put("post", "outcome", payload={"thread_ts": "1700000000.000100"})
    await post.run(3)
    assert post.texts() == ["outcome"]


async def test_an_answer_below_a_deleted_root_brings_the_root_back(post: Post) -> None:
    await post.put("post", "firing", "root")
    await post.run(2)
    workspace = post.server.workspace
    (shown,) = workspace.channel("ops").messages.values()
    workspace.delete(shown)
    await post.put("update", "2 firing", "root")
    await post.put("post", "one more", thread_key="root")
    await post.put("file", "graph", thread_key="root", payload={"name": "a.txt", "hex": "61"})
    await post.run(8)
    root, *below = workspace.channel("ops").messages.values()
    assert root.text == "2 firing"
    assert [m.thread_ts for m in below] == [root.ts, root.ts]
    assert below[0].text == "one more"
    await post.put("update", "3 firing", "root")
    await post.run(3)
    assert root.text == "3 firing"


async def test_an_answer_whose_root_nobody_remembers_is_posted_all_the_same(post: Post) -> None:
    handle = messages.Handle("root", "T1", post.server.workspace.channel("ops").id, "1.1", 0)
    await post.store.write(lambda db: messages.put(db, handle))
    await post.put("post", "one more", thread_key="root")
    await post.run(3)
    assert post.texts() == ["one more"]


async def test_refused_blocks_leave_the_text(post: Post) -> None:
    await post.put("post", "outcome", payload={"blocks": [{"type": "nonsense"}]})
    await post.run(3)
    assert post.texts() == ["outcome"]


async def test_what_slack_never_takes_is_given_up_after_a_while(post: Post) -> None:
    post.server.faults.add(Fault("error", "chat.postMessage", times=None, code="odd_new_code"))
    with capture_logs() as logs:
        entry = await post.put("post", "hello")
        await post.run(1300, step=10)
    assert await post.state(entry) == "failed"
    assert [e["why"] for e in logs if e["event"] == "message given up"] == ["odd_new_code"]


async def test_a_row_that_no_code_expected_is_given_up_with_its_traceback(post: Post) -> None:
    with capture_logs() as logs:
        entry = await post.put("file", "x", payload={"name": "a.txt", "hex": "not hex"})
        await post.put("post", "behind")
        await post.run(3)
    assert await post.state(entry) == "failed"
    assert post.texts() == ["behind"]
    (given_up,) = [e for e in logs if e["event"] == "message given up"]
    assert isinstance(given_up["exc_info"], ValueError)


async def test_what_a_kill_left_half_sent_goes_at_the_next_start(post: Post) -> None:
    entry = await post.put("post", "hello")
    await post.store.write(lambda db: outbox.claim_next(db, post.micros()))
    running = asyncio.create_task(post.sender.run())
    try:
        async with asyncio.timeout(5):
            while await post.state(entry) != "sent":
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert post.texts() == ["hello"]


async def test_an_upload_that_fails_halfway_is_repeated_whole(post: Post) -> None:
    post.server.faults.add(Fault("http_500", "files.completeUploadExternal"))
    body = {"name": "a.txt", "hex": b"hello".hex(), "alt": ""}
    await post.put("file", "", payload=body)
    await post.run(5)
    files = [f for f in post.server.workspace.files.values() if f.shares]
    assert [f.content for f in files] == [b"hello"]


async def test_what_is_on_its_way_when_the_bot_stops_is_not_sent_twice(post: Post) -> None:
    post.client.gate.clear()
    entry = await post.put("post", "hello")
    running = asyncio.create_task(post.sender.run())
    async with asyncio.timeout(5):
        while not post.texts():
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.sleep(0)
    post.client.gate.set()
    await asyncio.gather(running, return_exceptions=True)
    assert await post.state(entry) == "sent"
