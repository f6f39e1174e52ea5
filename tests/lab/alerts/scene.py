"""A namespace that is watched, and the Slack where a bot tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.slack import SlackServer
from sandbox.slack.entities import File, Message
from tests.cluster.lab import Json
from tests.lab.alerts.guard import Guard
from tests.lab.grounds import NAMESPACE, Grounds, kubectl

APP, REPLICAS = "shop", 2
PATIENCE = 60.0

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: {{ .Values.replicaCount }}
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - {name: web, image: "example.com/web:1"}
"""


def chart(folder: Path) -> Path:
    """Write a chart with one Deployment, `web`."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    (folder / "values.yaml").write_text(f"replicaCount: {REPLICAS}\n")
    (folder / "templates" / "web.yaml").write_text(DEPLOYMENT)
    return folder


@dataclass
class Scene:
    """What is there, and ways to look at it.

    Attributes:
        grounds: The cluster and the namespace.
        guard: Who watches it.
        slack: Where the bot tells.
        config: The bot's `onprem.yaml`.
    """

    grounds: Grounds
    guard: Guard
    slack: SlackServer
    config: Path

    async def kubectl(self, *words: str) -> None:
        """As somebody would, who does not ask the bot."""
        await asyncio.to_thread(kubectl, self.grounds.lab, "--namespace", NAMESPACE, *words)

    def ready(self) -> int:
        """How many pods of the app are."""
        found = self.grounds.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web")
        return int(found["status"].get("readyReplicas", 0)) if found else 0

    async def seen(self, look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Wait until a look at the servers has a result, while Slack works on."""
        return await asked(lambda: asyncio.to_thread(look), seconds)

    async def until(self, check: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Wait until something is so in Slack."""
        try:
            return await self.slack.wait_for(lambda: check() or None, seconds)
        except TimeoutError:
            raise AssertionError("\n".join(["It said:", *map(text_of, self.said())])) from None

    def said(self) -> list[Message]:
        bot = self.slack.workspace.app.bot_user
        messages = self.slack.workspace.channel("ops").messages.values()
        return [one for one in messages if one.user == bot]

    def roots(self, words: str) -> list[Message]:
        return [one for one in self.said() if not one.is_reply and words in text_of(one)]

    def answers(self, root: Message, words: str = "") -> list[Message]:
        found = [one for one in self.said() if one.is_reply and one.thread_ts == root.ts]
        return [one for one in found if words in text_of(one)]

    def pictures(self, root: Message) -> list[File]:
        return [
            self.slack.workspace.files[name] for one in self.answers(root) for name in one.files
        ]

    async def grant(self) -> None:
        """Make Alice an operator."""
        await self.slack.slash("adam", "ops", "/onprem role grant @alice operator")
        await self.until(lambda: self.roots("has role operator now"))

    async def opened(self, words: str) -> Message:
        """The root message with these words, once it is there."""
        found: Message = (await self.until(lambda: self.roots(words)))[0]
        return found

    async def answered(self, root: Message, words: str) -> Message:
        """The answer with these words below a root message, once it is there."""
        found: Message = (await self.until(lambda: self.answers(root, words)))[0]
        return found

    async def silences(self) -> list[Json]:
        """What the real Alertmanager has."""
        found: list[Json] = await asyncio.to_thread(
            self.guard.alertmanager.json, "/api/v2/silences"
        )
        return found


async def asked(question: Callable[[], Awaitable[Any]], seconds: float = PATIENCE) -> Any:
    """Ask again and again until there is an answer."""
    async with asyncio.timeout(seconds):
        while not (found := await question()):
            await asyncio.sleep(0.05)
    return found


def text_of(message: Message) -> str:
    return f"{message.text} {message.blocks}"
