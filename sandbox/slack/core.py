"""What every part of the practice Slack shares, wired once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from sandbox.slack.delivery import Courier
from sandbox.slack.entities import JSON
from sandbox.slack.faults import Faults
from sandbox.slack.limits import Limiter, Limits
from sandbox.slack.model import Workspace
from sandbox.slack.sockets import SocketHub
from sandbox.slack.tokens import ResponseUrls, Triggers


class Core:
    """The workspace with its limits, failures, keys and connections to the app."""

    def __init__(self, workspace: Workspace, limits: Limits) -> None:
        self.workspace = workspace
        self.limits = limits
        self.clock = workspace.clock
        self.feed = workspace.feed
        self.limiter = Limiter(limits, self.clock)
        self.faults = Faults()
        self.triggers = Triggers(limits, self.clock)
        self.response_urls = ResponseUrls(limits, self.clock)
        self.hub = SocketHub(limits, self.clock, workspace.app.id)
        self.courier = Courier(workspace.app, self.hub, limits, self.clock)
        self.base_url = ""
        self.hub.on_change = lambda: self.feed.publish("sockets", count=len(self.hub.sockets))
        self.courier.on_event_outcome = self._count_event
        self._tasks: set[asyncio.Task[Any]] = set()

    def _count_event(self, ok: bool) -> None:
        if self.limiter.event_outcome(ok):
            self.workspace.app.events_disabled = True

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something in the background and keep hold of it until it ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def response_url(
        self, user: str, channel: str, original: str | None = None, thread_ts: str | None = None
    ) -> str:
        """A fresh response URL."""
        secret = self.response_urls.issue(user, channel, original, thread_ts)
        return f"{self.base_url}/response/{secret}"

    async def set_away(self, away: bool) -> None:
        """Make Slack unreachable, or reachable again."""
        self.faults.away = self.courier.away = away
        if away:
            await self.hub.cut()

    def stats(self) -> JSON:
        """How deliveries went: one record each, and how many sockets are open."""
        return {
            "sockets": len(self.hub.sockets),
            "deliveries": [d.to_json() for d in self.courier.log],
        }

    async def close(self) -> None:
        """Stop all background work and connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.courier.close()
        await self.hub.close()
