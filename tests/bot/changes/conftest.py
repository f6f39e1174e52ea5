"""A practice cluster in which others change things, and a bot that watches it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.changes.watching import Onlooker, Watching
from bot.clock import now
from bot.config import Config
from bot.store import outside_changes, requests
from bot.store.db import Store
from bot.store.keys import AuditKey
from bot.store.outside_changes import OutsideChange
from integrations.kubernetes.kinds import DEPLOYMENT
from integrations.kubernetes.transport import Request
from tests.commands.world import World, deployment, namespace, open_world

PATCHES = {"merge": "application/merge-patch+json", "json": "application/json-patch+json"}
HOUR = 3_600_000_000

CHART = {
    "Chart.yaml": {"apiVersion": "v2", "name": "tiny", "version": "1.2.3"},
    "values.yaml": {"replicas": 1, "image": "nginx:1"},
}
TEMPLATE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: tiny, namespace: {{ .Release.Namespace }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: tiny}}
  template:
    metadata: {labels: {app: tiny}}
    spec: {containers: [{name: main, image: {{ .Values.image | quote }}}]}
"""


@dataclass
class Scene:
    """The cluster, the bot's state, and what people do there."""

    world: World
    store: Store
    settings: dict[str, Any]
    folder: Path
    ahead: int = 0  # microseconds that the bot's clock is ahead
    began: list[str] = field(default_factory=list)

    def clock(self) -> int:
        return now() + self.ahead

    def config(self) -> Config:
        return Config.model_validate(self.settings)

    @asynccontextmanager
    async def watched(self, kinds: int = 4) -> AsyncIterator[None]:
        """A bot that watches, for the length of the block; begins once it has looked at so many."""
        parts = Watching(
            *(self.config, lambda name: self.world.cluster, self.store, self.clock),
            every=0.2,
            settle=0.05,
            retry=0.2,
        )
        task = asyncio.create_task(Onlooker(parts).run())
        try:
            await self.until(lambda: self.looked(kinds))
            yield
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def looked(self, number: int) -> bool:
        kinds, _ = await self.store.read(lambda db: outside_changes.known(db, "main", "shop"))
        return len(kinds) == number

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(10):
                while not await holds():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"it did not come; seen was: {await self.seen()}") from None

    async def seen(self) -> list[OutsideChange]:
        """What is kept, oldest first."""
        found = await self.store.read(
            lambda db: outside_changes.find(db, cluster="main", since=0, until=2**62)
        )
        return found[::-1]

    async def told(self, *words: str) -> OutsideChange:
        """Waits for a change in whose line all these words are."""

        def fits(one: OutsideChange) -> bool:
            return all(word in one.text for word in words)

        async def come() -> bool:
            return any(fits(one) for one in await self.seen())

        await self.until(come)
        [one] = [one for one in await self.seen() if fits(one)]
        return one

    async def facts(self, name: str) -> Mapping[str, Any]:
        _, known = await self.store.read(lambda db: outside_changes.known(db, "main", "shop"))
        return next((one.facts for one in known if one.object == name), {})

    async def noticed(self, name: str, what: str, value: Any) -> None:
        """Waits until the bot knows that about an object."""

        async def knows() -> bool:
            return bool((await self.facts(name)).get(what) == value)

        await self.until(knows)

    # -- what people do ----------------------------------------------------------------------

    async def patch(
        self, name: str, body: Any, manager: str, *, sub: str = "", form: str = "merge"
    ) -> None:
        path = DEPLOYMENT.path("shop", name, sub or None)
        headers = {"Content-Type": PATCHES[form]}
        query = [("fieldManager", manager)]
        await self.world.kube.transport.send(Request("PATCH", path, "", query, body, headers))

    async def make(self, name: str, manager: str = "kubectl-create", **spec: Any) -> None:
        body = deployment(name, "shop", **spec)
        path = DEPLOYMENT.path("shop")
        query = [("fieldManager", manager)]
        await self.world.kube.transport.send(Request("POST", path, "", query, body))

    def chart(self) -> Path:
        folder = self.folder / "tiny"
        (folder / "templates").mkdir(parents=True, exist_ok=True)
        for name, body in CHART.items():
            (folder / name).write_text(yaml.safe_dump(body))
        (folder / "templates" / "all.yaml").write_text(TEMPLATE)
        return folder

    async def helm(self, *words: str) -> None:
        """Helm in somebody else's hands."""
        arguments = [*words, "--namespace", "shop", "--kubeconfig", str(self.folder / "kubeconfig")]
        process = await asyncio.create_subprocess_exec(
            str(self.world.helm.binary.path), *arguments, stdout=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() == 0, words

    async def operation(self, command: str, **facts: Any) -> str:
        """Begins an operation of the bot."""
        at = self.clock()
        one = requests.Request(
            *(requests.new_id(self.clock), f"key-{at}", "os:h/ann", "ann", command, at),
            cluster="main",
            namespace="shop",
            app="tiny",
            state=requests.State.RUNNING,
            started_at=at,
            plan={"summary": f"{command} tiny", "facts": facts},
        )
        await self.store.write(lambda db: requests.insert(db, one))
        return one.id

    async def ended(self, id_: str, ago: int = 0) -> None:
        at = self.clock() - ago
        await self.store.write(
            lambda db: requests.transition(
                db, id_, requests.State.DONE, expect=["running"], finished_at=at
            )
        )


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    settings: dict[str, Any] = {
        "state": {"directory": str(tmp_path / "state")},
        "clusters": {"main": {}},
        "apps": {"tiny": {"namespace": "shop", "chart": "oci://example.org/tiny"}},
    }
    (tmp_path / "state").mkdir()
    store = await Store.open(
        tmp_path / "state" / "onprem.db", clock=now, audit_key=AuditKey(bytes(range(32)))
    )
    try:
        async with open_world(tmp_path, Config.model_validate(settings)) as world:
            await world.apply(namespace("shop"))
            yield Scene(world, store, settings, tmp_path)
    finally:
        await store.close()
