"""``python -m sandbox.kube``: one practice cluster, in the foreground.

Prints one line of JSON (kubeconfig, url) and serves until it is interrupted or terminated.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sandbox.cluster import PracticeCluster
from sandbox.kube.controllers import Pace


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m sandbox.kube",
        description="A practice Kubernetes cluster on this machine only, for kubectl and helm.",
    )
    options.add_argument("--port", type=int, default=0, help="default: a free one")
    options.add_argument(
        "--pace",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="how long pods take for everything: 0 nothing, 1 as usual, 2 twice as long",
    )
    options.add_argument(
        "--kubeconfig",
        type=Path,
        metavar="FILE",
        help="where clients find their way in (default: in a temporary directory)",
    )
    return options


async def serve(port: int, pace: Pace, kubeconfig: Path) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        OSError: The port is taken, or the kubeconfig cannot be written.
    """
    cluster = await PracticeCluster.started("sandbox", kubeconfig, pace=pace, port=port)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        print(json.dumps({"kubeconfig": str(kubeconfig), "url": cluster.server.url}), flush=True)
        await stop.wait()
    finally:
        await cluster.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(arguments)
    if options.pace < 0:
        parser().error("--pace must be 0 or more")
    with contextlib.ExitStack() as stack:
        path = options.kubeconfig
        if path is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-kube-"))
            path = Path(folder) / "kubeconfig"
        try:
            asyncio.run(serve(options.port, Pace().scaled(options.pace), path))
        except OSError as error:
            print(f"the practice cluster cannot start: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
