"""The running bot: start to ready, work, and a drain that lets operations end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from bot.chores import begin
from bot.config import Config
from bot.redaction import Redactor
from bot.tasks import Tasks
from bot.wiring import Product, build
from integrations.kubernetes import sdk

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 50.0


@asynccontextmanager
async def serving(
    config: Config, *, slack: bool = True, redactor: Redactor | None = None
) -> AsyncIterator[Product]:
    """The product, started; closed at the end.

    Raises:
        OnpremError: As `bot.wiring.build`.
    """
    product = await build(config, slack=slack, redactor=redactor)
    try:
        await product.start()
        yield product
    finally:
        await product.close()


async def run(config: Config, redactor: Redactor) -> int:
    """Runs until SIGTERM or SIGINT, then drains.

    Operations that do not end within the drain are left to the next start; a helm that still runs
    is left alone, and found again then.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    chores = Tasks()
    loading = chores.spawn(asyncio.to_thread(sdk.load), "load the Kubernetes client")
    async with serving(config, redactor=redactor) as product:
        await asyncio.wait([loading])  # else the first command would
        begin(product, chores)
        _notify("READY=1")
        print("ready", file=sys.stderr, flush=True)
        await stop.wait()
        _notify("STOPPING=1")
        log.info("draining", seconds=DRAIN_SECONDS)
        await chores.close()
        if not await product.engine.drain(DRAIN_SECONDS):
            log.warning("left to the next start: operations still running")
            # Ending the loop would cancel them and with them helm; the kernel ends us instead.
            sys.stderr.flush()
            os._exit(0)
    return 0


def _notify(state: str) -> None:
    """Tells systemd (`sd_notify(3)`); does nothing elsewhere."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.sendall(state.encode())
