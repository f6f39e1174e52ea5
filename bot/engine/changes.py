"""The life of a change after its acknowledgement: plan, policy, lock, run, outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot import approvals
from bot.context import Asker, Plan, Weight
from bot.durable import Durable
from bot.engine import buttons, messages
from bot.engine.claiming import UNDECIDED, busy, claim
from bot.engine.freezes import frozen
from bot.engine.parts import Parts, asker_of, event_of, plan_json
from bot.engine.ports import Answer, Notice
from bot.engine.running import Running, ended_json
from bot.engine.turns import Turns
from bot.errors import Denied, Drifted, OnpremError, Refused
from bot.render.document import Actions, Button, Document, Note
from bot.spec import Command
from bot.store import locks, requests
from bot.store.audit import Kind
from bot.store.requests import Request, State

if TYPE_CHECKING:
    from sqlite_utils import Database

PLAN_SECONDS = 30.0
QUESTION_SECONDS = 900

Decoded = tuple[Command[Any, Any], Any]


class Changes:
    """Takes acknowledged requests to their end.

    Args:
        parts: The engine's collaborators.
        running: Runs what was launched.
        durable: Starts and continues operations.
        turns: Bounds how many are planned at a time.
    """

    def __init__(self, parts: Parts, running: Running, durable: Durable, turns: Turns) -> None:
        self._parts, self._running, self._durable = parts, running, durable
        self._turns = turns

    async def begin(
        self, request: Request, decoded: Decoded, acked: Awaitable[bool] | None = None
    ) -> Answer | None:
        """Plans an acknowledged request and launches it, asks for a decision, or refuses it.

        A plan only reads, so it is made while the acknowledgement is written: `acked` tells whether
        the request goes on; None when it is on disk already.

        Returns:
            What only the asker sees, when it ends here.
        """
        async with self._turns.plan(request.cluster, waits=decoded[0].locks):
            return await self._begin(request, *decoded, acked or _true())

    async def _begin(
        self,
        request: Request,
        command: Command[Any, Any],
        params: Any,
        acked: Awaitable[bool],
    ) -> Answer | None:
        began = self._parts.clock()
        plan, ours = await asyncio.gather(
            self._plan(request, command, params, asker_of(request)), acked, return_exceptions=True
        )
        if isinstance(ours, BaseException):
            raise ours
        if not ours:
            return None
        if isinstance(plan, Exception):
            return await self._refuse(request, await self._why(request, command, plan))
        if isinstance(plan, BaseException):
            raise plan
        if plan.nothing:
            return await self._nothing(request, plan)
        weight = approvals.required(self._parts.config().policy, command.name, plan)
        given = approvals.Given(**request.origin.get("given", {}))
        if not approvals.granted(weight, given, approvals.to_type(plan, request.app)):
            await self._ask(request, plan, weight)
            return None
        return await self._launch(request, command, plan, began, confirmed_by=request.actor)

    async def decide(
        self, request: Request, decoded: Decoded, by: Asker, typed: str
    ) -> Answer | None:
        """Goes on with a waiting request after a click: plans again, refuses if it moved."""
        command, params = decoded
        began = self._parts.clock()
        try:
            plan = await self._plan(request, command, params, by)
        except Exception as error:
            return await self._refuse(request, await self._why(request, command, error), by)
        weight = approvals.required(self._parts.config().policy, command.name, plan)
        name = approvals.to_type(plan, request.app)
        if not approvals.granted(weight, approvals.Given(yes=True, name=typed), name):
            await self._ask(request, plan, weight)
            return Answer(messages.failure(Refused("That is not the name", hint=f"Type {name}")))
        if plan.fingerprint(command.name, request.params) != request.fingerprint:
            return await self._refuse(
                request,
                Drifted(
                    "Not run",
                    why="what would happen has changed since it was shown",
                    hint="Look at what it would do now, and ask again",
                ),
                by,
                *messages.difference(request.plan or {}, plan),
            )
        return await self._launch(request, command, plan, began, confirmed_by=by.actor)

    async def dismiss(self, request: Request, by: Asker | None, state: State) -> None:
        """Closes a question: nobody wanted it, or nobody answered in time."""
        title = "Left alone" if by else "Expired without an answer"
        summary = str((request.plan or {}).get("summary", request.text))
        document = messages.closed(f"{title}: {summary}", by, self._note(request))
        await self._end(request, state, document, by=by, expect=UNDECIDED | {State.WAITING})

    async def _plan(
        self, request: Request, command: Command[Any, Any], params: Any, asker: Asker
    ) -> Plan:
        assert command.plan is not None  # noqa: S101 - `command` refuses changes without a plan
        ctx = self._parts.ctx(command, params, asker, request.origin, request.id)
        try:
            async with asyncio.timeout(PLAN_SECONDS):
                return await command.plan(ctx, params)
        except TimeoutError as error:
            raise Refused(
                "The plan could not be made",
                why=f"{ctx.target.cluster} did not answer within {PLAN_SECONDS:.0f} s",
                hint="Nothing was changed; try again when the cluster answers",
            ) from error

    async def _ask(self, request: Request, plan: Plan, weight: Weight) -> None:
        parts, now = self._parts, self._parts.clock()
        typed = approvals.to_type(plan, request.app)
        expires = now + QUESTION_SECONDS * 1_000_000
        shown = replace(plan, typed=typed)
        document = messages.waiting(shown, weight, self._note(request), expires)
        notice = Notice(request.id, document)

        def work(db: Database) -> Notice:
            kept = buttons.fill(db, notice.document, request, now, expires)
            requests.transition(
                db,
                request.id,
                State.WAITING,
                expect=UNDECIDED,
                plan={**plan_json(shown), "expires": expires},
                fingerprint=plan.fingerprint(request.command, request.params),
            )
            ready = replace(notice, document=kept)
            parts.publish(db, request, ready)
            return ready

        parts.replier(request).deliver(request, await parts.store.write(work))

    async def _launch(
        self,
        request: Request,
        command: Command[Any, Any],
        plan: Plan,
        began: int,
        *,
        confirmed_by: str,
    ) -> Answer | None:
        """Runs what was planned from the moment `began` on, or refuses it."""
        # What takes no lock, such as `cancel` and `unlock`, has to work in a freeze as well.
        parts, endings, holds = self._parts, self._running.endings, command.locks
        refusal: OnpremError | None = frozen(parts, request) if holds else None
        if refusal is not None:
            return await self._refuse(request, refusal)

        taken = False

        async def take() -> bool:
            nonlocal refusal, taken
            refusal = await parts.store.write(
                lambda db: claim(db, parts, endings, request, plan, holds, began, confirmed_by)
            )
            if taken := refusal is None:
                self._running.fresh(request.id)
            return taken

        try:
            await self._durable.start(request.id, take)
        except Exception as error:
            if not taken:
                raise
            return await self._refuse(request, self._parts.translate(error))
        return await self._refuse(request, refusal) if refusal is not None else None

    async def _why(
        self, request: Request, command: Command[Any, Any], error: Exception
    ) -> OnpremError:
        """Why there is no plan: often because a change that is under way was seen half done."""
        if command.locks:
            now = self._parts.clock()
            if found := await self._parts.store.read(lambda db: busy(db, request, now)):
                return found
        return self._parts.translate(error)

    async def _nothing(self, request: Request, plan: Plan) -> Answer:
        document = Document.of(
            *messages.closed(plan.summary, None, self._note(request)).elements,
            *messages.preview(plan),
        )
        await self._end(request, State.DONE, document, expect=UNDECIDED, quiet=True)
        return Answer(document, {"summary": plan.summary, "changed": False})

    async def _refuse(
        self, request: Request, error: OnpremError, by: Asker | None = None, *extra: Any
    ) -> Answer | None:
        """Ends a request that did not act; public only if people have already seen it."""
        shown = request.state is State.WAITING
        document = Document.of(*messages.failure(error, request.id).elements, *extra)
        if shown:
            again = Actions((Button("Ask again", "run", command=request.text),))
            document = Document.of(*document.elements, again, self._note(request))
        state = State.REFUSED
        expect = UNDECIDED | {State.RUNNING}
        await self._end(
            request, state, document, by=by, error=error, expect=expect, quiet=not shown
        )
        return None if shown else Answer(document, None, error.exit_code)

    async def _end(
        self,
        request: Request,
        state: State,
        document: Document,
        *,
        expect: Collection[State],
        by: Asker | None = None,
        error: OnpremError | None = None,
        quiet: bool = False,
    ) -> None:
        """Writes the outcome of a request that never ran."""
        parts, now = self._parts, self._parts.clock()
        code = error.exit_code if error else 0
        outcome = ended_json(state, document, None, code)
        who = by or asker_of(request)
        reason = {"state": str(state), "why": str(error)} if error else {"state": str(state)}

        def work(db: Database) -> Notice | None:
            ended = requests.transition(
                db, request.id, state, expect=expect, finished_at=now, outcome=outcome
            )
            if not ended:
                return None
            locks.release(db, request.id)
            kind = Kind.DENIED if isinstance(error, Denied) else Kind.OUTCOME
            parts.note(db, event_of(kind, request, who, reason))
            kept = buttons.fill(db, document, request, now, now + 86_400_000_000)
            notice = Notice(request.id, kept, final=True)
            if not quiet:
                parts.publish(db, request, notice)
            return notice

        notice = await parts.store.write(work)
        if notice is not None and not quiet:  # a quiet end is answered to the asker alone
            parts.replier(request).deliver(request, notice)
            parts.replier(request).finished(request, None, code)

    def _note(self, request: Request) -> Note:
        return messages.asked(asker_of(request), request.text, request.id, request.created_at)


async def _true() -> bool:
    return True
