"""From Alertmanager's webhook to one thread that opens, changes and closes."""

from __future__ import annotations

from bot.clock import now
from tests.bot.alerts.payloads import alert
from tests.flows.alerts.conftest import Scene, text_of

MINUTE = 60_000_000


async def test_a_group_is_one_thread_from_firing_to_resolved(scene: Scene) -> None:
    began = now() - 12 * MINUTE
    async with scene.bot():
        await scene.notify(alert(began, pod="web-1"))
        root = await scene.told("PodsNotReady: parse")
        assert "Pods are not ready." in text_of(root)
        await scene.notify(alert(began, pod="web-1"), alert(began + MINUTE, pod="web-2"))
        await scene.until(lambda: "2 firing" in text_of(root))
        await scene.told("web-2")
        ends = began + 12 * MINUTE
        await scene.notify(
            alert(began, pod="web-1", ended=ends),
            alert(began + MINUTE, pod="web-2", ended=ends),
        )
        await scene.until(lambda: "Over: PodsNotReady: parse" in text_of(root))
        assert "It lasted 12 min" in text_of(root)
        closing = await scene.told("Over after 12 min")
        assert closing.thread_ts == root.ts
        assert scene.roots() == [root]


async def test_repeats_and_the_copies_of_a_pair_say_nothing(scene: Scene) -> None:
    began = now() - MINUTE
    async with scene.bot():
        for _ in range(2):
            await scene.notify(alert(began, pod="web-1"))
        root = await scene.told("PodsNotReady")
        edited = root.edited_ts
        await scene.notify(alert(began, pod="web-1"))
        await scene.notify(alert(began, alertname="Other"), labels={"alertname": "Other"})
        await scene.told("Other")  # by then the first one would have been told again
        assert scene.answers(root) == []
        assert root.edited_ts == edited


async def test_a_thread_goes_on_after_a_restart(scene: Scene) -> None:
    began = now() - MINUTE
    async with scene.bot():
        await scene.notify(alert(began, pod="web-1"))
        root = await scene.told("PodsNotReady")
    async with scene.bot():
        await scene.notify(alert(began, pod="web-1", ended=now()))
        await scene.until(lambda: "Over: " in text_of(root))
        assert len(scene.roots()) == 1
