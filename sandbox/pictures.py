"""`python -m sandbox.pictures`: plays the tour and takes the pictures of the documents.

Needs Chromium and playwright (`pip install onprem-bot[dev]`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import io
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sandbox.kube.controllers import Pace
from sandbox.slack.entities import Message
from sandbox.tour.acts import Act, Chapter, Event
from sandbox.tour.bot import ROOT, BotFailed, running
from sandbox.tour.play import LIVE, Player
from sandbox.tour.show import Page as Told
from sandbox.tour.show import labels, text_of
from sandbox.tour.story import STORY, WATCH
from sandbox.world import World

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PLACE = Path("docs/pictures")
WINDOW = (1180, 760)
MESSAGE = (1010, 900)
SHARPNESS = 1.5
"""Pixels of a picture of one message for each of the page."""
OVERVIEW = "scale"
"""The act at which the whole window is shown, as `page.png`."""
THREADS = frozenset({"alert-over", "firing-over"})
"""The acts at which the window is shown with the thread below the message."""
TYPED = "replace"
"""The act at which the window is shown with the field for a typed name."""
DRAWN = "recovery"
"""The act whose picture the bot sends into the direct messages, shown as `recovery-drawn.png`."""
ENCORE = Chapter(
    "The data is corrupt, but the namespace lives: what goes is shown, and the name must be typed",
    (
        Act(
            "alice",
            "parse",
            "/onprem restore parse --replace",
            expects=("deleted, refilled", "by typing parse"),
            name=TYPED,
        ),
        Act("alice", "parse", clicks="Leave it", expects=("Left",)),
    ),
)
"""Played after the tour, for a picture only."""
COLUMNS = 100
TRIES = 5
SLOWER = 0.6
"""The pace: pods take their time, so that a picture can show them on their way."""
_SCREEN = """<body style="margin:0;background:#15181d"><pre id="screen" style="margin:0;
padding:18px 22px;display:inline-block;color:#d7dce2;font:14px/1.45 ui-monospace,'DejaVu Sans Mono',
monospace">{lines}</pre></body>"""


class Camera:
    """Takes pictures of what people see in their clients.

    Args:
        browser: Takes them.
        world: Where.
        folder: Where they go, as `NAME.png`.
    """

    def __init__(self, browser: Browser, world: World, folder: Path) -> None:
        self._browser, self._world, self._folder = browser, world, folder

    async def moment(self, act: Act | Event, message: Message) -> None:
        """Takes a picture of an act that has a name; of one the whole window too."""
        if act.name in THREADS:
            await self._window(act, message, act.name, ".replies")
        elif act.name == TYPED:
            await self._window(act, message, act.name, "button:has-text('Go on')")
        elif act.name:
            await self.message(act.who, act.channel, message, act.name)
        if act.name == DRAWN:
            slack = self._world.slack
            reader = slack.workspace.person(act.who)
            place = slack.workspace.direct_message(reader)
            sent = await slack.wait_for_message(act.who, place, lambda m: bool(m.files), 30)
            await self.message(act.who, place.id, sent, f"{act.name}-drawn")
        if act.name == OVERVIEW:
            await self._window(act, message, "page")

    async def _window(self, act: Act | Event, message: Message, name: str, click: str = "") -> None:
        """The whole window, perhaps after a click in the message."""
        async with self._client(act.who, act.channel, message, WINDOW, 1) as page:
            if click:
                await page.locator(f'[data-ts="{message.ts}"]').locator(click).first.click()
                await page.locator("#thread:not([hidden]), dialog[open]").first.wait_for()
                await page.locator(f'[data-ts="{message.ts}"]').first.scroll_into_view_if_needed()
                await page.mouse.move(0, 0)
            await page.screenshot(path=self._file(name))

    async def live(self) -> None:
        """The first deploy on its way."""

        def on_its_way(message: Message) -> bool:
            return LIVE in labels(message) and "wait for" in text_of(message, str)

        slack = self._world.slack
        message = await slack.wait_for_message("alice", "parse", on_its_way, 60)
        await self.message("alice", "parse", message, "running")

    async def message(self, who: str, channel: str, message: Message, name: str) -> None:
        """One message."""
        async with self._client(who, channel, message, MESSAGE, SHARPNESS) as page:
            shown = page.locator(f'[data-ts="{message.ts}"] article')
            await page.wait_for_function("[...document.images].every(one => one.complete)")
            await self._taken(shown, name)

    async def _taken(self, shown: Locator, name: str) -> None:
        """A picture of what may be edited just now, which puts another element in its place."""
        from playwright.async_api import Error

        for left in reversed(range(TRIES)):
            try:
                await shown.screenshot(path=self._file(name))
                return
            except Error as error:
                if not left or "not attached" not in error.message:
                    raise

    async def terminal(self, *lines: str) -> None:
        """Commands with their answers in a terminal, as the admin on the bot's host sees them."""
        from rich.console import Console
        from rich.terminal_theme import DIMMED_MONOKAI
        from rich.text import Text

        console = Console(record=True, width=COLUMNS, file=io.StringIO(), highlight=False)
        for line in lines:
            console.print(Text.assemble(("$ ", "bold green"), (line, "bold")))
            said = await asyncio.to_thread(_typed, line, self._world.config)
            console.print(Text.from_ansi(said))
            console.print()
        content = console.export_html(
            theme=DIMMED_MONOKAI, code_format="{code}", inline_styles=True
        ).rstrip()
        page = await self._browser.new_page()
        await page.set_content(_SCREEN.format(lines=content))
        await page.locator("#screen").screenshot(path=self._file("terminal"))
        await page.close()

    @asynccontextmanager
    async def _client(
        self, who: str, channel: str, message: Message, size: tuple[int, int], scale: float
    ) -> AsyncIterator[Page]:
        context = await self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            device_scale_factor=scale,
            color_scheme="light",
            reduced_motion="reduce",
        )
        page = await context.new_page()
        place = urlencode({"user": who, "channel": channel})
        await page.goto(f"{self._world.slack.url}/#{place}")
        await page.locator(f'[data-ts="{message.ts}"]').wait_for()
        yield page
        await context.close()

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.png"


