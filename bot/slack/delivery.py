"""One message of the outbox → one call of the Web API, and what it means when that fails."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.refusals import told
from bot.store import messages, outbox
from bot.store.db import Store

ASKED = "You asked in <#{channel}>, where I cannot answer."
INVITE = "I am not in this channel. Invite me with `/invite` to let everybody here see changes."


class Kind(enum.Enum):
    """What went wrong, as far as it decides what to do next."""

    LIMITED = "too many calls"
    AWAY = "Slack was not reached"
    BARRED = "Slack refuses the bot itself"
    OUTSIDE = "the bot or the person is not in that place"
    GONE = "the message cannot be edited"
    THREAD = "the thread is gone"
    CONTENT = "the content is refused"
    NEVER = "asking again would not help"
    OTHER = "anything else"


_KINDS = {
    Kind.LIMITED: ("ratelimited", "rate_limited"),
    Kind.AWAY: ("internal_error", "fatal_error", "service_unavailable", "request_timeout"),
    Kind.BARRED: (
        *("token_revoked", "invalid_auth", "not_authed", "account_inactive", "token_expired"),
        *("team_access_not_granted", "ekm_access_denied"),
    ),
    Kind.OUTSIDE: (
        *("not_in_channel", "channel_not_found", "is_archived", "user_not_in_channel"),
        *("user_not_found", "restricted_action", "cannot_dm_bot", "messages_tab_disabled"),
    ),
    Kind.GONE: ("message_not_found", "edit_window_closed", "cant_update_message"),
    Kind.THREAD: ("thread_not_found", "invalid_thread_ts", "cannot_reply_to_message"),
    Kind.CONTENT: (
        *("invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"),
        *("no_text", "invalid_attachments", "too_many_attachments"),
    ),
    Kind.NEVER: (
        *("missing_scope", "not_allowed_token_type", "unknown_method", "method_deprecated"),
        *("invalid_arguments", "file_too_large", "storage_limit_reached"),
    ),
}
_BY_CODE = {code: kind for kind, codes in _KINDS.items() for code in codes}


class Setback(Exception):
    """A message did not go.

    Attributes:
        seconds: How long Slack wants to be left alone, for LIMITED.
    """

    def __init__(self, kind: Kind, code: str, seconds: float = 0.0) -> None:
        super().__init__(code)
        self.kind, self.code, self.seconds = kind, code, seconds


class Delivery:
    """Calls Slack for rows of the outbox.

    Args:
        store: Knows where posted messages are.
        client: The Web API, without any retries: an outbox that retries is enough.
        session: For `response_url`s.
    """

    def __init__(
        self, store: Store, client: AsyncWebClient, session: aiohttp.ClientSession
    ) -> None:
        self._store, self._client, self._session = store, client, session

    async def deliver(self, entry: outbox.Entry) -> str:
        """Sends a message and returns its ts, empty when it has none.

        Raises:
            Setback: It did not go.
        """
        try:
            return await self._deliver(entry)
        except SlackApiError as error:
            raise _setback(error) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Setback(Kind.AWAY, type(error).__name__) from error

    async def aside(self, entry: outbox.Entry, code: str) -> bool:
        """Shows a message to the asker alone, where it could not be posted, if there is a way.

        Nobody looks into an archived channel any more.

        Raises:
            Setback: Slack was not reached.
        """
        url = str(entry.payload.get("url") or "")
        if not url or entry.kind == "file" or code == "is_archived":
            return False
        invited = code in ("not_in_channel", "channel_not_found")
        note = {"type": "context", "elements": [{"type": "mrkdwn", "text": INVITE}]}
        body = {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": entry.payload.get("text", ""),
            "blocks": [*(entry.payload.get("blocks") or [])[:49], *([note] if invited else [])],
        }
        if not body["blocks"]:
            del body["blocks"]
        return await respond(self._session, url, body)

    async def room(self, entry: outbox.Entry) -> str:
        """The direct messages with whoever an answer is for; empty when there are none.

        Raises:
            Setback: Slack was not reached, or asks to wait.
        """
        user = str(entry.payload.get("user") or "")
        if not user or entry.kind == "file":  # a file finds its way there by itself
            return ""
        try:
            return await self._direct(user)
        except SlackApiError as error:
            setback = _setback(error)
            if setback.kind in (Kind.LIMITED, Kind.AWAY, Kind.BARRED):
                raise setback from error
            return ""
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Setback(Kind.AWAY, type(error).__name__) from error

    async def _deliver(self, entry: outbox.Entry) -> str:
        payload = entry.payload
        body = {"text": payload.get("text", ""), "blocks": payload.get("blocks")}
        thread = payload.get("thread_ts") or None
        if entry.kind == "update":
            return await self._update(entry, body)
        if entry.kind == "ephemeral":
            await self._client.chat_postEphemeral(
                channel=entry.channel, user=payload["user"], thread_ts=thread, **body
            )
            return ""
        if entry.thread_key and not thread:
            root = await self._store.read(lambda db: messages.get(db, entry.thread_key))
            thread = root.ts if root else None
        if entry.kind == "file":
            await self._upload(entry, thread)
            return ""
        answer = await self._client.chat_postMessage(
            channel=entry.channel, thread_ts=thread, unfurl_links=False, unfurl_media=False, **body
        )
        return str(answer["ts"])

    async def _update(self, entry: outbox.Entry, body: Mapping[str, Any]) -> str:
        handle = await self._store.read(lambda db: messages.get(db, entry.message_key))
        if handle is not None:
            await self._client.chat_update(channel=handle.channel, ts=handle.ts, **body)
            return handle.ts
        if entry.final:  # its post could not be made; the outcome still goes to the asker
            raise Setback(Kind.OUTSIDE, "not_in_channel")
        return ""

    async def _upload(self, entry: outbox.Entry, thread: str | None) -> None:
        """Three steps. A file cannot be ephemeral: a private one goes into the direct messages."""
        payload, channel = entry.payload, entry.channel
        try:
            if payload.get("private"):
                channel, thread = await self._direct(payload["user"]), None
            await self._send_file(payload, channel, thread)
        except SlackApiError as error:
            outside = _setback(error).kind is Kind.OUTSIDE and not payload.get("private")
            if not outside or not payload.get("user"):
                raise
            await self._send_file(payload, await self._direct(payload["user"]), None)

    async def _send_file(
        self, payload: Mapping[str, Any], channel: str, thread: str | None
    ) -> None:
        await self._client.files_upload_v2(
            channel=channel,
            thread_ts=thread,
            filename=payload["name"],
            title=payload["name"],
            content=bytes.fromhex(payload["hex"]),
            alt_txt=payload.get("alt") or None,
        )

    async def _direct(self, user: str) -> str:
        room = await self._client.conversations_open(users=[user])
        return str(room["channel"]["id"])


async def respond(session: aiohttp.ClientSession, url: str, body: Mapping[str, Any]) -> bool:
    """Posts to a `response_url`; False when it is used up, expired or refuses the content.

    Raises:
        Setback: Slack was not reached.
    """
    try:
        async with session.post(url, json=body) as answer:
            if answer.status == 429 or answer.status >= 500:
                raise Setback(Kind.AWAY, f"HTTP {answer.status}")
            return answer.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Setback(Kind.AWAY, type(error).__name__) from error


def _setback(error: SlackApiError) -> Setback:
    code, status, seconds = told(error)
    if status == 429 or code in _KINDS[Kind.LIMITED]:
        return Setback(Kind.LIMITED, "429", seconds)
    if status >= 500:
        return Setback(Kind.AWAY, code)
    return Setback(_BY_CODE.get(code, Kind.OTHER), code)
