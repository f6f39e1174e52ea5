"""Answers that do not come through the Web API: ack bodies and `response_url` POSTs."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from sandbox.slack.core import Core
from sandbox.slack.entities import JSON, Message
from sandbox.slack.errors import SlackError
from sandbox.slack.methods.chat import TEXT_MAX, read_content
from sandbox.slack.tokens import ResponseUrl
from sandbox.slack.webapi import cut


class Responses:
    """Turns what the app answers into messages."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[web.RouteDef]:
        """The routes of this part."""
        return [web.post("/response/{secret}", self.handle)]

    async def handle(self, request: web.Request) -> web.Response:
        """A POST to a response URL."""
        if self._core.faults.away:
            return cut(request)
        try:
            body = json.loads(await request.text())
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        if not isinstance(body, dict):
            return web.Response(status=400, text="invalid_payload")
        try:
            self.apply(self._core.response_urls.use(request.match_info["secret"]), body)
        except SlackError as refusal:
            gone = refusal.code in ("invalid_url", "expired_url", "used_url")
            status = 404 if gone else 400
            return web.json_response(refusal.body(), status=status)
        return web.Response(text="ok")

    def apply(self, url: ResponseUrl, body: Any) -> Message | None:
        """Post, replace or delete as an answer says.

        Raises:
            SlackError: what is wrong with its content.
        """
        if isinstance(body, str):
            body = {"text": body}
        ws = self._core.workspace
        channel = ws.channels[url.channel]
        original = self._original(url)
        if body.get("delete_original"):
            if original:
                ws.delete(original)
            return None
        content = read_content(body)
        if body.get("replace_original") and original:
            ws.edit(original, **({"blocks": [], "attachments": []} | content))
            return original
        private = body.get("response_type") != "in_channel"
        message = ws.post(
            channel,
            ws.app.bot_user,
            content.pop("text")[:TEXT_MAX],
            ephemeral_to=url.user if private else None,
            thread_ts=body.get("thread_ts") or url.thread_ts,
            bot_id=ws.app.bot_id,
            app_id=ws.app.id,
            **content,
        )
        if url.original is None:
            url.original = message.ts
        return message

    def _original(self, url: ResponseUrl) -> Message | None:
        if url.original is None:
            return None
        channel = self._core.workspace.channels[url.channel]
        try:
            return self._core.workspace.find_message(channel, url.original, url.user)
        except SlackError:
            return None

    def say(self, user: str, channel: str, text: str, thread_ts: str | None = None) -> None:
        """Let Slackbot tell one person something, as Slack does when an app fails."""
        self._core.workspace.post(
            self._core.workspace.channels[channel],
            "USLACKBOT",
            text,
            ephemeral_to=user,
            thread_ts=thread_ts,
        )


def has_content(body: JSON | None) -> bool:
    """Whether an ack carries something to show."""
    return bool(body) and bool(
        isinstance(body, dict)
        and (body.get("text") or body.get("blocks") or body.get("attachments"))
    )
