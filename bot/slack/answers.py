"""What only one person sees: ephemeral messages, and modals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.render import blockkit
from bot.render.document import Document, Note
from bot.slack.delivery import Setback, respond
from bot.slack.refusals import told
from bot.store import outbox

log = structlog.get_logger(__name__)

Queue = Callable[[list[outbox.Draft]], Awaitable[None]]


class Answers:
    """Shows documents to the asker alone.

    They go straight to Slack, because somebody waits. What Slack does not take now, and files,
    go through the outbox.

    Args:
        client: The Web API; it retries when Slack asks to wait.
        session: For answers through a `response_url`, which work in any channel.
        queue: Puts messages into the outbox.
    """

    def __init__(
        self, client: AsyncWebClient, session: aiohttp.ClientSession, queue: Queue
    ) -> None:
        self._client, self._session, self._queue = client, session, queue

    def at_once(self, document: Document) -> dict[str, Any] | None:
        """The document as an acknowledgement's body; None when it is too long for one message."""
        rendered = blockkit.render(document)
        if rendered.files:
            return None
        body = {"text": rendered.text, "blocks": list(rendered.blocks)}
        return {"response_type": "ephemeral", **body}

    async def private(self, origin: Mapping[str, Any], document: Document) -> None:
        """Shows a document to the asker; what is too long for a message comes as a file.

        A file cannot be ephemeral: it goes into the direct messages, unless it is to be shared.
        """
        rendered = blockkit.render(document)
        body = {"text": rendered.text, "blocks": [*rendered.blocks, *_elsewhere(rendered)]}
        user = str(origin.get("user", ""))
        drafts = [
            _draft(
                "file", origin, str(origin.get("channel", "")), {**_place(origin), **_file(file)}
            )
            if file.shared
            else _draft("file", origin, user, {"private": True, "user": user, **_file(file)})
            for file in rendered.files
        ]
        if not await self._show(origin, body):
            more = {
                "user": user,
                "url": str(origin.get("response_url", "")),
                "thread_ts": str(origin.get("private_thread", "")),
            }
            channel = str(origin.get("channel", ""))
            drafts.insert(0, _draft("ephemeral", origin, channel, {**body, **more}))
        if drafts:
            await self._queue(drafts)

    async def ask(self, trigger: str, view: Mapping[str, Any]) -> bool:
        """Opens a modal; False when Slack does not, because its three seconds are over or so."""
        try:
            await self._client.views_open(trigger_id=trigger, view=dict(view))
        except (SlackApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("modal not opened", why=_why(error))
            return False
        return True

    async def _show(self, origin: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
        """Through the response_url, which works everywhere, else as an ephemeral message."""
        try:
            if url := str(origin.get("response_url", "")):
                content = {"response_type": "ephemeral", "replace_original": False, **body}
                if await respond(self._session, url, content):
                    return True
            await self._client.chat_postEphemeral(
                channel=origin["channel"],
                user=origin["user"],
                thread_ts=origin.get("private_thread") or None,
                **body,
            )
        except (Setback, SlackApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("answer goes through the outbox", why=_why(error))
            return False
        return True


def _draft(
    kind: str, origin: Mapping[str, Any], channel: str, payload: Mapping[str, Any]
) -> outbox.Draft:
    return outbox.Draft(
        kind,
        str(origin.get("team", "")),
        channel,
        payload,
        final=True,
        priority=outbox.INTERACTIVE,
    )


def _elsewhere(rendered: blockkit.Rendered) -> tuple[blockkit.Block, ...]:
    """A word about where the files are, unless the message is full already."""
    names = ", ".join(file.name for file in rendered.files if not file.shared)
    if not names or len(rendered.blocks) >= blockkit.BLOCKS:
        return ()
    note = Note.of(f"In your direct messages with this app: {names}.")
    return blockkit.render(Document.of(note)).blocks


def _place(origin: Mapping[str, Any]) -> dict[str, str]:
    """The thread that somebody asked in; and who, for where the bot is not in the channel."""
    return {"thread_ts": str(origin.get("thread", "")), "user": str(origin.get("user", ""))}


def _file(file: blockkit.File) -> dict[str, str]:
    return {"name": file.name, "hex": file.content.hex(), "alt": file.alt}


def _why(error: Exception) -> str:
    if isinstance(error, Setback):
        return error.code
    return told(error)[0] if isinstance(error, SlackApiError) else type(error).__name__
