"""conversations.*: channels, members, history, direct messages."""

from __future__ import annotations

from sandbox.slack.entities import JSON, Channel, Message
from sandbox.slack.errors import SlackError
from sandbox.slack.methods.base import Call
from sandbox.slack.shapes import message_json

KINDS = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}


def _shown(call: Call, channel: Channel) -> JSON:
    return channel.to_json(call.ws.team_id, member=call.is_member(channel))


async def info(call: Call) -> JSON:
    """conversations.info."""
    channel = call.channel(read=True)
    data = _shown(call, channel)
    if not call.flag("include_num_members"):
        data.pop("num_members", None)
    return {"channel": data}


async def list_all(call: Call) -> JSON:
    """conversations.list: by `types`, private ones only where the bot is a member."""
    kinds = []
    for name in (call.text("types") or "public_channel").split(","):
        if name.strip() not in KINDS:
            raise SlackError("invalid_types")
        kinds.append(KINDS[name.strip()])
        call.need(f"{kinds[-1]}:read")
    found = [
        _shown(call, channel)
        for channel in call.ws.channels.values()
        if channel.kind in kinds
        and (channel.kind == "channels" or call.is_member(channel))
        and not (channel.is_archived and call.flag("exclude_archived"))
    ]
    return call.page(found, "channels", limit=100)


async def members(call: Call) -> JSON:
    """conversations.members."""
    channel = call.channel(read=True)
    return call.page(channel.members, "members", limit=100)


async def join(call: Call) -> JSON:
    """conversations.join: public channels only."""
    channel = call.channel()
    if channel.is_private or channel.is_im:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise SlackError("is_archived")
    bot = call.ws.users[call.ws.app.bot_user]
    already = not call.ws.join(channel, bot)
    return {
        "channel": _shown(call, channel),
        **({"warning": "already_in_channel"} if already else {}),
    }


async def open_im(call: Call) -> JSON:
    """conversations.open: the direct message with one person."""
    names = [name for name in call.text("users").split(",") if name]
    if len(names) != 1:
        raise SlackError("users_list_not_supplied" if not names else "not_enough_users")
    user = call.ws.users.get(names[0])
    if user is None:
        raise SlackError("user_not_found")
    if user.is_bot:
        raise SlackError("cannot_dm_bot")
    channel = call.ws.direct_message(user)
    if call.flag("return_im"):
        return {"channel": _shown(call, channel)}
    return {"channel": {"id": channel.id}}


def _between(call: Call, rows: list[Message]) -> list[Message]:
    oldest, latest = call.text("oldest"), call.text("latest")
    inclusive = call.flag("inclusive")
    kept = []
    for message in rows:
        after = not oldest or message.ts > oldest or (inclusive and message.ts == oldest)
        before = not latest or message.ts < latest or (inclusive and message.ts == latest)
        if after and before:
            kept.append(message)
    return kept


def _most(call: Call, name: str, usual: int) -> int:
    """How many messages one call may read; distributed apps get 15, once a minute."""
    if not call.ws.app.is_distributed:
        return usual
    call.core.limiter.method(f"{name} of a distributed app", 1)
    return 15


async def history(call: Call) -> JSON:
    """conversations.history: newest first, without replies that were not broadcast."""
    channel = call.channel()
    call.need(f"{channel.kind}:history")
    if not call.is_member(channel):
        raise SlackError("not_in_channel")
    most = _most(call, "conversations.history", 999)
    roots = [m for m in channel.messages.values() if not m.is_reply or m.broadcast]
    rows = _between(call, list(reversed(roots)))
    shown = [message_json(call.ws, m, call.core.base_url) for m in rows]
    page = call.page(shown, "messages", limit=100, most=most)
    return {**page, "has_more": bool(page["response_metadata"]["next_cursor"])}


async def replies(call: Call) -> JSON:
    """conversations.replies: the parent and its thread, oldest first."""
    channel = call.channel()
    call.need(f"{channel.kind}:history")
    parent = channel.messages.get(call.text("ts", error="thread_not_found"))
    if parent is None:
        raise SlackError("thread_not_found")
    most = _most(call, "conversations.replies", 1000)
    rows = _between(call, [parent, *call.ws.replies(parent)])
    shown = [message_json(call.ws, m, call.core.base_url) for m in rows]
    page = call.page(shown, "messages", limit=1000, most=most)
    return {**page, "has_more": bool(page["response_metadata"]["next_cursor"])}
