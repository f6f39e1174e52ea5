"""What only one person sees: ephemeral messages, and the field for a typed name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.render import blockkit
from bot.render.document import Document

log = structlog.get_logger(__name__)

INVITE = "I am not in this channel. Invite me with `/invite` to let everybody here see changes."


class Answers:
    """Shows documents to the asker alone.

    Args:
        client: The Web API; it retries when Slack asks to wait.
        session: For answers through a `response_url`, which work in any channel.
    """

    def __init__(self, client: AsyncWebClient, session: aiohttp.ClientSession) -> None:
        self._client, self._session = client, session

    def message(self, document: Document) -> dict[str, Any]:
        """The text and blocks of a document."""
        rendered = blockkit.render(document)
        return {"text": rendered.text, "blocks": list(rendered.blocks)}

    async def private(self, origin: Mapping[str, Any], document: Document) -> None:
        """Shows a document to the asker; what is too long for a message comes as a file."""
        rendered = blockkit.render(document)
        body = {"text": rendered.text, "blocks": list(rendered.blocks)}
        if not await self._respond(str(origin.get("response_url", "")), body):
            await self._ephemeral(origin, body)
        for file in rendered.files:
            await self._file(origin, file)

    async def ask(self, trigger: str, name: str, place: Mapping[str, Any]) -> None:
        """Opens the one-field modal in which a name must be typed."""
        field = {
            "type": "input",
            "block_id": "name",
            "label": {"type": "plain_text", "text": f"Type {name} to go on"[:2000]},
            "element": {
                "type": "plain_text_input",
                "action_id": "name",
                "focus_on_load": True,
                "placeholder": {"type": "plain_text", "text": name[:150]},
            },
        }
        view = {
            "type": "modal",
            "callback_id": "onprem_type_name",
            "title": {"type": "plain_text", "text": "Are you sure?"},
            "submit": {"type": "plain_text", "text": "Go on"},
            "close": {"type": "plain_text", "text": "Leave it"},
            "private_metadata": json.dumps(dict(place)),
            "blocks": [field],
        }
        try:
            await self._client.views_open(trigger_id=trigger, view=view)
        except SlackApiError as error:
            log.warning("field not opened", why=str(error.response.get("error")))

    async def _respond(self, url: str, body: Mapping[str, Any]) -> bool:
        if not url:
            return False
        content = {"response_type": "ephemeral", "replace_original": False, **body}
        try:
            async with self._session.post(url, json=content) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _ephemeral(self, origin: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        try:
            await self._client.chat_postEphemeral(
                channel=origin["channel"],
                user=origin["user"],
                thread_ts=origin.get("thread"),
                **body,
            )
        except SlackApiError as error:
            log.warning("answer not shown", why=str(error.response.get("error")))

    async def _file(self, origin: Mapping[str, Any], file: blockkit.File) -> None:
        """A file cannot be ephemeral, so that a private one goes into the direct messages."""
        try:
            room = await self._client.conversations_open(users=[origin["user"]])
            await self._client.files_upload_v2(
                channel=room["channel"]["id"],
                filename=file.name,
                content=file.content,
                alt_txt=file.alt or None,
            )
        except SlackApiError as error:
            log.warning("file not sent", file=file.name, why=str(error.response.get("error")))
