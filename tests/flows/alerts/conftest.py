"""A bot that takes alerts, in this process, and a practice Slack; clusters are never reached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.clock import now
from bot.config import Config
from bot.main import serving
from bot.wiring import Product
from sandbox.alertmanager.server import PracticeAlertmanager
from sandbox.alertmanager.timing import Route
from sandbox.slack import Limits, SlackServer, practice_workspace
from sandbox.slack.entities import Message
from tests.bot.alerts.payloads import body, stamp

TOKEN = "alerts-token-of-this-test"
TURN = 20.0
MINUTE = 60_000_000


class Scene:
    """One Slack, and bots that come and go with the state they share."""

    def __init__(self, slack: SlackServer, folder: Path) -> None:
        self.slack, self.folder = slack, folder
        self.product: Product | None = None
        self.settings: dict[str, Any] = {}
        self.cluster: dict[str, Any] = {}
        self.rest: dict[str, Any] = {}

    def content(self) -> dict[str, Any]:
        """What stands in `onprem.yaml`."""
        return {
            "state": {"directory": str(self.folder / "state")},
            "clusters": {"main": {"kubeconfig": str(self.folder / "none"), **self.cluster}},
            "slack": {
                "api_url": self.slack.api_url,
                "bot_token": self.slack.bot_token,
                "app_token": self.slack.app_token,
                "ops_channel": self.slack.workspace.channel("ops").id,
            },
            "alerts": {"listen": "127.0.0.1:0", "token": TOKEN, **self.settings},
            **self.rest,
        }

    def config(self) -> Config:
        return Config.model_validate(self.content())

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[Product]:
        async with serving(self.config()) as product:
            await product.alerts.start()
            self.product = product
            yield product

    async def post(self, content: bytes, token: str = TOKEN, path: str = "/alerts/main") -> int:
        assert self.product is not None
        url = f"http://127.0.0.1:{self.product.alerts.port}{path}"
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=content, headers=headers) as answer,
        ):
            return answer.status

    async def notify(self, *alerts: dict[str, Any], **changes: Any) -> None:
        assert await self.post(body(*alerts, **changes)) == 200

    def said(self, channel: str = "ops") -> list[Message]:
        """What the bot has said in a channel, roots and answers, newest state."""
        bot = self.slack.workspace.app.bot_user
        messages = self.slack.workspace.channel(channel).messages.values()
        return [m for m in messages if m.user == bot]

    def roots(self, channel: str = "ops") -> list[Message]:
        return [m for m in self.said(channel) if m.thread_ts in (None, m.ts)]

    def answers(self, root: Message) -> list[Message]:
        return [m for m in self.said(name_of(root)) if m.thread_ts == root.ts and m.ts != root.ts]

    async def until(self, check: Callable[[], Any], seconds: float = TURN) -> Any:
        return await self.slack.wait_for(lambda: check() or None, seconds)

    async def told(self, words: str, channel: str = "ops") -> Message:
        """The message with these words, once it is there."""

        def found() -> Message | None:
            return next((m for m in self.said(channel) if words in text_of(m)), None)

        message: Message = await self.until(found)
        return message


def name_of(message: Message) -> str:
    return message.channel


def text_of(message: Message) -> str:
    return f"{message.text} {message.blocks}"


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    workspace = practice_workspace()
    workspace.add_channel("parse", ["alice", "adam"], topic="Parse")
    slack = SlackServer(workspace, limits=Limits.off())
    await slack.start()
    try:
        yield Scene(slack, tmp_path)
    finally:
        await slack.close()
        await asyncio.sleep(0)


@pytest.fixture
async def alertmanager(scene: Scene) -> AsyncIterator[PracticeAlertmanager]:
    practice = PracticeAlertmanager(Route())
    await practice.start(waiting=False)
    users = scene.slack.workspace
    team = users.team_id
    scene.cluster["alertmanager"] = practice.url
    scene.rest["admins"] = [f"slack:{team}/{users.person(who).id}" for who in ("adam", "alice")]
    scene.rest["persons"] = {"alice": [f"slack:{team}/{users.person('alice').id}"]}
    scene.rest["apps"] = {"parse": {"namespace": "parse", "chart": "builtin:parse-server"}}
    try:
        yield practice
    finally:
        await practice.close()


async def fire(scene: Scene, practice: PracticeAlertmanager, **more: str) -> Message:
    """One alert fires, in Alertmanager and in the channel."""
    began = stamp(now() - MINUTE)
    labels = {"alertname": "PodsNotReady", "severity": "critical", "namespace": "parse", **more}
    practice.put([{"labels": labels, "startsAt": began}])
    found = next(a for a, _ in practice.alerts() if a.labels == labels)
    told = {
        "status": "firing",
        "labels": labels,
        "annotations": {},
        "startsAt": began,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": found.fingerprint,
    }
    await scene.notify(told, **({"labels": {"alertname": more["alertname"]}} if more else {}))
    message = await scene.told(labels["alertname"])
    return message
