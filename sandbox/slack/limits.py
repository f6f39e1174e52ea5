"""Slack's rate limits, per docs.slack.dev/apis/web-api/rate-limits, on the workspace's clock."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from sandbox.slack.clock import Clock
from sandbox.slack.errors import RateLimited

WINDOW = 60.0


@dataclass
class Limits:
    """What is allowed. Every number may be changed, also while the server runs.

    `tiers` are calls per minute and method; `methods` overrides single methods (None: unlimited).
    """

    enabled: bool = True
    tiers: dict[int, int] = field(default_factory=lambda: {1: 1, 2: 20, 3: 50, 4: 100})
    methods: dict[str, int | None] = field(default_factory=dict)
    channel_per_second: float = 1.0
    channel_burst: int = 5
    workspace_posts_per_minute: int = 300
    max_sockets: int = 10
    events_per_hour: int = 30_000
    ack_seconds: float = 3.0
    trigger_seconds: float = 3.0
    response_url_uses: int = 5
    response_url_seconds: float = 1800.0
    disable_after_events: int = 1000
    disable_failure_share: float = 0.95
    """Event delivery is switched off when more than this share fails within an hour that has at
    least `disable_after_events` of them."""
    share_delay: float = 0.02
    """How long a completed upload takes to appear in its channel, in seconds."""

    @classmethod
    def off(cls) -> Limits:
        """No rate limits, everything else as in Slack: for tests that restart a lot."""
        return cls(enabled=False)


class Limiter:
    """Counts calls and raises `RateLimited` with the seconds to wait."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}
        self._buckets: dict[str, tuple[float, float]] = {}
        self._outcomes: deque[tuple[float, bool]] = deque()

    def method(self, name: str, tier: int | None) -> None:
        """Count a call of a Web API method against its tier."""
        allowed = self.limits.methods.get(name, self.limits.tiers.get(tier) if tier else None)
        if allowed is not None:
            self._window(name, allowed, WINDOW)

    def post(self, channel: str) -> None:
        """Count a message to a channel: about one a second with short bursts, and a total cap."""
        if not self.limits.enabled:
            return
        now, rate = self._clock.monotonic(), self.limits.channel_per_second
        tokens, then = self._buckets.get(channel, (float(self.limits.channel_burst), now))
        tokens = min(float(self.limits.channel_burst), tokens + (now - then) * rate)
        if tokens < 1:
            self._buckets[channel] = (tokens, now)
            raise RateLimited(max(1, math.ceil((1 - tokens) / rate)))
        self._window("posts", self.limits.workspace_posts_per_minute, WINDOW)
        self._buckets[channel] = (tokens - 1, now)

    def event(self) -> bool:
        """Count an Events API delivery; false when the hour's share is used up."""
        try:
            self._window("events", self.limits.events_per_hour, 3600.0)
        except RateLimited:
            return False
        return True

    def event_outcome(self, ok: bool) -> bool:
        """Count how an event delivery went; true when Slack would now switch events off."""
        now = self._clock.monotonic()
        self._outcomes.append((now, ok))
        while self._outcomes[0][0] <= now - 3600.0:
            self._outcomes.popleft()
        total = len(self._outcomes)
        if not self.limits.enabled or total < self.limits.disable_after_events:
            return False
        failed = sum(1 for _, good in self._outcomes if not good)
        return failed > total * self.limits.disable_failure_share

    def _window(self, key: str, allowed: int, seconds: float) -> None:
        if not self.limits.enabled:
            return
        now = self._clock.monotonic()
        calls = self._calls.setdefault(key, deque())
        while calls and calls[0] <= now - seconds:
            calls.popleft()
        if len(calls) >= allowed:
            oldest = calls[0] if calls else now
            raise RateLimited(max(1, math.ceil(oldest + seconds - now)))
        calls.append(now)
