"""Payloads in, acknowledgements out.

Everything that must be settled before Slack's three seconds are over happens in one Bolt
middleware, after the signature is verified and before anything that needs the network. Bolt's own
listeners would be polled for their `ack` every 10 ms, and each payload of a burst would add its
polling to the load; a middleware that returns the response does not.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.engine import Admission, Engine, Incoming, Press
from bot.engine.messages import failure
from bot.errors import Refused, UsageError
from bot.render.document import Document, Note
from bot.render.terminal import plain
from bot.slack import modals
from bot.slack.answers import Answers
from bot.slack.payloads import Seen, origin_of, words_of
from bot.slack.people import People
from bot.tasks import Tasks
from bot.translation import translate

log = structlog.get_logger(__name__)

ACK_LIMIT = 2.5
PENDING = "onprem_pending"
REDELIVERED = 900.0  # seconds; Slack's last redelivery of an event comes five minutes later
DOUBLE_CLICK = 1.5
TOO_LATE = Refused(
    "Not run", why="the bot was too slow to acknowledge it", hint="Nothing was changed; ask again"
)
WHO = "Slack did not tell me who you are just now. If you may do this, ask again in a minute."


@dataclass(frozen=True, slots=True)
class Pending:
    """What goes on once the acknowledgement has been written."""

    admission: Admission
    team: str
    user: str
    trigger: str = ""
    modal: Mapping[str, Any] | None = None


class Edge(AsyncMiddleware):
    """Turns payloads into requests and presses.

    Args:
        engine: Admits and goes on.
        people: Knows the askers.
        answers: Shows things to one person.
        command: The slash command's name, `/onprem`.
        clock: Microseconds UTC.
        tasks: Own what goes on after the acknowledgement.
        acked: Is told how long an acknowledgement took, in seconds.
    """

    def __init__(
        self,
        engine: Engine,
        people: People,
        answers: Answers,
        command: Callable[[], str],
        clock: Callable[[], int],
        tasks: Tasks,
        acked: Callable[[float], None],
    ) -> None:
        self._engine, self._people, self._answers = engine, people, answers
        self._acked = acked
        self._command, self._clock, self._tasks = command, clock, tasks
        self._deliveries, self._clicks = Seen(REDELIVERED), Seen(DOUBLE_CLICK)

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,
        next: Callable[[], Awaitable[BoltResponse]],
    ) -> BoltResponse | None:
        """Takes every payload but Slack's own checks of the address."""
        body = req.body
        if body.get("type") == "url_verification" or "ssl_check" in body:
            return await next()
        try:
            return await self._dispatch(req, body)
        except Exception as error:
            document = failure(translate(error))
            if "command" in body and (shown := self._answers.at_once(document)):
                return _json(shown)
            self._tasks.spawn(self._answers.private(origin_of(body), document), "tell failure")
            return BoltResponse(status=200)

    def written(self, req: AsyncBoltRequest, seconds: float) -> None:
        """Is called when the acknowledgement is on the wire, with the time it took since arrival.

        Too late is never: Slack has told the person that it failed.
        """
        self._acked(seconds)
        pending: Pending | None = req.context.get(PENDING)
        if pending is None:
            return
        if seconds > ACK_LIMIT:
            log.warning("acknowledged too late", seconds=round(seconds, 2))
            self._tasks.spawn(self._lost(pending), "tell lost")
        else:
            self._tasks.spawn(self._go_on(pending), "request")

    def unwritten(self, req: AsyncBoltRequest) -> None:
        """Is called when the acknowledgement could not be written."""
        pending: Pending | None = req.context.get(PENDING)
        if pending is not None:
            self._tasks.spawn(self._lost(pending), "tell lost")

    async def _dispatch(self, req: AsyncBoltRequest, body: Mapping[str, Any]) -> BoltResponse:
        kind, event = body.get("type"), body.get("event") or {}
        if "command" in body:
            return await self._slash(req, body)
        if kind == "block_actions":
            return await self._action(req, body)
        if kind == "view_submission":
            return await self._submission(req, body)
        if kind == "event_callback" and event.get("type") == "app_mention":
            return await self._mention(req, body, event)
        return BoltResponse(status=200)  # closed views, and events that nobody asked for

    async def _slash(self, req: AsyncBoltRequest, body: Mapping[str, Any]) -> BoltResponse:
        if body["command"] != (mine := self._command()):
            other = UsageError(
                f"I do not answer to {body['command']}",
                why=f"the configuration says that I am called {mine}",
                hint="Mend `command` in onprem.yaml, or the slash command in the Slack app",
            )
            return _json(self._answers.at_once(failure(other)) or {})
        if not self._deliveries.first(body["trigger_id"]):
            return BoltResponse(status=200)
        asker, known = self._people.known(
            body["team_id"], body["user_id"], body.get("user_name", "")
        )
        admission = await self._engine.admit(
            Incoming(
                body["trigger_id"],
                body.get("text", ""),
                asker,
                origin_of(body),
                self._clock(),
                known,
            )
        )
        if admission.reply is not None and (shown := self._answers.at_once(admission.reply)):
            return _json(shown)
        return self._settle(req, admission)

    async def _mention(
        self, req: AsyncBoltRequest, body: Mapping[str, Any], event: Mapping[str, Any]
    ) -> BoltResponse:
        team, user = body["team_id"], event.get("user", "")
        ours = not user or event.get("bot_id") or event.get("subtype") == "bot_message"
        if ours or not self._deliveries.first(body["event_id"]):
            return BoltResponse(status=200)
        asker, known = self._people.known(team, user, "")
        words = words_of(event.get("text", ""), body.get("authorizations") or ())
        incoming = Incoming(body["event_id"], words, asker, origin_of(body), self._clock(), known)
        return self._settle(req, await self._engine.admit(incoming))

    async def _action(self, req: AsyncBoltRequest, body: Mapping[str, Any]) -> BoltResponse:
        action = body["actions"][0]
        token = str(action.get("value") or "")
        twice = not self._clicks.first(f"{body['user']['id']} {token}")
        if action.get("type") != "button" or not token or twice:
            return BoltResponse(status=200)
        place = origin_of(body)
        ask = str(action.get("action_id", "")).startswith("ask.")
        admission = await self._press(body, token, place, ask=ask)
        kept = {"token": token, "place": place}
        modal: modals.View | None = None
        if admission.ask_typed:
            modal = modals.name_wanted(admission.ask_typed, kept)
        elif admission.form is not None:
            modal = modals.form(admission.form, kept)
        return self._settle(req, admission, body.get("trigger_id", ""), modal)

    async def _submission(self, req: AsyncBoltRequest, body: Mapping[str, Any]) -> BoltResponse:
        view = body["view"]
        kept = json.loads(view.get("private_metadata") or "{}")
        token, place = str(kept.get("token", "")), kept.get("place") or origin_of(body)
        filled = modals.typed(view)
        if view.get("callback_id") == modals.FORM:
            admission = await self._press(body, token, place, answers=filled)
        else:
            admission = await self._press(body, token, place, typed=modals.name_typed(view))
        first = next(iter(filled), "")
        errors = dict(admission.mistakes)
        if admission.reply is not None:
            errors = {first: _line(admission.reply)}
        elif admission.ask_typed:
            errors = {first: f"Type {admission.ask_typed}"}
        if errors:
            return _json({"response_action": "errors", "errors": errors})
        return self._settle(req, admission)

    async def _press(
        self, body: Mapping[str, Any], token: str, place: Mapping[str, Any], **more: Any
    ) -> Admission:
        user = body["user"]
        team = str((body.get("team") or {}).get("id") or user.get("team_id", ""))
        asker, known = self._people.known(team, user["id"], user.get("name", ""))
        origin = {**place, "team": team, "user": user["id"]}
        key = str(body.get("trigger_id") or f"{token}:{self._clock()}")
        return await self._engine.press(
            Press(key, token, asker, origin, self._clock(), known, **more)
        )

    def _settle(
        self,
        req: AsyncBoltRequest,
        admission: Admission,
        trigger: str = "",
        modal: Mapping[str, Any] | None = None,
    ) -> BoltResponse:
        team, user = str(admission.origin["team"]), str(admission.origin["user"])
        req.context[PENDING] = Pending(admission, team, user, trigger, modal)
        return BoltResponse(status=200)

    async def _go_on(self, pending: Pending) -> None:
        admission = pending.admission
        try:
            document = await self._proceed(pending)
        except Exception as error:
            document = failure(translate(error))
        if document is not None:
            await self._answers.private(admission.origin, document)

    async def _proceed(self, pending: Pending) -> Document | None:
        admission = pending.admission
        if admission.duplicate:
            return None
        if pending.modal is not None:
            if await self._answers.ask(pending.trigger, pending.modal):
                if not admission.known:  # so that what is sent back is authorized at once
                    await self._people.fetch(pending.team, pending.user, admission.asker.name)
                return None
            why, hint = "Slack did not open the field", "Press the button again"
            if admission.form is not None:
                hint += f", or type {self._command()} {admission.form.line}"
            return failure(Refused("Nothing was done", why=why, hint=hint))
        if admission.reply is not None:
            return admission.reply
        asker, sure = None, True
        if not admission.known:
            asker, sure = await self._people.fetch(pending.team, pending.user, admission.asker.name)
        answer = await self._engine.proceed(admission, asker)
        if answer is None:
            return None
        denied = not sure and answer.exit_code == 3
        return answer.document + Document.of(Note.of(WHO)) if denied else answer.document

    async def _lost(self, pending: Pending) -> None:
        """What was not acknowledged in time never runs, and the asker is told."""
        admission = pending.admission
        if admission.duplicate:
            return
        await self._engine.lost(admission)
        if admission.reply is not None:
            await self._answers.private(admission.origin, admission.reply)
        elif admission.request is None or admission.press:
            await self._answers.private(admission.origin, failure(TOO_LATE))


def _line(document: Document) -> str:
    return " ".join(plain(document).split())[:250]


def _json(body: Mapping[str, Any]) -> BoltResponse:
    headers: dict[str, str | Sequence[str]] = {"content-type": "application/json; charset=utf-8"}
    return BoltResponse(status=200, body=json.dumps(body), headers=headers)
