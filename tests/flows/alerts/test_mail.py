"""Slack is away, and mail goes out; Slack is back, and that is mailed, and told there."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.alerts.mailing import Mailing
from bot.clock import now
from bot.probing import probe_all
from integrations.helm.binary import HelmBinary
from sandbox.slack import Fault
from tests.bot.alerts.payloads import alert
from tests.flows.alerts.conftest import Scene
from tests.postbox import Postbox

MINUTE = 60_000_000


async def looking(mailing: Mailing) -> None:
    while True:
        await mailing.look()
        await asyncio.sleep(0.05)


async def test_an_alert_while_slack_is_away_is_mailed_and_told_in_slack_later(
    scene: Scene,
) -> None:
    away = Fault("error", "*", times=None, code="internal_error")
    async with Postbox() as postbox:
        scene.settings["email"] = {
            "host": "127.0.0.1",
            "port": postbox.port,
            "tls": "none",
            "from": "onprem@example.com",
            "to": "ops@example.com",
            "after": "1s",
            "every": "1s",
        }
        async with scene.bot() as product:
            surface = product.slack
            assert surface is not None
            helm = HelmBinary(Path("helm"), "v3", 3)
            rows = {
                row[0]: row[1] for row in await probe_all(product.config, product.clusters, helm)
            }
            assert rows["mail"] == "works"
            mailing = Mailing(product.store, product.current, lambda: surface.away, product.clock)
            looks = asyncio.create_task(looking(mailing))
            scene.slack.faults.add(away)
            await scene.notify(alert(now() - MINUTE, pod="web-1"))
            mail = await postbox.next()
            assert "PodsNotReady" in str(mail["Subject"])
            assert "Slack was not reached" in str(mail.get_content())
            assert not scene.said()
            scene.slack.faults.remove(away)
            await scene.told("PodsNotReady")
            assert "Slack is reached again" in str((await postbox.next())["Subject"])
            looks.cancel()
