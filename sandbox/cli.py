"""`onprem sandbox`: the practice world alone, in the foreground.

It prints one line of JSON and serves until it is told to stop.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.slack import Limits
from sandbox.trouble import HELP, NoSuchFault, Trouble
from sandbox.world import PACES, Ports, World, line

USAGE = 2


def parser(prog: str = "onprem sandbox") -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog=prog,
        description="A practice world: Kubernetes and Slack, in Python, on this machine only.",
        epilog=f"failures:\n{HELP}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--clusters", type=int, choices=(1, 2), default=1, help="how many")
    options.add_argument("--pace", choices=sorted(PACES), default="fast", help="how fast pods live")
    options.add_argument(
        "--ports",
        type=_ports,
        default=Ports(),
        metavar="NAME=PORT,…",
        help=f"fixed ports for {', '.join(Ports.__dataclass_fields__)} (default: free ones)",
    )
    options.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="where its files go, and stay (default: a temporary directory)",
    )
    options.add_argument("--no-limits", action="store_true", help="Slack without rate limits")
    options.add_argument(
        "--fault",
        type=fault,
        action="append",
        default=[],
        help="a failure in force from the start; may be repeated",
    )
    options.add_argument(
        "--until-eof", action="store_true", help="end when standard input is closed"
    )
    return options


def main(words: Sequence[str] | None = None) -> int:
    """Runs until SIGTERM, SIGINT, or with `--until-eof` the end of standard input."""
    arguments = parser().parse_args(words)
    try:
        return asyncio.run(_serve(arguments))
    except OSError as error:
        print(f"The practice world cannot start: {error.strerror or error}", file=sys.stderr)
        return 1
    except NoSuchFault as error:
        print(error, file=sys.stderr)
        return USAGE


async def _serve(arguments: argparse.Namespace) -> int:
    stop = stopping()
    limits = Limits(enabled=not arguments.no_limits)
    async with World.start(
        clusters=arguments.clusters,
        pace=PACES[arguments.pace],
        directory=arguments.state,
        ports=arguments.ports,
        limits=limits,
    ) as world:
        await world.trouble(arguments.fault)
        print(line(world), flush=True)
        if arguments.until_eof:
            await until_eof(stop)
        await stop.wait()
    return 0


def stopping() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def until_eof(stop: asyncio.Event) -> None:
    """Sets `stop` when standard input ends, as it does when whoever started us is gone."""
    loop = asyncio.get_running_loop()

    def look() -> None:
        with contextlib.suppress(BlockingIOError):
            if not os.read(sys.stdin.fileno(), 1024):
                loop.remove_reader(sys.stdin.fileno())
                stop.set()

    try:
        loop.add_reader(sys.stdin.fileno(), look)
    except PermissionError:  # a plain file, which never makes anybody wait
        stop.set()


def _ports(text: str) -> Ports:
    try:
        pairs = [part.split("=") for part in text.split(",")]
        return Ports(**{name: int(port) for name, port in pairs})
    except (ValueError, TypeError):
        names = ", ".join(Ports.__dataclass_fields__)
        raise argparse.ArgumentTypeError(f"write NAME=PORT,…; the names are {names}") from None


def fault(text: str) -> Trouble:
    """Reads a failure from the command line."""
    try:
        return Trouble.parse(text)
    except NoSuchFault as error:
        raise argparse.ArgumentTypeError(str(error)) from None
