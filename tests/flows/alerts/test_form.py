"""The form of a silence in a real Chromium, by clicks and keys alone."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from playwright.async_api import async_playwright, expect

from sandbox.alertmanager.server import PracticeAlertmanager
from tests.flows.alerts.conftest import Scene, fire

CHROMIUM = shutil.which("chromium")
SOON = 20_000
"""Milliseconds: everything here happens within a second on an idle machine."""
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH"),
]


async def test_a_silence_of_ones_own_by_the_keyboard(
    scene: Scene, alertmanager: PracticeAlertmanager
) -> None:
    async with async_playwright() as playwright, scene.bot():
        await fire(scene, alertmanager)
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        page = await browser.new_page()
        ops = scene.slack.workspace.channel("ops").id
        place = urlencode({"user": "alice", "channel": ops})
        await page.goto(f"{scene.slack.url}/#{place}")
        await page.get_by_role("button", name="Silence …").click()

        dialog = page.get_by_role("dialog", name="Silence")
        length = dialog.get_by_role("textbox", name="For how long")
        await expect(length).to_be_focused(timeout=SOON)
        await expect(length).to_have_value("12h")
        await length.fill("soon")
        await page.keyboard.press("Enter")
        wrong = "write a length of time as 30m, 2h or 1d"
        await expect(length).to_have_accessible_description(wrong, timeout=SOON)
        await expect(length).to_have_value("soon")

        await length.fill("45m")
        await page.keyboard.press("Tab")
        await page.keyboard.type("new disks")
        await page.keyboard.press("Enter")
        await expect(dialog).to_be_hidden(timeout=SOON)
        unsilence = page.get_by_role("button", name="Unsilence").first
        await expect(unsilence).to_be_visible(timeout=SOON)
        await browser.close()
    (made,) = [one.to_json(datetime.now(UTC)) for one in alertmanager.silences.all()]
    assert made["comment"].startswith("new disks [onprem ")
    ends = datetime.fromisoformat(made["endsAt"])
    assert timedelta(minutes=40) < ends - datetime.now(UTC) <= timedelta(minutes=45)
