"""`onprem demo`: the tour. Starts a practice world and the real bot, and plays a story in it.

With a terminal it stays up afterwards; without one it ends, with 1 when anything went wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from sandbox.cli import fault, stopping
from sandbox.tour.bot import BotFailed, BotProcess, running
from sandbox.tour.play import Player
from sandbox.tour.show import Page
from sandbox.tour.story import story
from sandbox.trouble import HELP, NoSuchFault
from sandbox.world import PACES, World

INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="onprem demo",
        description="A tour of /onprem in a practice world on this machine.",
        epilog=f"failures:\n{HELP}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--pace", choices=sorted(PACES), default="fast", help="how fast pods live")
    options.add_argument(
        "--fault", type=fault, action="append", default=[], help="a failure to play the story under"
    )
    return options


def main(words: Sequence[str] | None = None) -> int:
    """Plays the tour: 0 when all went as it should, 1 when not, 130 when it was interrupted."""
    arguments = parser().parse_args(words)
    page = Page(sys.stdout, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    try:
        return asyncio.run(_tour(arguments, page))
    except (BotFailed, NoSuchFault) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"The practice world cannot start: {error.strerror or error}", file=sys.stderr)
    return 1


async def _tour(arguments: argparse.Namespace, page: Page) -> int:
    stop = stopping()
    stays = sys.stdin.isatty() and sys.stdout.isatty()
    async with World.start(pace=PACES[arguments.pace]) as world:
        page.line(f"Watch it here: {world.slack.url}/")
        page.line("A practice Kubernetes and a practice Slack, on this machine only; a real bot,")
        page.line("which talks to them as it would to yours, with the real helm.")
        async with running(world.config, world.directory / "bot.log") as bot:
            await world.trouble(arguments.fault)
            problems = await _until(stop, _play(world, page))
            if problems is None:
                return INTERRUPTED
            _sum_up(page, problems)
            if stays:
                _invite(page, world)
                await _stay(stop, bot, page)
    return 1 if problems else 0


async def _play(world: World, page: Page) -> list[str]:
    return await Player(world, page).play(story())


async def _until(stop: asyncio.Event, work: object) -> list[str] | None:
    """The work's result; None when it was stopped before."""
    task = asyncio.ensure_future(work)  # type: ignore[call-overload]
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return None
    result: list[str] = task.result()
    return result


def _sum_up(page: Page, problems: list[str]) -> None:
    page.line()
    if not problems:
        page.line("All of it went as it should.", "green")
        return
    page.line("The story ends here; it did not go as it should:", "red")
    for problem in problems:
        page.line(f"  {problem}", "red")


def _invite(page: Page, world: World) -> None:
    page.line()
    page.line(f"It stays up for you. In the browser, as any of its people: {world.slack.url}/")
    page.line("In another terminal, as yourself:")
    page.line(f"  export ONPREM_CONFIG={world.config}")
    page.line("  onprem status parse")
    page.line("Ctrl-C ends all of it; nothing is left behind.")


async def _stay(stop: asyncio.Event, bot: BotProcess, page: Page) -> None:
    waits = [asyncio.create_task(event.wait()) for event in (stop, bot.ended)]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    if not stop.is_set():
        page.line("The bot has ended by itself.", "red")
