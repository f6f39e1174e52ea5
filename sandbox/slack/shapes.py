"""The JSON in which Slack shows things: messages, files, views, and the payloads it sends.

Field names follow docs.slack.dev/reference and what slack_bolt reads.
"""

from __future__ import annotations

import secrets
from urllib.parse import quote

from sandbox.slack.entities import JSON, Channel, File, Message, User, View
from sandbox.slack.model import Workspace


def message_json(ws: Workspace, message: Message, base_url: str) -> JSON:
    """A message as the Web API and payloads carry it."""
    optional: JSON = {
        "bot_id": message.bot_id,
        "app_id": message.app_id,
        "blocks": message.blocks,
        "attachments": message.attachments,
        "edited": message.edited_ts and {"user": message.user, "ts": message.edited_ts},
        "metadata": message.metadata,
        "thread_ts": message.thread_ts,
        "subtype": message.broadcast and "thread_broadcast",
        "files": [file_json(ws, ws.files[f], base_url) for f in message.files],
        "reactions": [
            {"name": name, "users": users, "count": len(users)}
            for name, users in message.reactions.items()
        ],
    }
    data: JSON = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "team": ws.team_id,
        **{key: value for key, value in optional.items() if value},
    }
    if not message.is_reply and not message.ephemeral_to and (replies := ws.replies(message)):
        data |= {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "reply_users": list(dict.fromkeys(r.user for r in replies)),
            "latest_reply": replies[-1].ts,
        }
    return data


def file_json(ws: Workspace, file: File, base_url: str) -> JSON:
    """The file object; `shares` is empty until the share has happened."""
    link = f"{base_url}/files-pri/{file.id}/{quote(file.name)}"
    shares: JSON = {}
    for channel_id, ts, thread_ts in file.shares:
        channel = ws.channels[channel_id]
        kind = "private" if channel.is_private or channel.is_im else "public"
        entry: JSON = {"ts": ts, "channel_name": channel.name, "team_id": ws.team_id}
        if thread_ts:
            entry["thread_ts"] = thread_ts
        shares.setdefault(kind, {}).setdefault(channel_id, []).append(entry)
    return {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": file.mimetype,
        "filetype": file.name.rpartition(".")[2] or "binary",
        "user": file.user,
        "user_team": ws.team_id,
        "size": len(file.content),
        "mode": "hosted",
        "is_external": False,
        "is_public": bool(shares.get("public")),
        "alt_txt": file.alt_txt,
        "url_private": link,
        "url_private_download": link,
        "permalink": f"https://{ws.domain}.slack.example/files/{file.user}/{file.id}",
        "shares": shares,
    }


def view_json(ws: Workspace, view: View) -> JSON:
    """The view object with Slack's own fields around what the app sent."""
    given = view.payload
    return {
        "clear_on_close": False,
        "notify_on_close": False,
        "close": None,
        "submit": None,
        "callback_id": "",
        "external_id": "",
        "private_metadata": "",
        "title": None,
        **given,
        "id": view.id,
        "team_id": ws.team_id,
        "app_id": ws.app.id,
        "app_installed_team_id": ws.team_id,
        "bot_id": ws.app.bot_id,
        "hash": view.hash,
        "root_view_id": view.root_id,
        "previous_view_id": view.previous_id,
        "state": {"values": view.state},
    }


def permalink(ws: Workspace, message: Message) -> str:
    """The web address of a message."""
    link = f"https://{ws.domain}.slack.example/archives/{message.channel}/p"
    link += message.ts.replace(".", "")
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={message.channel}"
    return link


def channel_name(channel: Channel) -> str:
    """The name that payloads carry: Slack hides those of private conversations."""
    if channel.is_im:
        return "directmessage"
    return "privategroup" if channel.is_private else channel.name


def slash_payload(
    ws: Workspace, user: User, channel: Channel, command: str, text: str, keys: JSON
) -> JSON:
    """The form of a slash command (all values are strings)."""
    return {
        "token": ws.app.verification_token,
        "team_id": user.team_id,
        "team_domain": ws.domain,
        "channel_id": channel.id,
        "channel_name": channel_name(channel),
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": ws.app.id,
        "is_enterprise_install": "false",
        **keys,
    }


def _interaction(ws: Workspace, user: User, kind: str) -> JSON:
    return {
        "type": kind,
        "user": {
            "id": user.id,
            "username": user.name,
            "name": user.name,
            "team_id": user.team_id,
        },
        "api_app_id": ws.app.id,
        "token": ws.app.verification_token,
        "team": {"id": ws.team_id, "domain": ws.domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def message_actions(
    ws: Workspace, user: User, message: Message, action: JSON, keys: JSON, base_url: str
) -> JSON:
    """`block_actions` for something clicked in a message; ephemerals come without `message`."""
    channel = ws.channels[message.channel]
    container: JSON = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": bool(message.ephemeral_to),
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    payload = _interaction(ws, user, "block_actions")
    payload |= {
        "container": container,
        "channel": {"id": channel.id, "name": channel_name(channel)},
        "state": {"values": {}},
        "actions": [action],
        **keys,
    }
    if not message.ephemeral_to:
        payload["message"] = message_json(ws, message, base_url)
    return payload


def view_actions(ws: Workspace, user: User, view: View, action: JSON, trigger_id: str) -> JSON:
    """`block_actions` for something used inside a modal or Home tab."""
    payload = _interaction(ws, user, "block_actions")
    return payload | {
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": trigger_id,
        "view": view_json(ws, view),
        "actions": [action],
    }


def view_submission(ws: Workspace, user: User, view: View, trigger_id: str) -> JSON:
    """A submitted modal."""
    payload = _interaction(ws, user, "view_submission")
    return payload | {
        "trigger_id": trigger_id,
        "view": view_json(ws, view),
        "response_urls": [],
    }


def view_closed(ws: Workspace, user: User, view: View, *, cleared: bool) -> JSON:
    """A modal that was dismissed; sent when it asked for `notify_on_close`."""
    payload = _interaction(ws, user, "view_closed")
    return payload | {"view": view_json(ws, view), "is_cleared": cleared}


def event_callback(ws: Workspace, event: JSON) -> JSON:
    """An Events API body around one event."""
    return {
        "token": ws.app.verification_token,
        "team_id": ws.team_id,
        "context_team_id": ws.team_id,
        "context_enterprise_id": None,
        "api_app_id": ws.app.id,
        "event": event,
        "type": "event_callback",
        "event_id": "Ev0" + secrets.token_hex(5).upper(),
        "event_time": int(ws.clock.now()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": ws.team_id,
                "user_id": ws.app.bot_user,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": "4-" + secrets.token_hex(12),
    }
