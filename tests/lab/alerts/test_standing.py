"""What goes on without anybody's doing, and what is held back on request, on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import yaml

from bot.config.loading import load
from bot.main import serving
from bot.store import sightings
from bot.wiring import Product
from tests.cluster.lab import Json
from tests.lab.alerts.guard import SILENCE, TOKEN
from tests.lab.alerts.scene import Scene, asked, text_of
from tests.lab.grounds import NAMESPACE

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(240)]

ALERT = "DeploymentWithoutPods"
SILENT = "No heartbeat from Alertmanager"


@asynccontextmanager
async def serves(scene: Scene) -> AsyncIterator[Product]:
    """A bot in this process, so that its looks, one a minute, are made when they are wanted."""
    config = load(scene.config)
    assert config.alerts is not None
    assert config.alerts.token is not None
    assert config.alerts.token.get_secret_value() == TOKEN
    async with serving(config) as product:
        await product.alerts.start()
        yield product


async def heartbeat(bot: Product, after: int = 0) -> int:
    """When the first heartbeat after a moment came; microseconds."""

    async def later() -> int:
        seen = await bot.store.read(lambda db: sightings.of(db, "alertmanager/main"))
        last = max((one.at for one in seen.values()), default=0)
        return last if last > after else 0

    found: int = await asked(later)
    return found


async def test_heartbeats_keep_the_switch_quiet_and_their_silence_is_told(scene: Scene) -> None:
    written = yaml.safe_load(scene.config.read_text())
    del written["clusters"]["main"]["alertmanager"]  # a look would wait for its answer
    scene.config.write_text(yaml.safe_dump(written))
    async with serves(scene) as bot:
        first = last = await heartbeat(bot)
        while last - first < SILENCE * 1_000_000:
            last = await heartbeat(bot, last)
        await bot.alerts.look()
        assert await bot.alerts.threads.standing("alertmanager/main") == []

        async def silent() -> bool:
            await bot.alerts.look()
            return bool(scene.roots(SILENT))

        process = scene.guard.alertmanager.process
        process.pause()
        try:
            await asked(silent)
        finally:
            process.resume()
        (root,) = scene.roots(SILENT)
        assert f"{SILENT} for {SILENCE} s" in text_of(root)
        await heartbeat(bot, last)
        await bot.alerts.look()
        await scene.answered(root, "The heartbeat is back.")
        await scene.until(lambda: f"Over: {SILENT}" in text_of(root))
        assert [*scene.roots("Watchdog"), *scene.roots(SILENT)] == [root]


async def test_a_silence_made_in_the_thread_is_alertmanagers(scene: Scene) -> None:
    async with serves(scene):
        await scene.grant()
        image = "--image=example.com/web:1"
        await scene.kubectl("create", "deployment", "idle", image, "--replicas=0")
        root = await scene.opened(ALERT)
        await scene.slack.click("alice", root, "Silence 1 h")
        await scene.answered(root, f"Silenced: {ALERT}")
        (made,) = await scene.silences()
        plain = {"isEqual": True, "isRegex": False}
        assert sorted(made["matchers"], key=lambda one: str(one["name"])) == [
            {"name": "alertname", "value": ALERT, **plain},
            {"name": "namespace", "value": NAMESPACE, **plain},
        ]
        assert made["createdBy"] == "alice"
        left = datetime.fromisoformat(made["endsAt"]) - datetime.now(UTC)
        assert 3500 < left.total_seconds() <= 3600
        await becomes(scene, "suppressed", [made["id"]])
        await scene.until(lambda: "Silenced until" in text_of(root))

        await scene.slack.click("alice", root, "Unsilence")
        await scene.answered(root, "Not silenced any more")
        assert [one["status"]["state"] for one in await scene.silences()] == ["expired"]
        await becomes(scene, "active", [])
        await scene.kubectl("delete", "deployment", "idle")
        await scene.until(lambda: f"Over: {ALERT}" in text_of(root))
        assert scene.roots(ALERT) == [root]


async def becomes(scene: Scene, state: str, silences: list[str]) -> None:
    """Wait until this is what Alertmanager does with the alert, and because of what."""
    filters = f"/api/v2/alerts?filter=alertname={ALERT}&filter=namespace={NAMESPACE}"

    def so() -> bool:
        found: list[Json] = scene.guard.alertmanager.json(filters)
        return [(one["status"]["state"], one["status"]["silencedBy"]) for one in found] == [
            (state, silences)
        ]

    await scene.seen(so)
