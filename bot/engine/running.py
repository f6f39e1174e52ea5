"""Runs launched changes as durable operations, and writes their outcome exactly once."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from bot.context import Ctx
from bot.durable import Journal
from bot.engine import buttons, messages
from bot.engine.live import Live
from bot.engine.operation import Operation
from bot.engine.parts import Parts, asker_of, event_of
from bot.engine.ports import Answer, Notice
from bot.engine.recording import StoredRecord
from bot.engine.turns import Turns
from bot.errors import Cancelled, Failed, OnpremError, StoreUnavailable
from bot.locks import Endings, LockPath
from bot.render.document import Document, Note, to_json
from bot.spec import Command
from bot.store import locks, processes, requests
from bot.store.audit import Kind
from bot.store.requests import Request, State

if TYPE_CHECKING:
    from sqlite_utils import Database

log = structlog.get_logger(__name__)

TOKEN_LIFE = 86_400_000_000  # microseconds: how long result buttons work
RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Ending:
    """What a run came to; `told` is False once it could not be told as it is."""

    state: State
    document: Document
    data: Any = None
    exit_code: int = 0
    why: str = ""
    told: bool = True


def ended_json(state: State, document: Document, data: Any, exit_code: int) -> dict[str, Any]:
    """What is kept of an outcome."""
    return {
        "state": str(state),
        "document": to_json(document),
        "data": data,
        "exit_code": exit_code,
    }


class Running:
    """The operations of this process.

    Args:
        parts: The engine's collaborators.
        turns: Bounds how many run at a time.

    Attributes:
        endings: Where operations have ended since this process began.
    """

    def __init__(self, parts: Parts, turns: Turns) -> None:
        self._parts, self._turns = parts, turns
        self.endings = Endings()
        self._fresh: set[str] = set()
        self._operations: dict[str, Operation] = {}

    def fresh(self, request_id: str) -> None:
        """Says that no earlier process has begun this operation."""
        self._fresh.add(request_id)

    def cancel(self, request_id: str, by: str) -> bool:
        """Asks a running operation to stop; False when it does not run here."""
        operation = self._operations.get(request_id)
        if operation is not None:
            operation.cancel(by)
        return operation is not None

    async def body(self, request_id: str, journal: Journal) -> None:
        """One operation, from wherever it stands to its outcome. Never raises."""
        resumed = request_id not in self._fresh
        self._fresh.discard(request_id)
        request = await self._running(request_id)
        if request is None:
            return
        decoded = self._parts.rebuild(request)
        if decoded is None:
            await self._end(request, _stuck(request))
            return
        # What takes no lock (such as `cancel`) must not wait behind what it may be about.
        waits = decoded[0].locks
        if waits and self._turns.crowded(request.cluster):
            await self._publish_live(request, messages.queued(*self._headline(request)))
        async with self._turns.run(request.cluster, waits=waits):
            # Read again: it may have been cancelled while it waited. Nothing may be awaited from
            # here until the operation is listed, or a cancel could fall in between.
            request = await self._running(request_id)
            if request is not None:
                await self._operate(request, *decoded, journal, resumed)

    def _headline(self, request: Request) -> tuple[str, Note]:
        """What it does, and who asked for it."""
        note = messages.asked(asker_of(request), request.text, request.id, request.created_at)
        return str((request.plan or {}).get("summary", request.text)), note

    async def _running(self, request_id: str) -> Request | None:
        """The request if it is running; a state database that cannot be read is waited for."""
        while True:
            try:
                found = self._parts.store.read_now(lambda db: requests.get(db, request_id))
            except StoreUnavailable as error:
                log.error("operation waits for the database", request=request_id, why=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return found if found is not None and found.state is State.RUNNING else None

    async def _operate(
        self,
        request: Request,
        command: Command[Any, Any],
        params: Any,
        journal: Journal,
        resumed: bool,
    ) -> None:
        parts = self._parts
        replier = parts.replier(request)
        summary, note = self._headline(request)

        async def publish() -> None:
            await self._publish_live(
                request, messages.running(summary, operation.steps, note, operation.cancelled_by)
            )

        live = Live(publish, replier.pace, parts.tasks)
        operation = Operation(
            request.id,
            (request.plan or {}).get("facts", {}),
            journal,
            resumed=resumed,
            changed=live.poke,
            record=StoredRecord(parts, request.id),
            observer=parts.observer,
            translate=parts.translate,
        )
        self._operations[request.id] = operation
        if request.cancel_by:
            operation.cancel(parts.config().person_of(request.cancel_by))
        try:
            ending = await self._outcome(request, command, params, operation, summary)
        finally:
            await live.close()
            self._operations.pop(request.id, None)
        took = max(0, parts.clock() - (request.started_at or request.created_at)) / 1e6
        document = messages.ended(ending.document, operation.steps, note, took)
        await self._end(request, replace(ending, document=document))

    async def _outcome(
        self,
        request: Request,
        command: Command[Any, Any],
        params: Any,
        operation: Operation,
        summary: str,
    ) -> Ending:
        asker = asker_of(request)
        try:
            ctx: Ctx = self._parts.ctx(command, params, asker, request.origin, request.id)
            async with asyncio.timeout(command.timeout):
                result = await command.run(ctx, params, operation)
            document = command.view(result, self._parts.clock())
        except Cancelled as stop:
            by = operation.cancelled_by
            document = messages.cancelled(summary, by, operation.steps, stop.hint)
            return Ending(State.CANCELLED, document, None, 1, f"cancelled by {by}")
        except TimeoutError:
            error: OnpremError = Failed(
                f"Not finished: {summary}",
                why=f"it took longer than {command.timeout:.0f} s",
                hint="Look at `status`; what was begun has been left as it is",
            )
        except Exception as problem:
            error = self._parts.translate(problem)
        else:
            data = _data(result)
            if getattr(result, "ok", True):
                return Ending(State.DONE, document, data)
            return Ending(State.FAILED, document, data, 1, document.headline)
        document = messages.failure(error)  # the line about who asked holds the reference
        return Ending(State.FAILED, document, None, error.exit_code, str(error))

    async def _publish_live(self, request: Request, document: Document) -> None:
        parts, now = self._parts, self._parts.clock()
        replier = parts.replier(request)

        def work(db: Database) -> Notice:
            kept = buttons.fill(db, document, request, now, now + TOKEN_LIFE)
            notice = Notice(request.id, kept)
            replier.store(db, request, notice)
            return notice

        try:
            replier.deliver(request, await parts.store.write(work))
        except StoreUnavailable as error:  # a live state may be missed, the outcome may not
            log.warning("live message not stored", request=request.id, why=str(error))

    async def _end(self, request: Request, ending: Ending) -> None:
        """Commits the outcome; a state database that cannot be written is waited for.

        One that cannot be kept or shown, by a fault of a command or of ours, is told in short, or
        in the audit log alone: without an outcome the target would stay locked.
        """
        parts, tell = self._parts, True
        while True:
            work = partial(self._commit, request=request, ending=ending, tell=tell)
            try:
                notice = await parts.store.write(work)
                break
            except StoreUnavailable as error:
                log.error("outcome waits for the database", request=request.id, why=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:
                if not tell:
                    raise
                tell = ending.told
                ending = _in_short(request, ending, parts.translate(error))
        parts.ended.set()
        if notice is not None:
            replier = parts.replier(request)
            replier.deliver(request, notice)
            replier.finished(request, ending.data, ending.exit_code)

    def _commit(self, db: Database, request: Request, ending: Ending, tell: bool) -> Notice | None:
        parts, now = self._parts, self._parts.clock()
        outcome = ended_json(ending.state, ending.document, ending.data, ending.exit_code)
        moved = requests.transition(
            db, request.id, ending.state, expect={State.RUNNING}, finished_at=now, outcome=outcome
        )
        if not moved:
            return None
        if locks.release(db, request.id):
            path = LockPath.of(request.cluster, request.namespace, request.app)
            self.endings.note(path, now)
        processes.clear(db, request.id)
        body = {"state": str(ending.state), "summary": ending.document.headline}
        body |= {"why": ending.why} if ending.why else {}
        parts.note(db, event_of(Kind.OUTCOME, request, asker_of(request), body))
        kept = buttons.fill(db, ending.document, request, now, now + TOKEN_LIFE)
        notice = Notice(request.id, kept, final=True)
        if tell:
            parts.publish(db, request, notice)
        return notice


def _in_short(request: Request, ending: Ending, fault: OnpremError) -> Ending:
    """How it ended, without the details that could not be shown."""
    error = Failed(
        f"{request.command}: {ending.state}",
        why=f"its message could not be made: {fault.what}",
        hint=f"{fault.hint or fault.why}. Look at the target with `status`",
    )
    document = messages.failure(error, request.id)
    return Ending(ending.state, document, None, ending.exit_code, ending.why or str(error), False)


def _stuck(request: Request) -> Ending:
    error = Failed(
        f"{request.command} was cut off and cannot be continued",
        why="this version of the bot does not know the command as it was asked",
        hint="Look at the target with `status`; then ask again, or install the earlier version",
    )
    return Ending(State.STUCK, messages.failure(error, request.id), None, 1, str(error))


def answer(result: Any, document: Document) -> Answer:
    """A read's result, for people and for machines."""
    return Answer(document, _data(result), 0 if getattr(result, "ok", True) else 1)


def _data(result: Any) -> Any:
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return dataclasses.asdict(result)
    return dict(result) if isinstance(result, Mapping) else result