def _typed(line: str, config: Path) -> str:
    """What a command prints when a person looks at it."""
    ours, theirs = pty.openpty()
    environ = {"PATH": os.environ.get("PATH", ""), "TERM": "xterm-256color"}
    words = [sys.executable, "-m", "bot.cli", "--config", str(config), *line.split()[1:]]
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        env=environ | {"COLUMNS": str(COLUMNS)},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # how a terminal ends when nobody writes any more
        while part := os.read(ours, 65536):
            said += part
    os.close(ours)
    process.wait()
    return said.decode(errors="replace").replace("\r\n", "\n").rstrip()


async def take(folder: Path, executable: str) -> list[str]:
    """Plays the story and takes every picture; returns what went wrong in the story."""
    from playwright.async_api import async_playwright

    folder.mkdir(parents=True, exist_ok=True)
    # As root, in a container or a build, Chromium's own sandbox cannot be set up.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with (
        async_playwright() as playwright,
        World.start(pace=Pace().scaled(SLOWER), watch=WATCH) as world,
        running(world.config, world.directory / "bot.log"),
    ):
        browser = await playwright.chromium.launch(executable_path=executable, args=flags)
        camera = Camera(browser, world, folder)
        live = asyncio.create_task(camera.live())
        try:
            player = Player(world, Told(sys.stderr, colour=False), camera.moment)
            problems = await player.play((*STORY, ENCORE))
            if not problems:
                await live
                await camera.terminal("onprem status parse", "onprem history parse")
        finally:
            live.cancel()
            await browser.close()
        return problems


def main(words: Sequence[str] | None = None) -> int:
    """Takes the pictures; 1 when the tour went wrong, for then they show nothing good."""
    options = argparse.ArgumentParser(prog="python -m sandbox.pictures")
    options.add_argument(
        "folder", type=Path, metavar="DIR", nargs="?", default=PLACE, help=f"default: {PLACE}"
    )
    folder = options.parse_args(words).folder
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"There is no browser here; install one of {', '.join(BROWSERS)}", file=sys.stderr)
        return 1
    if importlib.util.find_spec("playwright") is None:
        print("playwright is missing: pip install 'onprem-bot[dev]'", file=sys.stderr)
        return 1
    try:
        problems = asyncio.run(take(folder, browser))
    except BotFailed as error:
        problems = [str(error)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
