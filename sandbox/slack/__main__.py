"""`python -m sandbox.slack`: the practice Slack alone; prints one line of JSON, then serves."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal

from sandbox.slack.limits import Limits
from sandbox.slack.server import SlackServer


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m sandbox.slack", description=__doc__)
    options.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0: a free one")
    options.add_argument("--no-limits", action="store_true", help="no rate limits at all")
    options.add_argument(
        "--connections-per-minute",
        type=int,
        default=1,
        help="how often apps.connections.open may be called (Slack's documents say 1)",
    )
    options.add_argument(
        "--command", action="append", default=[], help="a slash command of the app, e.g. /onprem"
    )
    options.add_argument("--request-url", help="deliver over HTTP to this address")
    return options


async def serve(arguments: argparse.Namespace) -> None:
    """Run until SIGTERM or SIGINT."""
    limits = Limits(enabled=not arguments.no_limits)
    limits.methods["apps.connections.open"] = arguments.connections_per_minute
    server = SlackServer(limits=limits)
    app = server.workspace.app
    app.commands = set(arguments.command) or app.commands
    app.request_url = arguments.request_url
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await server.start(arguments.port)
    try:
        print(json.dumps(server.describe()), flush=True)
        await stop.wait()
    finally:
        await server.close()


def main() -> None:
    """Entry point."""
    asyncio.run(serve(parser().parse_args()))


if __name__ == "__main__":
    main()
