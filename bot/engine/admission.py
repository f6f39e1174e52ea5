"""What is settled before an acknowledgement: words, rights, intent. No network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bot import grammar
from bot.context import Asker, Target
from bot.engine import buttons, messages
from bot.engine.parts import Parts, asker_of, event_of, origin_of, place_of
from bot.engine.ports import Admission, Answer, Incoming, Press
from bot.errors import Denied, OnpremError, Refused
from bot.spec import Command, Effect
from bot.store import approvals, offers, requests
from bot.store.audit import AuditEvent, Kind
from bot.store.requests import Request, State

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlite_utils import Database

    from bot.grammar import Parsed
    from bot.permissions import Decision

_WHY = {
    approvals.Unusable.UNKNOWN: "this button is not known any more",
    approvals.Unusable.EXPIRED: "this button has expired",
    approvals.Unusable.USED: "somebody has already decided",
}


def may(
    parts: Parts,
    asker: Asker,
    command: Command[Any, Any],
    params: Any,
    origin: Mapping[str, Any],
) -> Decision:
    """Decides whether this person may run this command here."""
    scope = parts.scope(asker, origin)
    return parts.decide(asker, command, params, command.target(scope, params), scope.channel)


class Admissions:
    """Admits commands and presses.

    Attributes:
        closed: The bot is stopping: nothing new is taken.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.closed = False

    async def admit(self, incoming: Incoming) -> Admission:
        """See `Engine.admit`."""
        try:
            if self.closed:
                raise Refused("The bot is stopping", hint="Try again in a minute")
            terminal = incoming.origin.get("kind") == "terminal"
            prefix = "onprem " if terminal else f"{self._parts.config().command} "
            parsed = grammar.parse(
                incoming.words, self._parts.commands, prefix=prefix, terminal=terminal
            )
            if parsed.help:
                document = grammar.help_document(parsed.command, prefix)
                return self._reply(incoming, Answer(document))
            place = {**incoming.origin}
            if incoming.known:
                denied = await self.check(incoming.asker, parsed, place)
                if denied is not None:
                    return self._reply(incoming, denied)
            if parsed.command.effect is Effect.READ or parsed.dry_run:
                return Admission(incoming.asker, place, known=incoming.known, parsed=parsed)
            return await self._intend(incoming, parsed)
        except OnpremError as error:
            return self._reply(incoming, self._failure(error))
        except Exception as error:
            return self._reply(incoming, self._failure(self._parts.translate(error)))

    async def press(self, press: Press) -> Admission:
        """See `Engine.press`."""
        try:
            if self.closed:
                raise Refused("The bot is stopping", hint="Try again in a minute")
            return await self._press(press)
        except Exception as error:
            answer = self._failure(self._parts.translate(error))
            return Admission(
                press.asker, press.origin, reply=answer.document, exit_code=answer.exit_code
            )

    async def check(
        self,
        asker: Asker,
        parsed: Parsed,
        origin: Mapping[str, Any],
        request: Request | None = None,
    ) -> Answer | None:
        """Authorizes; a denial is audited and returned."""
        decision = may(self._parts, asker, parsed.command, parsed.params, origin)
        if decision.allowed:
            return None
        target = parsed.command.target(self._parts.scope(asker, origin), parsed.params)
        return await self._deny(asker, parsed.command.name, target, decision, request)

    async def check_again(
        self, request: Request, command: Command[Any, Any], params: Any
    ) -> Answer | None:
        """Authorizes a stored request anew; a denial is audited, ends it, and is returned."""
        asker = asker_of(request)
        decision = may(self._parts, asker, command, params, request.origin)
        if decision.allowed:
            return None
        target = Target(request.cluster, request.namespace, request.app)
        return await self._deny(asker, command.name, target, decision, request)

    async def denied(self, asker: Asker, request: Request, decision: Decision) -> Answer:
        """Audits a denied press and says why; the question stays open for others."""
        target = Target(request.cluster, request.namespace, request.app)
        return await self._deny(asker, request.command, target, decision, request, ends=False)

    async def use(self, press: Press, asker: Asker) -> Admission:
        """Uses a token up in the name of somebody who may decide; the request is as it was before.

        Raises:
            Refused: It does not work, or the question was closed meanwhile.
        """
        parts, now = self._parts, self._parts.clock()

        def work(db: Database) -> tuple[approvals.Token | approvals.Unusable, Request | None]:
            token, request = approvals.use(db, press.token, asker.actor, now), None
            if isinstance(token, approvals.Token):
                request = requests.get(db, token.request_id)
                buttons.decided(db, token)
                parts.note(
                    db,
                    AuditEvent(
                        Kind.CONFIRM,
                        asker.actor,
                        asker.person,
                        token.action,
                        request.cluster if request else "",
                        place_of(request) if request else "",
                        token.request_id,
                    ),
                )
            return token, request

        token, request = await parts.store.write(work)
        if not isinstance(token, approvals.Token):
            raise Refused("Nothing was done", why=_WHY[token], hint="Ask again with the command")
        decision = {"act": token.action, "typed": press.typed, "token": token.id}
        return Admission(asker, press.origin, request=request, press=decision)

    def mark_lost(
        self, db: Database, request: Request, states: Collection[State], now: int
    ) -> bool:
        """Ends a request that must never run, inside the caller's transaction."""
        moved = requests.transition(db, request.id, State.LOST, expect=states, finished_at=now)
        if moved:
            body = {"state": str(State.LOST)}
            self._parts.note(db, event_of(Kind.OUTCOME, request, asker_of(request), body))
        return moved

    async def _press(self, press: Press) -> Admission:
        parts = self._parts
        origin, offered = press.origin, parts.offers.get(press.token)
        if offered is None:
            offered = parts.store.read_now(lambda db: offers.get(db, press.token))
            # What comes of it belongs to the thread of the message that offers it.
            origin = {**origin, "thread": origin.get("thread") or origin.get("message", "")}
        if offered is not None:
            return await self._offered(dataclasses.replace(press, origin=origin), offered)
        token = parts.store.read_now(lambda db: approvals.get(db, press.token))
        if token is None:
            raise Refused(
                "Nothing was done",
                why=_WHY[approvals.Unusable.UNKNOWN],
                hint="Ask again with the command",
            )
        if token.expires_at <= parts.clock():
            raise Refused("Nothing was done", why=_WHY[approvals.Unusable.EXPIRED])
        if token.action in ("run", "ask"):
            return await self._offered(press, str(token.data["command"]), token.request_id)
        if token.used_at is not None:
            raise Refused("Nothing was done", why=_WHY[approvals.Unusable.USED])
        wanted = str(token.data.get("typed", ""))
        if token.action == "type" and press.typed != wanted:
            if press.typed:
                raise Refused("Nothing was done", why=f"that is not {wanted}")
            denied = await self._denied_press(press, press.asker) if press.known else None
            return denied or Admission(press.asker, press.origin, ask_typed=wanted)
        if not press.known:
            return Admission(
                press.asker, press.origin, known=False, press={"act": "later", "press": press}
            )
        return await self.settle(press, press.asker)

    async def _offered(self, press: Press, words: str, parent: str = "") -> Admission:
        """Admits what a button runs; what it asks for first is put into the command."""
        parts, who, origin = self._parts, press.asker, press.origin
        incoming = Incoming(
            press.key, words, who, origin, press.received, press.known, parent=parent
        )
        if not press.ask and press.answers is None:
            return await self.admit(incoming)
        parsed = grammar.parse(words, parts.commands, prefix=f"{parts.config().command} ")
        if press.answers is None:
            denied = await self.check(who, parsed, origin) if press.known else None
            if denied is not None:
                return self._reply(incoming, denied)
            return Admission(who, origin, known=press.known, form=grammar.form(parsed))
        if wrong := grammar.mistakes(parsed, press.answers):
            return Admission(who, origin, mistakes=wrong)
        words_too = grammar.filled(parsed, press.answers)
        return await self.admit(dataclasses.replace(incoming, words=words_too))

    async def settle(self, press: Press, asker: Asker) -> Admission:
        """Authorizes a press and uses its token up; a denial leaves the token for others."""
        return await self._denied_press(press, asker) or await self.use(press, asker)

    async def _denied_press(self, press: Press, asker: Asker) -> Admission | None:
        """The denial, when this person may not decide here."""
        parts = self._parts
        token = parts.store.read_now(lambda db: approvals.get(db, press.token))
        request = parts.store.read_now(
            lambda db: requests.get(db, token.request_id if token else "")
        )
        if token is None or request is None:
            raise Refused("Nothing was done", why=_WHY[approvals.Unusable.UNKNOWN])
        own = request.person == asker.person and token.action in ("dismiss", "cancel")
        decoded = parts.rebuild(request)
        if own or decoded is None:
            return None
        decision = may(parts, asker, *decoded, press.origin)
        if decision.allowed:
            return None
        answer = await self.denied(asker, request, decision)
        return Admission(asker, press.origin, reply=answer.document, exit_code=answer.exit_code)

    async def _intend(self, incoming: Incoming, parsed: Parsed) -> Admission:
        """Commits the intent; a redelivery finds it there."""
        parts, asker, command = self._parts, incoming.asker, parsed.command
        target = command.target(parts.scope(asker, incoming.origin), parsed.params)
        request = Request(
            id=requests.new_id(parts.clock),
            key=incoming.key,
            actor=asker.actor,
            person=asker.person,
            command=command.name,
            created_at=incoming.received,
            origin=origin_of(asker, incoming.origin, yes=parsed.yes, name=parsed.confirm or ""),
            params=dataclasses.asdict(parsed.params),
            text=parts.redact(grammar.line(parsed)),
            cluster=target.cluster,
            namespace=target.namespace,
            app=target.app,
            parent=incoming.parent,
        )

        def work(db: Database) -> bool:
            if not requests.insert(db, request):
                return False
            parts.note(db, event_of(Kind.INTENT, request, asker, {"text": request.text}))
            return True

        if not await parts.store.write(work):
            return Admission(asker, incoming.origin, duplicate=True)
        return Admission(
            asker, incoming.origin, known=incoming.known, request=request, parsed=parsed
        )

    async def _deny(
        self,
        asker: Asker,
        command: str,
        target: Target,
        decision: Decision,
        request: Request | None,
        *,
        ends: bool = True,
    ) -> Answer:
        """Audits a denial; it ends the request, if there is one, unless it concerns a press."""
        parts, now = self._parts, self._parts.clock()
        event = AuditEvent(
            Kind.DENIED,
            asker.actor,
            asker.person,
            command,
            target.cluster,
            place_of(target),
            request.id if request else "",
            {"why": decision.reason},
        )

        def work(db: Database) -> None:
            parts.note(db, event)
            if request is not None and ends:
                requests.transition(
                    db,
                    request.id,
                    State.REFUSED,
                    expect={State.RECEIVED, State.ACKED},
                    finished_at=now,
                )

        await parts.store.write(work)
        problem = Denied(f"You may not {command}", why=decision.reason)
        return self._failure(problem)

    def _failure(self, error: OnpremError) -> Answer:
        return Answer(messages.failure(error), None, error.exit_code)

    def _reply(self, incoming: Incoming, answer: Answer) -> Admission:
        return Admission(
            incoming.asker, incoming.origin, reply=answer.document, exit_code=answer.exit_code
        )
