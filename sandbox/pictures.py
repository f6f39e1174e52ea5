"""`python -m sandbox.pictures DIR`: plays the tour and takes the pictures that the README shows.

Needs Chromium and playwright (`pip install onprem-bot[dev]`).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sandbox.slack.entities import Message
from sandbox.tour.bot import running
from sandbox.tour.play import Player
from sandbox.tour.show import Page
from sandbox.tour.story import Act, story
from sandbox.world import World

if TYPE_CHECKING:
    from playwright.async_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = (1120, 720)


class Camera:
    """Takes a picture of each named moment, as the person who acts sees it.

    Args:
        browser: Takes them.
        address: The page's.
        folder: Where they go, as `NAME.png`.
    """

    def __init__(self, browser: Browser, address: str, folder: Path) -> None:
        self._browser, self._address, self._folder = browser, address, folder

    async def moment(self, act: Act, message: Message) -> None:
        """Takes a picture, if the moment has a name."""
        if not act.name:
            return
        width, height = SIZE
        page = await self._browser.new_page(
            viewport={"width": width, "height": height}, color_scheme="light"
        )
        try:
            place = urlencode({"user": act.who, "channel": act.channel})
            await page.goto(f"{self._address}/#{place}")
            shown = page.get_by_text(message.text.split("\n")[0].strip("✅❌⚠️ "))
            await shown.last.wait_for()
            path = self._folder / f"{act.name}.png"
            await page.screenshot(path=path, animations="disabled")
            print(path)
        finally:
            await page.close()


def main(words: list[str] | None = None) -> int:
    """Plays the tour; 1 when it went wrong, for then the pictures show nothing good."""
    options = argparse.ArgumentParser(prog="python -m sandbox.pictures", description=__doc__)
    options.add_argument("folder", type=Path, metavar="DIR")
    arguments = options.parse_args(words)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"There is no browser here; install one of {', '.join(BROWSERS)}", file=sys.stderr)
        return 1
    try:
        import playwright.async_api  # noqa: F401 - only whether it is there
    except ImportError:
        print("playwright is missing: pip install 'onprem-bot[dev]'", file=sys.stderr)
        return 1
    arguments.folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_take(arguments.folder, browser))


async def _take(folder: Path, executable: str) -> int:
    from playwright.async_api import async_playwright

    # As root, in a container or a build, Chromium's own sandbox cannot be set up.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright, World.start() as world:
        browser = await playwright.chromium.launch(executable_path=executable, args=flags)
        camera = Camera(browser, world.slack.url, folder)
        try:
            async with running(world.config, world.directory / "bot.log"):
                page = Page(sys.stderr, colour=False)
                problems = await Player(world, page, camera.moment).play(story())
        finally:
            await browser.close()
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
