"""A newcomer's first minutes, in a real Chromium: the real bot and the real helm behind the page.

Only clicks and keys, on what a screen reader would find too: nothing calls a script, and nothing
but the roles (which the admin gives before) happens outside of the browser.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from sandbox.slack import Limits
from sandbox.tour.bot import running
from sandbox.world import World

CHROMIUM = shutil.which("chromium")
ROLES = ("role grant @alice operator", "role grant @vera viewer")
SOON = 20_000
"""Milliseconds: everything here happens within a second or two on an idle machine."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.helm,
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH"),
]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world with the bot as a process of its own, and with Alice's and Vera's roles."""
    async with (
        World.start(directory=tmp_path, limits=Limits.off()) as world,
        running(world.config, tmp_path / "bot.log"),
    ):
        for words in ROLES:
            await world.slack.slash("adam", "ops", f"/onprem {words}")
            role = words.split()[-1]
            await world.slack.wait_for_message(
                "adam", "ops", lambda m, role=role: f"has role {role}" in m.text, 20
            )
        yield world


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        await browser.close()


@pytest.fixture
async def page(world: World, browser: Browser) -> AsyncIterator[Page]:
    """The page as it opens for somebody who was told its address; it may not raise errors."""
    wrong: list[str] = []
    page = await browser.new_page()
    page.set_default_timeout(SOON)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    await page.goto(f"{world.slack.url}/")
    await expect(page.get_by_role("combobox", name="You are")).to_be_visible()
    yield page
    assert wrong == []


def box(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Message #parse")


def log(page: Page) -> Locator:
    return page.get_by_role("log", name="Messages in #parse")


def last(page: Page) -> Locator:
    """The newest message."""
    return log(page).get_by_role("article").last


async def headed(page: Page, words: str) -> None:
    """The newest message has come to say this in its headline."""
    pattern = re.compile(words)
    await expect(last(page).get_by_role("heading", name=pattern)).to_be_visible(timeout=SOON)


async def open_parse(page: Page) -> None:
    channel = page.get_by_role("navigation", name="Channels").get_by_role("button", name="parse")
    await channel.click()
    await expect(page.get_by_role("heading", name="#parse")).to_be_visible()


async def reach(page: Page, what: Locator, key: str) -> None:
    """Presses a key until something has the focus, as people without a mouse do."""
    focused = what.and_(page.locator(":focus"))
    for _ in range(60):
        if await focused.count():
            return
        await page.keyboard.press(key)
    await expect(what).to_be_focused()


async def test_deploy_roll_back_and_be_denied(page: Page, world: World) -> None:
    await page.get_by_role("combobox", name="You are").select_option(
        label="Alice Moreau · operator"
    )
    await open_parse(page)

    # The first deploy, with the completion's help.
    await box(page).click()
    await page.keyboard.type("/on")
    completions = page.get_by_role("listbox", name="Completions")
    await expect(completions.get_by_role("option", name="/onprem")).to_be_visible()
    await page.keyboard.press("Tab")
    await page.keyboard.type("dep")
    await completions.get_by_role("option", name="/onprem deploy").click()
    await expect(completions.get_by_role("option", name="/onprem deploy parse")).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(box(page)).to_have_value("/onprem deploy parse ")
    await page.keyboard.press("Enter")
    await headed(page, r"parse 8\.6\.94 is running on main, revision 1")
    await expect(
        last(page).get_by_text(re.compile(r"statefulset/parse-mongodb\s+3/3"))
    ).to_be_visible()

    # Another version; the flags are completed too.
    await box(page).press_sequentially("/onprem deploy parse --ver")
    await expect(completions.get_by_role("option")).to_have_text(["/onprem deploy parse --version"])
    await page.keyboard.press("Tab")
    await page.keyboard.type("8.6.95")
    await page.keyboard.press("Enter")
    await headed(page, r"parse 8\.6\.95 is running on main, revision 2")

    # And back.
    await last(page).get_by_role("button", name="Roll back").click()
    await headed(page, "Roll parse back from revision 2 to 1 on main")
    await last(page).get_by_role("button", name="Go on").click()
    await headed(page, "parse is back at revision 1 on main")
    image = re.compile(r"parse-server:8\.6\.94")
    await expect(last(page).get_by_text(image)).to_be_visible()

    # Vera may look, and is told why she may not do more; only she sees that.
    await page.get_by_role("combobox", name="You are").select_option(
        label="Vera Lindqvist · viewer"
    )
    await expect(log(page).get_by_role("heading", name=re.compile("is back"))).to_be_visible()
    await box(page).click()
    await page.keyboard.type("/onprem deploy parse")
    await page.keyboard.press("Enter")
    await headed(page, "You may not deploy")
    await expect(last(page).get_by_text("Only visible to you")).to_be_visible()
    await expect(last(page).get_by_text("needs role operator, and you have viewer")).to_be_visible()
    await page.get_by_role("combobox", name="You are").select_option(
        label="Alice Moreau · operator"
    )
    await expect(log(page).get_by_role("heading", name=re.compile("is back"))).to_be_visible()
    await expect(log(page).get_by_text("You may not deploy")).to_have_count(0)


@pytest.mark.slow
async def test_on_a_phone_with_the_keyboard_alone(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 780})
    await reach(page, page.get_by_role("button", name="Open the channel list"), "Tab")
    await page.keyboard.press("Enter")
    who = page.get_by_role("combobox", name="You are")
    await expect(who).to_be_focused()
    await page.keyboard.type("Vera")
    vera = await who.get_by_role("option", name="Vera").get_attribute("value")
    await expect(who).to_have_value(str(vera))
    await page.keyboard.press("Home")
    alice = await who.get_by_role("option", name="Alice").get_attribute("value")
    await expect(who).to_have_value(str(alice))
    channel = page.get_by_role("navigation", name="Channels").get_by_role("button", name="parse")
    await reach(page, channel, "Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="#parse")).to_be_visible()

    await expect(box(page)).to_be_focused()
    for version in ("8.6.94", "8.6.95"):
        await page.keyboard.type(f"/onprem deploy parse --version {version}")
        await page.keyboard.press("Enter")
        await headed(page, f"parse {re.escape(version)} is running")
    await reach(page, last(page).get_by_role("button", name="Roll back"), "Shift+Tab")
    await page.keyboard.press("Enter")
    await headed(page, "Roll parse back from revision 2 to 1 on main")
    await reach(page, last(page).get_by_role("button", name="Go on"), "Tab")
    await page.keyboard.press("Space")
    await headed(page, "parse is back at revision 1 on main")
    wide = page.get_by_role("main")
    shape = await wide.bounding_box()
    assert shape is not None
    assert shape["width"] <= 390
