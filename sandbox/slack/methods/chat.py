"""chat.*: posting, editing and deleting messages."""

from __future__ import annotations

from typing import Any

from sandbox.slack.blocks import check_attachments, check_message_blocks
from sandbox.slack.entities import JSON, Channel, Message
from sandbox.slack.errors import SlackError
from sandbox.slack.methods.base import Call
from sandbox.slack.shapes import message_json, permalink

TEXT_MAX = 40_000
UPDATE_TEXT_MAX = 4_000


def read_content(args: JSON) -> JSON:
    """The validated `text`, `blocks` and `attachments` of a message to be.

    Raises:
        SlackError: `no_text` when there is nothing to show, or whatever is wrong with the blocks.
    """
    content: JSON = {"text": str(args.get("text") or "")}
    if args.get("blocks") not in (None, ""):
        content["blocks"] = check_message_blocks(args["blocks"])
    if args.get("attachments") not in (None, ""):
        content["attachments"] = check_attachments(args["attachments"])
    if args.get("markdown_text"):
        content["text"] = str(args["markdown_text"])
    if not any(content.values()):
        raise SlackError("no_text")
    return content


async def post_message(call: Call) -> JSON:
    """chat.postMessage: to a channel the bot is in, a thread, or a person's direct message."""
    channel = _target(call)
    if not call.is_member(channel) and "chat:write.public" not in call.ws.app.scopes:
        raise SlackError("not_in_channel")
    if channel.is_archived:
        raise SlackError("is_archived")
    content = read_content(call.args)
    warning: JSON = {}
    if len(content["text"]) > TEXT_MAX:
        content["text"] = content["text"][:TEXT_MAX]
        warning = {
            "warning": "message_truncated",
            "response_metadata": {"warnings": ["message_truncated"]},
        }
    thread_ts = _thread(call, channel)
    call.core.limiter.post(channel.id)
    message = call.ws.post(
        channel,
        call.ws.app.bot_user,
        content.pop("text"),
        thread_ts=thread_ts,
        broadcast=bool(thread_ts) and call.flag("reply_broadcast"),
        metadata=call.json("metadata"),
        **_by_app(call),
        **content,
    )
    shown = message_json(call.ws, message, call.core.base_url)
    return {"channel": channel.id, "ts": message.ts, "message": shown, **warning}


def _target(call: Call) -> Channel:
    """The place to post to: an id, a #name, or a person."""
    where = call.text("channel", error="channel_not_found")
    if where in call.ws.users:
        return call.ws.direct_message(call.ws.users[where])
    if where not in call.ws.channels:
        try:
            call.args["channel"] = call.ws.channel(where).id
        except LookupError:
            raise SlackError("channel_not_found") from None
    return call.channel()


def _thread(call: Call, channel: Channel) -> str | None:
    """The parent's timestamp; that of a reply stands for its parent."""
    given = call.args.get("thread_ts")
    if given in (None, ""):
        return None
    if not isinstance(given, str):
        raise SlackError("invalid_thread_ts")
    parent = channel.messages.get(given)
    if parent is None:
        raise SlackError("thread_not_found")
    return parent.thread_ts if parent.is_reply else parent.ts


def _by_app(call: Call) -> JSON:
    return {"bot_id": call.ws.app.bot_id, "app_id": call.ws.app.id}


def _own_message(call: Call, refusal: str) -> Message:
    channel = call.channel()
    message = channel.messages.get(call.text("ts", error="message_not_found"))
    if message is None:
        raise SlackError("message_not_found")
    if message.user != call.ws.app.bot_user:
        raise SlackError(refusal)
    if channel.is_archived:
        raise SlackError("is_archived")
    return message


async def update(call: Call) -> JSON:
    """chat.update: own messages only. Text without blocks removes the blocks."""
    message = _own_message(call, "cant_update_message")
    window = call.ws.edit_window
    if window is not None and call.core.clock.now() - float(message.ts) > window:
        raise SlackError("edit_window_closed")
    content = read_content(call.args)
    if len(content["text"]) > UPDATE_TEXT_MAX:
        raise SlackError("msg_too_long")
    if "blocks" not in content and call.args.get("text"):
        content["blocks"] = []
    call.ws.edit(message, **content)
    shown = message_json(call.ws, message, call.core.base_url)
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": shown}


async def delete(call: Call) -> JSON:
    """chat.delete: own messages only."""
    message = _own_message(call, "cant_delete_message")
    call.ws.delete(message)
    return {"channel": message.channel, "ts": message.ts}


async def post_ephemeral(call: Call) -> JSON:
    """chat.postEphemeral: to one person who is in the channel."""
    channel = call.channel()
    if not call.is_member(channel):
        raise SlackError("not_in_channel")
    if channel.is_archived:
        raise SlackError("is_archived")
    person = call.ws.users.get(call.text("user", error="user_not_in_channel"))
    if person is None or person.id not in channel.members:
        raise SlackError("user_not_in_channel")
    content = read_content(call.args)
    message = post_private(call, channel, person.id, content, _thread(call, channel))
    return {"message_ts": message.ts}


def post_private(
    call: Call, channel: Channel, person: str, content: dict[str, Any], thread_ts: str | None
) -> Message:
    """Show checked content to one person."""
    text = content.pop("text")[:TEXT_MAX]
    return call.ws.post(
        channel,
        call.ws.app.bot_user,
        text,
        ephemeral_to=person,
        thread_ts=thread_ts,
        **_by_app(call),
        **content,
    )


async def get_permalink(call: Call) -> JSON:
    """chat.getPermalink."""
    channel = call.channel()
    message = channel.messages.get(call.text("message_ts", error="message_not_found"))
    if message is None:
        raise SlackError("message_not_found")
    return {"channel": channel.id, "permalink": permalink(call.ws, message)}
