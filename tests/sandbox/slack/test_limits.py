"""Rate limits, each number of Slack's documents, on a clock that the test moves."""

from __future__ import annotations

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack import Fault, Limits, ManualClock, SlackServer
from sandbox.slack.errors import RateLimited
from sandbox.slack.limits import Limiter
from sandbox.slack.methods import TABLE


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.mark.parametrize(("tier", "calls"), [(1, 1), (2, 20), (3, 50), (4, 100)])
def test_each_tier_allows_so_many_calls_a_minute(tier: int, calls: int) -> None:
    clock = ManualClock()
    limiter = Limiter(Limits(), clock)
    for _ in range(calls):
        limiter.method("some.method", tier)
    limiter.method("another.method", tier)
    clock.advance(20)
    with pytest.raises(RateLimited) as refused:
        limiter.method("some.method", tier)
    assert refused.value.retry_after == 40
    clock.advance(40)
    limiter.method("some.method", tier)


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("apps.connections.open", 1),
        ("chat.update", 3),
        ("views.open", 4),
        ("views.push", 4),
        ("files.getUploadURLExternal", 4),
        ("conversations.list", 2),
        ("users.info", 4),
    ],
)
def test_methods_are_in_the_tier_that_slack_names(name: str, tier: int) -> None:
    assert TABLE[name].tier == tier


async def test_a_limited_call_answers_429_with_retry_after(
    client: AsyncWebClient, clock: ManualClock
) -> None:
    for _ in range(50):
        await client.team_info()
    clock.advance(15)
    with pytest.raises(SlackApiError) as refused:
        await client.team_info()
    assert refused.value.response.status_code == 429
    assert refused.value.response["error"] == "ratelimited"
    assert refused.value.response.headers["Retry-After"] == "45"


async def test_a_channel_takes_a_short_burst_and_then_one_message_a_second(
    client: AsyncWebClient, clock: ManualClock, ops: str, server: SlackServer
) -> None:
    burst = server.limits.channel_burst
    for number in range(burst):
        await client.chat_postMessage(channel=ops, text=str(number))
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=ops, text="one too many")
    assert refused.value.response.headers["Retry-After"] == "1"
    other = server.workspace.channel("incidents").id
    server.workspace.join(server.workspace.channel("incidents"), server.workspace.person("onprem"))
    await client.chat_postMessage(channel=other, text="another channel")
    clock.advance(1)
    await client.chat_postMessage(channel=ops, text="again")
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel=ops, text="and again")


def test_the_workspace_has_a_cap_over_all_channels() -> None:
    limiter = Limiter(Limits(workspace_posts_per_minute=3), ManualClock())
    for channel in ("C1", "C2", "C3"):
        limiter.post(channel)
    with pytest.raises(RateLimited):
        limiter.post("C4")


def test_a_refused_call_does_not_count() -> None:
    clock = ManualClock()
    limiter = Limiter(Limits(), clock)
    limiter.method("m", 1)
    clock.advance(59)
    with pytest.raises(RateLimited):
        limiter.method("m", 1)
    clock.advance(1)
    limiter.method("m", 1)


def test_events_are_capped_per_hour() -> None:
    clock = ManualClock()
    limiter = Limiter(Limits(events_per_hour=2), clock)
    assert [limiter.event() for _ in range(3)] == [True, True, False]
    clock.advance(3600)
    assert limiter.event()


def test_limits_can_be_switched_off_and_changed_while_running() -> None:
    limits = Limits.off()
    limiter = Limiter(limits, ManualClock())
    for _ in range(500):
        limiter.method("m", 1)
        limiter.post("C1")
    limits.enabled = True
    limits.methods["m"] = None
    for _ in range(500):
        limiter.method("m", 1)


async def test_too_many_events_become_app_rate_limited(server: SlackServer) -> None:
    server.limits.events_per_hour = 1
    first = server.mention("alice", "ops", "one")
    second = server.mention("alice", "ops", "two")
    assert first is not None
    assert second is not None
    assert first.payload["type"] == "event_callback"
    assert second.payload["type"] == "app_rate_limited"


async def test_the_sdk_recovers_from_a_forced_429(
    client: AsyncWebClient, server: SlackServer, ops: str
) -> None:
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    server.faults.add(Fault("ratelimited", "chat.postMessage", retry_after=0))

    assert (await client.chat_postMessage(channel=ops, text="hello"))["ok"]
