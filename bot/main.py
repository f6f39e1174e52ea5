"""The running bot: start to ready, work, and a drain that lets operations end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from bot.chores import begin
from bot.config import Config, ConfigFile
from bot.errors import ConfigError
from bot.metrics import Exposition
from bot.redaction import Redactor
from bot.tasks import Tasks
from bot.wiring import Product, build, secret_values
from integrations.kubernetes import sdk

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 50.0


@asynccontextmanager
async def serving(
    config: Config,
    *,
    current: Callable[[], Config] | None = None,
    slack: bool = True,
    redactor: Redactor | None = None,
    hurry: asyncio.Event | None = None,
    leave: Callable[[], None] = lambda: None,
) -> AsyncIterator[Product]:
    """The product, started; closed at the end, when its operations have ended.

    So they do when a start fails half-way, for example at a port that is taken: what an earlier
    process left goes on by then.

    Args:
        config: As the next three, see `bot.wiring.build`.
        current: The configuration in force.
        slack: Whether to connect to Slack.
        redactor: Learns secrets.
        hurry: Set when nobody wants to wait for operations any more.
        leave: Is called when some still run. It should end the process: ending the loop cancels
            them, and with them a helm in the middle of its work.

    Raises:
        OnpremError: As `bot.wiring.build`.
    """
    product = await build(config, current=current, slack=slack, redactor=redactor)
    try:
        await product.start()
        yield product
    finally:
        if not await _drained(product, hurry or asyncio.Event()):
            why = str(sys.exception() or "")
            log.warning("left to the next start: operations still running", why=why)
            leave()
        await product.close()


async def run(file: ConfigFile, redactor: Redactor) -> int:
    """Runs until SIGTERM or SIGINT, then drains; a second signal ends the drain.

    SIGHUP reads the configuration again.

    Operations that do not end within the drain are left to the next start; a helm that still runs
    is left alone, and found again then.
    """
    stop, stopped = asyncio.Event(), False
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    chores = Tasks()
    loading = chores.spawn(asyncio.to_thread(sdk.load), "load the Kubernetes client")
    loop.add_signal_handler(signal.SIGHUP, lambda: chores.spawn(reload(file, redactor), "reload"))

    def leave() -> None:
        sys.stderr.flush()
        os._exit(0 if stopped else 1)

    async with (
        serving(
            file.current,
            current=lambda: file.current,
            redactor=redactor,
            hurry=stop,
            leave=leave,
        ) as product,
        contextlib.AsyncExitStack() as ours,
    ):
        ours.push_async_callback(chores.close)
        await asyncio.wait([loading])  # else the first command would
        # What has been loaded stays; a full collection would hold acknowledgements up by 0.1 s.
        gc.collect()
        gc.freeze()
        begin(product, chores)
        if any(cluster.prometheus for cluster in file.current.clusters.values()):
            chores.spawn(product.artist.warm(), "warm the artist")
        await product.alerts.start()
        if metrics := await _metrics(product):
            ours.push_async_callback(metrics.close)
        _notify("READY=1")
        print("ready", file=sys.stderr, flush=True)
        await stop.wait()
        stop.clear()
        stopped = True
        _notify("STOPPING=1")
        log.info("draining", seconds=DRAIN_SECONDS)
    return 0


async def _metrics(product: Product) -> Exposition | None:
    """Shows the bot's metrics, where the configuration says so."""
    if product.config.metrics is None:
        return None
    exposition = Exposition(product, product.config.metrics.listen)
    await exposition.start()
    log.info("metrics are shown", port=exposition.port)
    return exposition


async def _drained(product: Product, hurry: asyncio.Event) -> bool:
    """Takes nothing new and lets operations end; False when some did not, or nobody waits."""
    drain = asyncio.ensure_future(product.engine.drain(DRAIN_SECONDS))
    hurried = asyncio.ensure_future(hurry.wait())
    await asyncio.wait({drain, hurried}, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    return drain.done() and drain.result()


async def reload(file: ConfigFile, redactor: Redactor) -> None:
    """Reads the configuration again; a bad one changes nothing. New secrets are hidden, too."""
    try:
        changed = await asyncio.to_thread(file.reload)
    except ConfigError as error:
        log.error("configuration kept as it was", problems=[str(p) for p in error.problems])
    else:
        redactor.register(*secret_values(file.current))
        log.info("configuration read again", changed=changed, version=file.current.version)


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
