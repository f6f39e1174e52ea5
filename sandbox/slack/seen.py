"""What one person sees, as JSON for the page: state, messages, the modal, live events."""

from __future__ import annotations

from urllib.parse import quote

from sandbox.slack.core import Core
from sandbox.slack.entities import JSON, Channel, Message, User
from sandbox.slack.errors import SlackError
from sandbox.slack.shapes import message_json, view_json


class Seen:
    """Renders the workspace for somebody's eyes only."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._ws = core.workspace

    def people(self) -> list[JSON]:
        """Everybody, for names and for the switch between people."""
        return [
            {
                "id": user.id,
                "name": user.name,
                "real_name": user.real_name,
                "role": user.role,
                "is_bot": user.is_bot or user.id == "USLACKBOT",
                "is_guest": user.is_guest,
                "is_stranger": user.is_stranger,
            }
            for user in self._ws.users.values()
            if not user.deleted
        ]

    def state(self, user: User) -> JSON:
        """Everything but messages."""
        ws = self._ws
        return {
            "team": {"id": ws.team_id, "name": ws.name},
            "me": user.id,
            "bot": ws.app.bot_user,
            "commands": sorted(ws.app.commands),
            "people": self.people(),
            "groups": [{"id": g.id, "handle": g.handle} for g in ws.groups.values()],
            "channels": [self.channel(user, c) for c in self._channels(user)],
            "view": self.view(user),
            "home": self.home(user),
            "connected": self._connected(),
            "seq": self._core.feed.seq,
        }

    def _connected(self) -> bool:
        return bool(self._core.hub.sockets) or self._ws.app.request_url is not None

    def _channels(self, user: User) -> list[Channel]:
        return [c for c in self._ws.channels.values() if self._ws.can_see(user, c)]

    def channel(self, user: User, channel: Channel) -> JSON:
        """One entry of the channel list."""
        return {
            "id": channel.id,
            "name": self._ws.app.name if channel.is_im else channel.name,
            "topic": channel.topic,
            "is_private": channel.is_private,
            "is_im": channel.is_im,
            "is_archived": channel.is_archived,
            "is_shared": channel.is_ext_shared,
            "is_member": user.id in channel.members,
            "has_bot": self._ws.app.bot_user in channel.members,
            "members": len(channel.members),
        }

    def message(self, message: Message) -> JSON:
        """A message with addresses that the page may load."""
        data = message_json(self._ws, message, self._core.base_url)
        for shown in data.get("files", []):
            shown["url"] = f"/sandbox/files/{shown['id']}/{quote(shown['name'])}"
        data["channel"] = message.channel
        if message.ephemeral_to:
            data["ephemeral"] = True
        return data

    def messages(self, user: User, channel: Channel, thread_ts: str | None) -> list[JSON]:
        """A channel's main line, or one thread with its parent."""
        visible = self._ws.visible(user, channel)
        if thread_ts is None:
            kept = [m for m in visible if not m.is_reply or m.broadcast]
        else:
            kept = [m for m in visible if thread_ts in (m.ts, m.thread_ts)]
        return [self.message(m) for m in kept]

    def view(self, user: User) -> JSON | None:
        """The modal on top of this person's screen."""
        view = self._ws.open_modal(user.id)
        if view is None:
            return None
        return {**view_json(self._ws, view), "errors": view.errors}

    def home(self, user: User) -> JSON | None:
        """The app's Home tab as this person sees it."""
        view = self._ws.homes.get(user.id)
        return view_json(self._ws, view) if view else None

    def event(self, user: User, event: JSON) -> JSON | None:
        """A feed event made ready for this person; None if it is not for these eyes."""
        if event.get("user", user.id) != user.id:
            return None
        channel = self._ws.channels.get(event.get("channel", ""))
        if channel and not self._ws.can_see(user, channel):
            return None
        shown = dict(event)
        kind = event["type"]
        if kind in ("message", "message_changed") and channel:
            shown |= self._content(user, channel, event)
        elif kind == "message_deleted" and channel:
            shown["parent"] = self._parent(channel, event)
        elif kind == "view":
            shown["view"] = self.view(user)
        elif kind == "home":
            shown["home"] = self.home(user)
        elif kind == "sockets":
            shown["connected"] = self._connected()
        return shown

    def _content(self, user: User, channel: Channel, event: JSON) -> JSON:
        try:
            message = self._ws.find_message(channel, event["ts"], user.id)
        except SlackError:
            return {"message": None, "parent": None}
        return {"message": self.message(message), "parent": self._parent(channel, event)}

    def _parent(self, channel: Channel, event: JSON) -> JSON | None:
        parent = channel.messages.get(event.get("thread_ts", ""))
        return self.message(parent) if parent and parent.ts != event["ts"] else None
