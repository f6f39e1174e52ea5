"""Short-lived keys that Slack hands out: trigger ids and response URLs."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sandbox.slack.clock import Clock
from sandbox.slack.errors import SlackError
from sandbox.slack.limits import Limits


@dataclass
class _Trigger:
    user: str
    born: float
    view: str | None
    used: bool = False


class Triggers:
    """Trigger ids: one use, 3 s."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits, self._clock = limits, clock
        self._known: dict[str, _Trigger] = {}

    def issue(self, user: str, view: str | None = None) -> str:
        """A new id for an act of this person, made inside a modal if `view` is given."""
        now = self._clock.monotonic()
        if len(self._known) > 1000:
            recent = now - 10 * self._limits.trigger_seconds
            self._known = {k: t for k, t in self._known.items() if t.born > recent}
        trigger = f"{int(self._clock.now() * 1000)}.{secrets.randbelow(10**10)}."
        trigger += secrets.token_hex(16)
        self._known[trigger] = _Trigger(user, now, view)
        return trigger

    def exchange(self, trigger_id: str) -> tuple[str, str | None]:
        """Spend an id; gives the person and the modal it was made in.

        Raises:
            SlackError: `invalid_trigger_id`, `expired_trigger_id` or `exchanged_trigger_id`.
        """
        trigger = self._known.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._clock.monotonic() - trigger.born > self._limits.trigger_seconds:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger.user, trigger.view


@dataclass
class ResponseUrl:
    """Where the app may answer one slash command or click: 5 times within 30 minutes.

    `original` is the message it can replace: what was clicked, or the first answer to a command.
    """

    user: str
    channel: str
    born: float
    original: str | None = None
    thread_ts: str | None = None
    uses: int = 0


class ResponseUrls:
    """All response URLs handed out, by their secret path."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits, self._clock = limits, clock
        self._known: dict[str, ResponseUrl] = {}

    def issue(
        self, user: str, channel: str, original: str | None = None, thread_ts: str | None = None
    ) -> str:
        """A new secret for an act of this person in this channel."""
        secret = secrets.token_urlsafe(18)
        born = self._clock.monotonic()
        self._known[secret] = ResponseUrl(user, channel, born, original, thread_ts)
        return secret

    def get(self, secret: str) -> ResponseUrl:
        """The record behind a secret, without counting a use.

        Raises:
            SlackError: `invalid_url`.
        """
        url = self._known.get(secret)
        if url is None:
            raise SlackError("invalid_url")
        return url

    def use(self, secret: str) -> ResponseUrl:
        """Count one use.

        Raises:
            SlackError: `invalid_url`, `expired_url` or `used_url`.
        """
        url = self.get(secret)
        if self._clock.monotonic() - url.born > self._limits.response_url_seconds:
            raise SlackError("expired_url")
        if url.uses >= self._limits.response_url_uses:
            raise SlackError("used_url")
        url.uses += 1
        return url
