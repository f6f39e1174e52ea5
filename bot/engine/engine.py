"""The engine's face: what Slack, the terminal and the composition root call."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Any

import structlog

from bot.context import Asker
from bot.durable import Durable
from bot.engine import buttons, messages
from bot.engine.admission import Admissions
from bot.engine.changes import Changes
from bot.engine.parts import Parts, asker_of, event_of
from bot.engine.ports import Admission, Answer, Incoming, Notice, Press
from bot.engine.running import Running, answer
from bot.engine.turns import Turns
from bot.errors import OnpremError, Refused
from bot.store import approvals, requests
from bot.store.audit import Kind
from bot.store.requests import Request, State

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_utils import Database

log = structlog.get_logger(__name__)

STALE = 900_000_000
"""Microseconds after which an acknowledged request is not begun any more."""
DECIDING = 60_000_000
"""Microseconds that a question may be past its time while its answer is carried out."""


class Engine:
    """Takes commands and presses, and sees every change through to its outcome.

    A surface calls `admit` (or `press`), acknowledges, and only when its acknowledgement has
    really been written calls `proceed`; if it came too late or was not written, `lost`.

    Args:
        parts: Collaborators.
        workflows: The file of durable operations.
    """

    def __init__(self, parts: Parts, workflows: Path) -> None:
        self._parts = parts
        self._turns = Turns()
        self._running = Running(parts, self._turns)
        self._durable = Durable(workflows, self._running.body)
        self._changes = Changes(parts, self._running, self._durable, self._turns)
        self._admissions = Admissions(parts)

    @property
    def ended(self) -> asyncio.Event:
        """Set when an operation has ended, for one who looks at what ran; cleared by that one."""
        return self._parts.ended

    async def start(self) -> None:
        """Continues what an earlier process left: every open request goes on or is told lost.

        A question that was decided, and no more than that, is asked again.
        """
        open_states = {State.RECEIVED, State.ACKED, State.PLANNING, State.RUNNING}
        left = await self._parts.store.read(
            lambda db: requests.find(db, states=open_states, limit=100_000)
        )
        self._durable.launch([one.id for one in left if one.state is State.RUNNING])
        for request in left:
            if request.state is State.RECEIVED:
                await self._tell_lost(request)
            elif request.state is State.PLANNING:
                await self._reopen(request)
            elif request.state is State.ACKED:
                self._parts.tasks.spawn(self._again(request), f"begin {request.id}")

    async def admit(self, incoming: Incoming) -> Admission:
        """Parses, authorizes and commits the intent; no network."""
        with self._turns.admitting():
            return await self._admissions.admit(incoming)

    async def press(self, press: Press) -> Admission:
        """The same for a button: the token is used up, or it says why not."""
        with self._turns.admitting():
            return await self._admissions.press(press)

    async def proceed(self, admission: Admission, asker: Asker | None = None) -> Answer | None:
        """Goes on after the acknowledgement was written.

        Args:
            admission: What `admit` or `press` returned, without a reply.
            asker: The asker in full, when `admit` was told that they were not yet known.

        Returns:
            What only the asker sees, or None when a replier tells it.
        """
        who = asker or admission.asker
        try:
            if not admission.known and admission.parsed is not None:
                denied = await self._admissions.check(
                    who, admission.parsed, admission.origin, admission.request
                )
                if denied is not None:
                    return denied
            if "press" in admission.press:
                admission = await self._admissions.settle(admission.press["press"], who)
                if admission.reply is not None:
                    return Answer(admission.reply, None, admission.exit_code)
            if admission.press:
                return await self._decide(admission, who)
            if admission.request is not None and admission.parsed is not None:
                return await self._change(admission.request, admission.parsed, who)
            return await self._read(admission, who)
        except Exception as error:
            problem = self._parts.translate(error)
            return Answer(messages.failure(problem), None, problem.exit_code)

    async def lost(self, admission: Admission) -> None:
        """Ends a request whose acknowledgement failed: it never runs, and the asker is told.

        A press whose acknowledgement failed has not happened: its button works again.
        """
        request, token = admission.request, admission.press.get("token")
        if request is not None and token:
            await self._parts.store.write(
                lambda db: buttons.reopen(db, request.id) or approvals.release(db, token)
            )
        elif request is not None:
            await self._tell_lost(request)

    async def cancel(self, request_id: str, by: Asker) -> str:
        """Asks an open request to stop; returns what will happen, in words.

        Raises:
            Refused: If it is unknown or has ended.
        """
        now = self._parts.clock()

        def work(db: Database) -> Request | None:
            found = requests.get(db, request_id)
            if found is not None and requests.ask_cancel(db, request_id, by.actor, now):
                self._parts.note(db, event_of(Kind.CANCEL, found, by))
            return found

        request = await self._parts.store.write(work)
        if request is None:
            raise Refused(f"There is no job {request_id}", hint="See `jobs`")
        if self._running.cancel(request_id, by.name):
            return "It stops before its next step; a running helm is ended now"
        if request.state is State.WAITING:
            await self._changes.dismiss(request, by, State.CANCELLED)
            return "It was still waiting for a decision, and is closed now"
        if request.state in requests.ENDED:
            raise Refused(f"Job {request_id} has already ended", why=f"it is {request.state}")
        return "It stops before its first step"

    async def sweep(self) -> None:
        """Closes questions that nobody answered in time; call it every half minute."""
        now = self._parts.clock()
        waiting = await self._parts.store.read(
            lambda db: requests.find(db, states={State.WAITING, State.PLANNING}, limit=1000)
        )
        for request in waiting:
            grace = DECIDING if request.state is State.PLANNING else 0
            if int((request.plan or {}).get("expires", 0)) + grace <= now:
                await self._changes.dismiss(request, None, State.EXPIRED)

    async def drain(self, seconds: float) -> bool:
        """Takes nothing new and lets running operations end; False when some did not."""
        self._admissions.closed = True
        return await self._durable.settle(seconds)

    def close(self) -> None:
        """Stops; `drain` first, for operations cut off here wait for the next `start`."""
        self._durable.close()

    async def _read(self, admission: Admission, who: Asker) -> Answer:
        assert admission.parsed is not None  # noqa: S101 - a reply would have ended it before
        command, params = admission.parsed.command, admission.parsed.params
        ctx = self._parts.ctx(command, params, who, admission.origin)
        async with asyncio.timeout(command.timeout):
            if admission.parsed.dry_run and command.plan is not None:
                plan = await command.plan(ctx, params)
                document = messages.dry_run(plan)
                return Answer(document, {"summary": plan.summary, "facts": dict(plan.facts)})
            result = await command.run(ctx, params)
        document = command.view(result, self._parts.clock())
        return answer(result, self._parts.offers.fill(document))

    async def _change(self, request: Request, parsed: Any, who: Asker) -> Answer | None:
        now = self._parts.clock()
        # Kept in full, for a restart decides again whether they may.
        origin = {**request.origin, "asker": dataclasses.asdict(who)}
        acked = asyncio.ensure_future(
            self._parts.store.write(
                lambda db: requests.transition(
                    db,
                    request.id,
                    State.ACKED,
                    expect={State.RECEIVED},
                    acked_at=now,
                    origin=origin,
                )
            )
        )
        known = dataclasses.replace(request, origin=origin)
        return await self._changes.begin(known, (parsed.command, parsed.params), acked)

    async def _decide(self, admission: Admission, who: Asker) -> Answer | None:
        request, act = admission.request, admission.press["act"]
        assert request is not None  # noqa: S101 - every token names its request
        if act == "cancel":
            text = await self.cancel(request.id, who)
            return Answer(messages.said(text))
        if act == "dismiss":
            await self._changes.dismiss(request, who, State.CANCELLED)
            return None
        try:
            decoded = self._parts.rebuild(request)
            if decoded is None:
                raise Refused("This version of the bot does not know that command any more")
            typed = admission.press.get("typed", "")
            return await self._changes.decide(request, decoded, who, typed)
        except Exception:
            await self._parts.store.write(lambda db: buttons.reopen(db, request.id))
            raise

    async def _reopen(self, request: Request) -> None:
        """Opens a question again whose answer was not carried out, and says so to its asker."""
        await self._parts.store.write(lambda db: buttons.reopen(db, request.id))
        summary = str((request.plan or {}).get("summary", request.text))
        await self._tell(request, Notice(request.id, messages.reopened(summary), private=True))

    async def _again(self, request: Request) -> None:
        """Goes on with what was acknowledged just before a stop, if they still may.

        After a longer absence nobody expects it any more: it is told lost instead.
        """
        decoded = self._parts.rebuild(request)
        age = self._parts.clock() - (request.acked_at or request.created_at)
        if decoded is None or age > STALE:
            await self._tell_lost(request)
            return
        answer = await self._admissions.check_again(request, *decoded)
        answer = answer or await self._changes.begin(request, decoded)
        if answer is not None:
            notice = Notice(request.id, answer.document, final=True, private=True)
            await self._tell(request, notice)

    async def _tell_lost(self, request: Request) -> None:
        problem: OnpremError = Refused(
            f"Not run: {request.text}",
            why="the bot was too slow, or was not running, when it should have begun",
            hint="Nothing was changed; ask again",
        )
        document = messages.failure(problem, request.id)
        states, now = {State.RECEIVED, State.ACKED}, self._parts.clock()
        moved = await self._parts.store.write(
            lambda db: self._admissions.mark_lost(db, request, states, now)
        )
        if moved:
            await self._tell(request, Notice(request.id, document, final=True, private=True))
            self._parts.replier(request).finished(request, None, problem.exit_code)

    async def _tell(self, request: Request, notice: Notice) -> None:
        await self._parts.store.write(lambda db: self._parts.publish(db, request, notice))
        self._parts.replier(request).deliver(request, notice)
        log.info("told privately", request=request.id, asker=asker_of(request).actor)
