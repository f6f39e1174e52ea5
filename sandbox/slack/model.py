"""The workspace: who and what there is, and the rules that hold between them."""

from __future__ import annotations

import itertools
from typing import Any

from sandbox.slack.clock import Clock, SystemClock
from sandbox.slack.entities import JSON, App, Channel, File, Group, Message, User, View
from sandbox.slack.errors import SlackError
from sandbox.slack.feed import Feed

SLACKBOT = "USLACKBOT"


class Workspace:
    """One Slack workspace with one app installed. All state is in memory."""

    def __init__(
        self,
        name: str = "Acme",
        *,
        clock: Clock | None = None,
        team_id: str = "T0ACME001",
        domain: str = "acme",
        app_name: str = "onprem",
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.name, self.team_id, self.domain = name, team_id, domain
        self.feed = Feed()
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.modals: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self.edit_window: float | None = None
        """How long messages may be edited, in seconds; None: for ever (a workspace setting)."""
        self._counter = itertools.count(1)
        self._last_us = 0
        self.users[SLACKBOT] = User(SLACKBOT, "slackbot", "Slackbot", team_id)
        bot_id = self.new_id("B")
        bot = self.add_user(app_name, real_name=app_name, is_bot=True, bot_id=bot_id)
        self.app = App(self.new_id("A"), app_name, bot.id, bot_id)

    # -- identities ---------------------------------------------------------------------------

    def new_id(self, prefix: str) -> str:
        """A fresh id such as U0000000A; the same sequence in every new workspace."""
        number, digits = next(self._counter) * 7919, ""
        while number:
            number, rest = divmod(number, 36)
            digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rest] + digits
        return f"{prefix}0{digits.rjust(8, '0')}"

    def new_ts(self) -> str:
        """A message timestamp: the time in microseconds, never used twice."""
        self._last_us = max(self._last_us + 1, int(self.clock.now() * 1_000_000))
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"

    # -- people and groups --------------------------------------------------------------------

    def add_user(self, name: str, *, real_name: str = "", **fields: Any) -> User:
        """Add a person; everybody but guests, strangers and bots joins #general if there is one."""
        fields.setdefault("team_id", self.team_id)
        fields.setdefault("email", "" if fields.get("is_bot") else f"{name}@example.com")
        user = User(self.new_id("U"), name, real_name or name.title(), **fields)
        self.users[user.id] = user
        return user

    def person(self, who: str | User) -> User:
        """Find somebody by id, name, @name or object.

        Raises:
            LookupError: nobody is called that.
        """
        if isinstance(who, User):
            return who
        key = who.removeprefix("@")
        for user in self.users.values():
            if key in (user.id, user.name):
                return user
        names = ", ".join(sorted(u.name for u in self.users.values()))
        raise LookupError(f"nobody here is called {who!r}; there are: {names}")

    def add_group(self, handle: str, name: str, members: list[str | User]) -> Group:
        """Add a user group with these members."""
        group = Group(self.new_id("S"), handle, name, [self.person(m).id for m in members])
        self.groups[group.id] = group
        return group

    # -- channels -----------------------------------------------------------------------------

    def add_channel(
        self, name: str, members: list[str | User], *, bot: bool = True, **fields: Any
    ) -> Channel:
        """Add a channel; `bot` says whether the app's bot is a member."""
        ids = [self.person(m).id for m in members]
        if bot:
            ids.append(self.app.bot_user)
        creator = ids[0] if ids else SLACKBOT
        made = int(self.clock.now())
        channel = Channel(self.new_id("C"), name, made, creator, members=ids, **fields)
        self.channels[channel.id] = channel
        self.feed.publish("channel_created", channel=channel.id)
        return channel

    def channel(self, which: str | Channel) -> Channel:
        """Find a channel by id, name, #name or object.

        Raises:
            LookupError: there is none.
        """
        if isinstance(which, Channel):
            return which
        key = which.removeprefix("#")
        for channel in self.channels.values():
            if key == channel.id or (key == channel.name and not channel.is_im):
                return channel
        names = ", ".join(sorted(c.name for c in self.channels.values() if not c.is_im))
        raise LookupError(f"there is no channel {which!r}; there are: {names}")

    def direct_message(self, user: User, *, create: bool = True) -> Channel:
        """The direct message between the bot and a person.

        Raises:
            SlackError: `channel_not_found` when there is none and `create` is false.
        """
        for channel in self.channels.values():
            if channel.user == user.id:
                return channel
        if not create:
            raise SlackError("channel_not_found")
        made = int(self.clock.now())
        channel = Channel(self.new_id("D"), "directmessage", made, user.id, user=user.id)
        channel.members = [user.id, self.app.bot_user]
        self.channels[channel.id] = channel
        self.feed.publish("channel_created", channel=channel.id)
        return channel

    def join(self, channel: Channel, user: User) -> bool:
        """Add somebody to a channel; false if already there."""
        if user.id in channel.members:
            return False
        channel.members.append(user.id)
        self.feed.publish("member_joined", channel=channel.id, member=user.id)
        return True

    def can_see(self, user: User, channel: Channel) -> bool:
        """Whether a channel is in reach of this person: a member, or anybody for public ones."""
        if user.id in channel.members:
            return True
        outside = user.is_guest or user.is_stranger or channel.is_private or channel.is_im
        return not outside

    # -- messages -----------------------------------------------------------------------------

    def post(self, channel: Channel, user: str, text: str, **fields: Any) -> Message:
        """Put a message into a channel, its thread, or before one pair of eyes."""
        message = Message(channel.id, self.new_ts(), user, text, **fields)
        if message.ephemeral_to:
            channel.ephemerals[message.ts] = message
        else:
            channel.messages[message.ts] = message
            if message.is_reply and message.thread_ts:
                channel.threads.setdefault(message.thread_ts, []).append(message.ts)
        self._announce("message", message)
        return message

    def edit(self, message: Message, **fields: Any) -> None:
        """Change a message in place and mark it edited."""
        for key, value in fields.items():
            setattr(message, key, value)
        message.edited_ts = self.new_ts()
        self._announce("message_changed", message)

    def delete(self, message: Message) -> None:
        """Remove a message, ephemeral or not."""
        channel = self.channels[message.channel]
        channel.messages.pop(message.ts, None)
        channel.ephemerals.pop(message.ts, None)
        if message.ts in channel.threads.get(message.thread_ts or "", []):
            channel.threads[message.thread_ts or ""].remove(message.ts)
        self._announce("message_deleted", message)

    def touch(self, message: Message) -> None:
        """Say that something about a message (reactions, files) is different now."""
        self._announce("message_changed", message)

    def _announce(self, kind: str, message: Message) -> None:
        event: JSON = {"channel": message.channel, "ts": message.ts}
        if message.thread_ts:
            event["thread_ts"] = message.thread_ts
        if message.ephemeral_to:
            event["user"] = message.ephemeral_to
        self.feed.publish(kind, **event)

    def find_message(self, channel: Channel, ts: str, viewer: str | None = None) -> Message:
        """A message by its timestamp; ephemerals only for the `viewer` who can see them.

        Raises:
            SlackError: `message_not_found`.
        """
        if found := channel.messages.get(ts):
            return found
        hidden = channel.ephemerals.get(ts)
        if hidden and viewer and hidden.ephemeral_to == viewer:
            return hidden
        raise SlackError("message_not_found")

    def replies(self, parent: Message) -> list[Message]:
        """The replies below a message, oldest first."""
        channel = self.channels[parent.channel]
        return [channel.messages[ts] for ts in channel.threads.get(parent.ts, [])]

    def visible(self, user: User, channel: Channel) -> list[Message]:
        """Everything in a channel that this person sees, threads included, oldest first."""
        own = [m for m in channel.ephemerals.values() if m.ephemeral_to == user.id]
        return sorted([*channel.messages.values(), *own], key=lambda m: m.ts)

    # -- views --------------------------------------------------------------------------------

    def open_modal(self, user: str) -> View | None:
        """The modal on top of this person's screen, if any."""
        stack = self.modals.get(user)
        return stack[-1] if stack else None

    def find_view(self, view_id: str) -> View | None:
        """Any open modal or Home tab by its id."""
        views = [v for stack in self.modals.values() for v in stack] + list(self.homes.values())
        return next((v for v in views if v.id == view_id), None)
