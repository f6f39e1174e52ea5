"""`onprem demo`: the tour. Starts a practice world and the real bot, and plays a story in it.

With a terminal it stays up afterwards; without one it ends, with 1 when anything went wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence

from sandbox.cli import fault
from sandbox.tour.bot import BotFailed, BotProcess, running
from sandbox.tour.play import Player
from sandbox.tour.show import Page
from sandbox.tour.story import STORY, WATCH
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
    except asyncio.CancelledError:
        return INTERRUPTED
    except (BotFailed, NoSuchFault) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"The practice world cannot start: {error.strerror or error}", file=sys.stderr)
    return 1


async def _tour(arguments: argparse.Namespace, page: Page) -> int:
    _cancelled_by_signals()
    async with World.start(pace=PACES[arguments.pace], watch=WATCH) as world:
        page.line(f"Watch it here: {world.slack.url}/")
        page.line("A practice Kubernetes and a practice Slack, on this machine only; a real bot,")
        page.line("which talks to them as it would to yours, with the real helm.")
        async with running(world.config, world.directory / "bot.log") as bot:
            await world.trouble(arguments.fault)
            problems = await Player(world, page).play(STORY)
            _sum_up(page, problems)
            if sys.stdin.isatty() and sys.stdout.isatty():
                _invite(page, world)
                await _stay(bot, page)
    return 1 if problems else 0


def _cancelled_by_signals() -> None:
    """The first SIGINT or SIGTERM cancels this task; more of them do not disturb cleaning up."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    seen: list[int] = []

    def stop(number: int) -> None:
        if not seen and task is not None:
            task.cancel()
        seen.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)


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


async def _stay(bot: BotProcess, page: Page) -> None:
    """Until somebody ends it, or the bot ends by itself."""
    with contextlib.suppress(asyncio.CancelledError):
        await bot.ended.wait()
        page.line("The bot has ended by itself.", "red")
