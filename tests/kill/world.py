"""`python -m tests.kill.world DIRECTORY FAULT…`: a practice world that lives quickly.

It ends when standard input is closed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from sandbox.cli import stopping, until_eof
from sandbox.kube.controllers import Pace
from sandbox.slack import Limits
from sandbox.trouble import Trouble
from sandbox.world import World, line

QUICK = Pace().scaled(0.03)


async def main(directory: str, *faults: str) -> None:
    """Serves a world."""
    stop = stopping()
    started = World.start(pace=QUICK, directory=Path(directory), limits=Limits(enabled=False))
    async with started as world:
        await world.trouble(Trouble.parse(fault) for fault in faults)
        print(line(world), flush=True)
        await until_eof(stop)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
