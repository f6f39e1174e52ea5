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
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from bot.config import Config
from bot.redaction import Redactor
from bot.render.document import Document, Mono, Note, Text, Title
from bot.slack.replier import OpsChannel
from bot.store import backup
from bot.store.db import Store
from bot.store.verify import verify
from bot.tasks import Tasks
from bot.wiring import Product, build
from integrations.kubernetes import sdk

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 30.0
NIGHT_SECONDS = 86_400.0
HEAD_SECONDS = 3_600.0  # between looks whether today's has been posted
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
        chores.spawn(_regularly(SWEEP_SECONDS, product.engine.sweep), "sweep")
        chores.spawn(_regularly(NIGHT_SECONDS, lambda: _nightly(product)), "nightly")
        if (slack := product.slack) is not None:
            head = partial(post_head, product.store, slack.ops, product.clock)
            chores.spawn(_regularly(HEAD_SECONDS, head, at_once=True), "audit head")
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


async def post_head(store: Store, ops: OpsChannel, clock: Callable[[], int]) -> None:
    """Posts the audit log's head to the ops channel, once a day (UTC).

    Whoever can write the database and the files beside it could cut off the log's end unseen; what
    stands in Slack they cannot change.
    """
    day = datetime.fromtimestamp(clock() / 1_000_000, UTC).date()
    key = f"audit-head/{day}"
    if not ops.configured or await store.read(lambda db: ops.posted(db, key)):
        return
    verdict = await store.read(lambda db: verify(db, store.audit.key))
    if verdict.head is None:
        return
    state = "all of them proved" if verdict.ok else "not all of them proved"
    document = Document.of(
        Title(f"Audit log: {verdict.rows} rows, {state}", "plain" if verdict.ok else "bad"),
        Text.of(verdict.why) if verdict.why else None,
        Text.of("Row ", Mono(str(verdict.head.seq)), " has the hash ", Mono(verdict.head.hash)),
        Note.of("Kept here every day: if that row is ever another one, the log was changed."),
    )
    await store.write(lambda db: ops.post(db, key, document))
    ops.wake()


async def _regularly(
    seconds: float, work: Callable[[], Awaitable[None]], *, at_once: bool = False
) -> None:
    if not at_once:
        await asyncio.sleep(seconds)
    while True:
        try:
            await work()
        except Exception as error:
            log.error("chore failed", exc_info=error)
        await asyncio.sleep(seconds)


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
