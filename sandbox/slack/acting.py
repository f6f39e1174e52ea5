"""Acting as a person: what somebody does in a Slack client, and what they see of the answer.

This is the interface for tests, the tour and the page. People are given by name, id or object;
channels by name or id. An act that a client would not allow raises `Refused`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from sandbox.slack.clicking import Using, Where, Who
from sandbox.slack.delivery import Delivery
from sandbox.slack.entities import JSON, Channel, Message, User
from sandbox.slack.errors import Refused, SlackError
from sandbox.slack.responses import has_content
from sandbox.slack.shapes import event_callback, slash_payload

T = TypeVar("T")


class Acting(Using):
    """The acts. `SlackServer` inherits them."""

    # -- typing -------------------------------------------------------------------------------

    async def slash(
        self, who: Who, where: Where, line: str, *, thread_ts: str | None = None
    ) -> Delivery:
        """Type a slash command and wait for its ack (at most 3 s).

        The delivery tells how it went; `shown` is what appeared before the person's eyes.

        Raises:
            Refused: not a command of the app, in a thread, or in an unreachable channel.
        """
        user, channel = self._place(who, where)
        command, _, text = line.strip().partition(" ")
        if thread_ts is not None:
            sorry = f"{command} is not supported in threads. Sorry!"
            raise self._refuse(user, channel, sorry, thread_ts)
        if command == "/invite":
            return self._invite(user, channel, text.strip())
        if command not in self.workspace.app.commands:
            raise self._refuse(user, channel, f"{command} is not a valid command.")
        if "commands" not in self.workspace.app.scopes:
            raise self._refuse(user, channel, f"{command} is not installed here.")
        link = self.core.response_url(user.id, channel.id)
        keys = {"response_url": link, "trigger_id": self.core.triggers.issue(user.id)}
        if self.workspace.app.escape_commands:
            text = self._escaped(text)
        payload = slash_payload(self.workspace, user, channel, command, text.strip(), keys)
        delivery = await self.core.courier.send("slash_commands", payload)
        if delivery.error:
            delivery.shown = f'{command} failed with the error "{delivery.error}"'
            self.responses.say(user.id, channel.id, delivery.shown)
        elif has_content(delivery.response):
            self._show_ack(delivery, user, channel, command, link)
        return delivery

    def _refuse(
        self, user: User, channel: Channel, reason: str, thread_ts: str | None = None
    ) -> Refused:
        self.responses.say(user.id, channel.id, reason, thread_ts)
        return Refused(reason)

    def _invite(self, user: User, channel: Channel, name: str) -> Delivery:
        """Slack's own /invite: bring somebody, usually the bot, into the channel."""
        if user.id not in channel.members:
            raise self._refuse(user, channel, "You have to be in a channel to invite others.")
        try:
            guest = self.workspace.person(name.strip("<@>"))
        except LookupError as unknown:
            raise self._refuse(user, channel, str(unknown)) from None
        now = self.core.clock.monotonic()
        done = Delivery("slash_commands", {}, sent=now, acked=now)
        done.shown = f"{guest.name} joined the channel."
        if not self.workspace.join(channel, guest):
            done.shown = f"{guest.name} is already in the channel."
        self.responses.say(user.id, channel.id, done.shown)
        joined = {"type": "member_joined_channel", "user": guest.id, "channel": channel.id}
        self.event({**joined, "team": guest.team_id, "inviter": user.id})
        return done

    def _show_ack(
        self, delivery: Delivery, user: User, channel: Channel, command: str, link: str
    ) -> None:
        url = self.core.response_urls.get(link.rpartition("/")[2])
        try:
            message = self.responses.apply(url, delivery.response)
        except SlackError as refusal:
            delivery.error = refusal.code
            delivery.shown = f'{command} failed with the error "{refusal.code}"'
            self.responses.say(user.id, channel.id, delivery.shown)
        else:
            delivery.shown = message.text if message else ""

    def say(
        self, who: Who, where: Where, text: str, *, thread_ts: str | None = None
    ) -> tuple[Message, Delivery | None]:
        """Post a message; mentions of the bot and direct messages reach the app as events.

        The text is escaped as Slack's client does, and @names become mentions.
        """
        user, channel = self._place(who, where)
        ws = self.workspace
        if user.id not in channel.members:
            raise Refused(f"{user.name} has to join #{channel.name} first")
        if channel.is_archived:
            raise Refused(f"#{channel.name} is archived")
        bot = ws.users[ws.app.bot_user]
        text = self._written(text)
        message = ws.post(channel, user.id, text, thread_ts=thread_ts)
        event: JSON = {
            "user": user.id,
            "ts": message.ts,
            "text": text,
            "team": user.team_id,
            "channel": channel.id,
            "event_ts": message.ts,
        }
        if thread_ts:
            event["thread_ts"] = thread_ts
        if channel.is_im:
            return message, self.event({"type": "message", "channel_type": "im", **event})
        if f"<@{bot.id}>" in text and bot.id in channel.members:
            return message, self.event({"type": "app_mention", **event})
        return message, None

    def mention(
        self, who: Who, where: Where, text: str, *, thread_ts: str | None = None
    ) -> Delivery | None:
        """Write "@bot text" and give the delivery of the event; None if the app gets none."""
        bot = self.workspace.app.name
        return self.say(who, where, f"@{bot} {text}", thread_ts=thread_ts)[1]

    def _written(self, text: str) -> str:
        """What Slack's client makes of typed text: escaped, with mentions by id."""
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        ids = {user.name: user.id for user in self.workspace.users.values()}

        def mention(found: re.Match[str]) -> str:
            return f"<@{ids[found[1]]}>" if found[1] in ids else found[0]

        return re.sub(r"(?<![\w.])@([a-z0-9._-]*[a-z0-9])", mention, text)

    def _escaped(self, text: str) -> str:
        """What Slack makes of a command's text when the app asks for it (`should_escape`).

        See docs.slack.dev/interactivity/implementing-slash-commands: people, groups and channels
        come with their id and name.
        """
        ws = self.workspace
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        known = {f"@{u.name}": f"<@{u.id}|{u.name}>" for u in ws.users.values()}
        known |= {f"@{g.handle}": f"<!subteam^{g.id}|@{g.handle}>" for g in ws.groups.values()}
        known |= {f"#{c.name}": f"<#{c.id}|{c.name}>" for c in ws.channels.values() if c.name}
        pattern = r"(?<![\w.])[@#][a-z0-9._-]*[a-z0-9]"
        return re.sub(pattern, lambda found: known.get(found[0], found[0]), text)

    def event(self, event: JSON) -> Delivery | None:
        """Send an event if the app has subscribed to its kind and the hour's share is not used."""
        kind = event["type"]
        name = f"{kind}.{event['channel_type']}" if kind == "message" else kind
        if name not in self.workspace.app.events or self.workspace.app.events_disabled:
            return None
        if not self.core.limiter.event():
            minute = int(self.core.clock.now()) // 60
            return self.core.courier.send_event(
                {
                    "token": self.workspace.app.verification_token,
                    "type": "app_rate_limited",
                    "team_id": self.workspace.team_id,
                    "minute_rate_limited": minute,
                    "api_app_id": self.workspace.app.id,
                }
            )
        return self.core.courier.send_event(event_callback(self.workspace, event))

    def open_home(self, who: Who) -> Delivery | None:
        """Open the app's Home tab."""
        user = self.workspace.person(who)
        channel = self.workspace.direct_message(user)
        stamp = self.workspace.new_ts()
        return self.event(
            {
                "type": "app_home_opened",
                "user": user.id,
                "channel": channel.id,
                "tab": "home",
                "event_ts": stamp,
            }
        )

    # -- looking ------------------------------------------------------------------------------

    def messages(self, who: Who, where: Where) -> list[Message]:
        """What this person sees in a channel, threads included, oldest first."""
        user, channel = self._place(who, where)
        return self.workspace.visible(user, channel)

    async def wait_for(self, look: Callable[[], T | None], timeout: float = 5.0) -> T:
        """Wait until `look` returns something true; asked again after every event.

        Raises:
            TimeoutError: not within `timeout` seconds of real time.
        """
        return await self.core.feed.until(look, timeout)

    async def wait_for_message(
        self,
        who: Who,
        where: Where,
        matches: Callable[[Message], bool],
        timeout: float = 5.0,
    ) -> Message:
        """Wait until this person sees a message that matches."""

        def look() -> Message | None:
            return next((m for m in self.messages(who, where) if matches(m)), None)

        return await self.wait_for(look, timeout)
