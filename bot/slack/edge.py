"""Payloads in, acknowledgements out.

Everything that must be settled before Slack's three seconds are over happens in one Bolt
middleware. Bolt's own listeners would be polled for their `ack` every 10 ms, and each payload of a
burst would add its polling to the load; a middleware that returns the response does not.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.engine import Admission, Engine, Incoming, Press
from bot.render.document import Document
from bot.slack.answers import Answers
from bot.slack.people import People
from bot.tasks import Tasks

log = structlog.get_logger(__name__)

ACK_LIMIT = 2.5
PENDING = "onprem_pending"


@dataclass(frozen=True, slots=True)
class Pending:
    """What goes on once the acknowledgement has been written."""

    admission: Admission
    team: str
    user: str
    name: str
    trigger: str
    modal: Mapping[str, Any] | None = None


class Edge:
    """Turns payloads into requests and presses.

    Args:
        engine: Admits and goes on.
        people: Knows the askers.
        answers: Shows things to one person.
        command: The slash command's name, `/onprem`.
        clock: Microseconds UTC.
        tasks: Own what goes on after the acknowledgement.
    """

    def __init__(
        self,
        engine: Engine,
        people: People,
        answers: Answers,
        command: Callable[[], str],
        clock: Callable[[], int],
        tasks: Tasks,
    ) -> None:
        self._engine, self._people, self._answers = engine, people, answers
        self._command, self._clock, self._tasks = command, clock, tasks

    async def middleware(
        self, req: AsyncBoltRequest, next: Callable[[], Awaitable[None]]
    ) -> BoltResponse | None:
        """Takes the payloads that are ours; Bolt goes on with the others."""
        body = req.body
        kind = body.get("type")
        if body.get("command") == self._command():
            return await self._slash(req, body)
        if kind == "block_actions":
            return await self._action(req, body)
        if kind == "view_submission":
            return await self._submission(req, body)
        event = body.get("event") or {}
        if kind == "event_callback" and event.get("type") == "app_mention":
            return await self._mention(req, body, event)
        if kind in ("event_callback", "view_closed"):
            return BoltResponse(status=200)
        await next()
        return None

    def written(self, req: AsyncBoltRequest, seconds: float) -> None:
        """Is called when the acknowledgement is on the wire, with the time it took since arrival.

        Too late is never: Slack has told the person that it failed.
        """
        pending: Pending | None = req.context.get(PENDING)
        if pending is None:
            return
        if seconds > ACK_LIMIT:
            log.warning("acknowledged too late", seconds=round(seconds, 2))
            self._tasks.spawn(self._engine.lost(pending.admission), "tell lost")
        else:
            self._tasks.spawn(self._go_on(pending), "request")

    def unwritten(self, req: AsyncBoltRequest) -> None:
        """Is called when the acknowledgement could not be written."""
        pending: Pending | None = req.context.get(PENDING)
        if pending is not None:
            self._tasks.spawn(self._engine.lost(pending.admission), "tell lost")

    async def _slash(self, req: AsyncBoltRequest, body: Mapping[str, Any]) -> BoltResponse:
        team, user = body["team_id"], body["user_id"]
        asker, known = self._people.known(team, user, body.get("user_name", ""))
        origin = {
            "kind": "slack",
            "team": team,
            "channel": body["channel_id"],
            "user": user,
            "response_url": body.get("response_url", ""),
        }
        incoming = Incoming(
            body["trigger_id"], body.get("text", ""), asker, origin, self._clock(), known
        )
        admission = await self._engine.admit(incoming)
        return self._settle(req, admission, body, asker.name)

    async def _mention(
        self, req: AsyncBoltRequest, body: Mapping[str, Any], event: Mapping[str, Any]
    ) -> BoltResponse:
        team, user = body["team_id"], event.get("user", "")
        if not user or event.get("bot_id"):
            return BoltResponse(status=200)
        asker, known = self._people.known(team, user, "")
        origin = {
            "kind": "slack",
            "team": team,
            "channel": event["channel"],
            "user": user,
            "thread": event.get("thread_ts") or event["ts"],
        }
        words = event.get("text", "").partition(">")[2].strip()
        incoming = Incoming(body["event_id"], words, asker, origin, self._clock(), known)
        admission = await self._engine.admit(incoming)
        req.context[PENDING] = Pending(admission, team, user, asker.name, "")
        return BoltResponse(status=200)

    async def _action(self, req: AsyncBoltRequest, body: Mapping[str, Any]) -> BoltResponse:
        action = body["actions"][0]
        if action.get("type") != "button" or not action.get("value"):
            return BoltResponse(status=200)
        admission = await self._press(body, action["value"], "", _place(body))
        modal = None
        if admission.ask_typed:
            modal = {"token": action["value"], **_place(body)}
        return self._settle(req, admission, body, "", modal=modal)

    async def _submission(self, req: AsyncBoltRequest, body: Mapping[str, Any]) -> BoltResponse:
        view = body["view"]
        place = json.loads(view.get("private_metadata") or "{}")
        values = view.get("state", {}).get("values", {})
        typed = ((values.get("name") or {}).get("name") or {}).get("value") or ""
        admission = await self._press(body, place.pop("token", ""), typed.strip(), place)
        if admission.reply is not None:
            errors = {"response_action": "errors", "errors": {"name": _line(admission.reply)}}
            return _json(errors)
        return self._settle(req, admission, body, "")

    async def _press(
        self, body: Mapping[str, Any], token: str, typed: str, place: Mapping[str, Any]
    ) -> Admission:
        team = (body.get("team") or {}).get("id") or body["user"].get("team_id", "")
        user = body["user"]["id"]
        asker, known = self._people.known(team, user, body["user"].get("name", ""))
        origin = {"kind": "slack", "team": team, "user": user, **place}
        key = body.get("trigger_id") or f"{token}:{body.get('hash', '')}"
        return await self._engine.press(
            Press(key, token, asker, origin, self._clock(), known, typed)
        )

    def _settle(
        self,
        req: AsyncBoltRequest,
        admission: Admission,
        body: Mapping[str, Any],
        name: str,
        modal: Mapping[str, Any] | None = None,
    ) -> BoltResponse:
        user = body.get("user_id") or body["user"]["id"]
        team = body.get("team_id") or (body.get("team") or {}).get("id", "")
        trigger = body.get("trigger_id", "")
        if admission.reply is not None and "command" in body:
            return _json({"response_type": "ephemeral", **self._answers.message(admission.reply)})
        req.context[PENDING] = Pending(admission, team, user, name, trigger, modal)
        return BoltResponse(status=200)

    async def _go_on(self, pending: Pending) -> None:
        admission = pending.admission
        if admission.duplicate:
            return
        if pending.modal is not None:
            await self._answers.ask(pending.trigger, admission.ask_typed, pending.modal)
            return
        if admission.reply is not None:
            await self._answers.private(admission.origin, admission.reply)
            return
        asker = None
        if not admission.known:
            asker = await self._people.fetch(pending.team, pending.user, pending.name)
        answer = await self._engine.proceed(admission, asker)
        if answer is not None:
            await self._answers.private(admission.origin, answer.document)


def _place(body: Mapping[str, Any]) -> dict[str, Any]:
    container = body.get("container") or {}
    message = body.get("message") or {}
    place = {
        "channel": container.get("channel_id") or (body.get("channel") or {}).get("id", ""),
        "message": container.get("message_ts", ""),
        "response_url": body.get("response_url", ""),
    }
    if message.get("thread_ts"):
        place["thread"] = message["thread_ts"]
    return place


def _line(document: Document) -> str:
    from bot.render.terminal import plain

    return " ".join(plain(document).split())[:150]


def _json(body: Mapping[str, Any]) -> BoltResponse:
    headers: dict[str, str | Sequence[str]] = {"content-type": "application/json; charset=utf-8"}
    return BoltResponse(status=200, body=json.dumps(body), headers=headers)
