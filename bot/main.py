"""The running bot: start to ready, work, and a drain that lets operations end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from bot.config import Config
from bot.redaction import Redactor
from bot.store import backup
from bot.tasks import Tasks
from bot.wiring import Product, build

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 30.0
NIGHT_SECONDS = 86_400.0
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
    async with serving(config, redactor=redactor) as product:
        chores.spawn(_regularly(SWEEP_SECONDS, product.engine.sweep), "sweep")
        chores.spawn(_regularly(NIGHT_SECONDS, lambda: _nightly(product)), "nightly")
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


async def _regularly(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception as error:
            log.error("chore failed", exc_info=error)


async def _nightly(product: Product) -> None:
    """A copy of the state, and the end of what is old."""
    directory: Path = product.config.state.directory
    files = [directory / "onprem.db", directory / "workflows.db"]
    now = product.clock()
    await asyncio.to_thread(
        backup.snapshot, files, product.config.state.backup_directory, now=now, keep=14
    )
    await product.store.write(lambda db: backup.prune(db, now))


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
