"""What the bot does unasked: old questions, copies of its state, proof of its log, a watch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import structlog

from bot.alerts.mailing import Mailing
from bot.alerts.own import OwnTroubles
from bot.engine import Incoming
from bot.recovery.drills import drill_times
from bot.render.document import Document, Mono, Note, Text, Title
from bot.slack.replier import OpsChannel
from bot.store import backup, requests
from bot.store.db import Store
from bot.store.verify import verify
from bot.tasks import Tasks
from bot.wiring import STATE, WORKFLOWS, Product

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 30.0
DRILL_SECONDS = 60.0
COPY_SECONDS = 600.0
LOOK_SECONDS = 3600.0
OWN_SECONDS = 20.0
MAIL_SECONDS = 10.0
DAY = 86_400_000_000
COPIES = 14


def begin(product: Product, tasks: Tasks) -> None:
    """Starts the chores; they end with their tasks."""
    tasks.spawn(regularly(SWEEP_SECONDS, product.engine.sweep), "sweep")
    tasks.spawn(regularly(LOOK_SECONDS, partial(copy_when_due, product)), "copy the state")
    tasks.spawn(product.watcher.run(), "watch backups")
    tasks.spawn(product.onlooker.run(), "watch changes")
    tasks.spawn(regularly(DRILL_SECONDS, partial(drill_when_due, product)), "drills")
    tasks.spawn(regularly(COPY_SECONDS, product.sweeper.sweep), "copies of drills")
    own = OwnTroubles(product.store, product.alerts.threads, product.current, product.clock)
    tasks.spawn(regularly(OWN_SECONDS, own.look, product.engine.ended), "own troubles")
    mailing = Mailing(product.store, product.current, partial(_away, product), product.clock)
    tasks.spawn(regularly(MAIL_SECONDS, mailing.look), "mail")
    if (slack := product.slack) is not None:
        head = partial(post_head, product.store, slack.ops, product.clock)
        tasks.spawn(regularly(LOOK_SECONDS, head), "audit head")


def _away(product: Product) -> str:
    return product.slack.away if product.slack is not None else "no Slack is configured"


async def copy_when_due(product: Product) -> None:
    """Copies the state and forgets what is old, unless the newest copy is younger than a day.

    Whether one is due is told by the copies themselves, so that a bot that is restarted every day
    makes them too.
    """
    directory, copies = product.config.state.directory, product.config.state.backup_directory
    now = product.clock()
    made = await asyncio.to_thread(backup.snapshots, copies)
    if made and now - made[0].at < DAY:
        return
    files = [directory / STATE, directory / WORKFLOWS]
    await asyncio.to_thread(backup.snapshot, files, copies, now=now, keep=COPIES)
    await product.store.write(lambda db: backup.prune(db, now))


async def drill_when_due(product: Product) -> None:
    """Asks for the drills that are due, in the bot's own name.

    They are admitted, authorized, audited and run as anybody's; the key of each lets it in once,
    also after a restart.
    """
    now = product.clock()
    for drill in drill_times.due(product.current(), now):
        if await product.store.read(partial(requests.by_key, key=drill.key)) is not None:
            continue
        incoming = Incoming(drill.key, drill.words, drill_times.ASKER, {"kind": "system"}, now)
        admission = await product.engine.admit(incoming)
        refused = admission.reply
        if admission.request is not None:
            answer = await product.engine.proceed(admission)
            refused = answer.document if answer else None
        if refused is not None:
            log.warning("drill not begun", drill=drill.key, why=refused.headline)
            await _post(product, drill.key, refused)


async def _post(product: Product, key: str, document: Document) -> None:
    """Tells the ops channel, where there is one."""
    if (slack := product.slack) is not None:
        await product.store.write(lambda db: slack.ops.post(db, key, document))
        slack.ops.wake()


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


async def regularly(
    seconds: float, work: Callable[[], Awaitable[None]], news: asyncio.Event | None = None
) -> None:
    """Does a chore until cancelled; one that fails is logged and done again.

    Args:
        seconds: Between two times.
        work: The chore.
        news: Set when it is to be done at once; cleared here.
    """
    called = news or asyncio.Event()
    while True:
        called.clear()
        try:
            await work()
        except Exception as error:
            log.error("chore failed", exc_info=error)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await called.wait()
