"""A Web API call and helpers to read its arguments."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.slack.core import Core
from sandbox.slack.entities import JSON, Channel, User
from sandbox.slack.errors import SlackError
from sandbox.slack.model import Workspace


@dataclass
class Call:
    """One call: what was sent, and the world it acts upon."""

    core: Core
    args: JSON

    @property
    def ws(self) -> Workspace:
        """The workspace."""
        return self.core.workspace

    def text(self, name: str, *, error: str | None = None) -> str:
        """A string argument; with `error`, that is raised when it is missing."""
        value = self.args.get(name)
        if value is None or value == "":
            if error:
                raise SlackError(error)
            return ""
        return str(value)

    def flag(self, name: str) -> bool:
        """A boolean argument, as JSON or as the words and digits of a form."""
        return str(self.args.get(name, "")).lower() in ("true", "1")

    def number(self, name: str, default: int) -> int:
        """A whole number.

        Raises:
            SlackError: `invalid_arguments`.
        """
        value = self.args.get(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except (TypeError, ValueError):
            problem = f"must be an integer [json-pointer:/{name}]"
            raise SlackError.invalid("invalid_arguments", [problem]) from None

    def json(self, name: str) -> Any:
        """A structured argument, also when a form carries it as JSON text.

        Raises:
            SlackError: `invalid_arguments`.
        """
        value = self.args.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            problem = f"must be valid JSON [json-pointer:/{name}]"
            raise SlackError.invalid("invalid_arguments", [problem]) from None

    # -- who and where ------------------------------------------------------------------------

    def need(self, scope: str) -> None:
        """Require a scope that depends on the arguments.

        Raises:
            SlackError: `missing_scope`, naming what is needed and what was granted.
        """
        granted = self.ws.app.scopes
        if scope not in granted:
            raise SlackError("missing_scope", needed=scope, provided=",".join(sorted(granted)))

    def user(self, name: str = "user") -> User:
        """The person that an argument names by id.

        Raises:
            SlackError: `user_not_found`.
        """
        user = self.ws.users.get(self.text(name, error="user_not_found"))
        if user is None:
            raise SlackError("user_not_found")
        return user

    def channel(self, *, read: bool = False) -> Channel:
        """The conversation in `channel`, if the bot may know of it.

        With `read` the scope for its kind is required.

        Raises:
            SlackError: `channel_not_found` or `missing_scope`.
        """
        channel = self.ws.channels.get(self.text("channel", error="channel_not_found"))
        if channel is None:
            raise SlackError("channel_not_found")
        if (channel.is_private or channel.is_im) and not self.is_member(channel):
            raise SlackError("channel_not_found")
        if read:
            self.need(f"{channel.kind}:read")
        return channel

    def is_member(self, channel: Channel) -> bool:
        """Whether the bot is in the channel."""
        return self.ws.app.bot_user in channel.members

    def page(self, rows: Sequence[Any], key: str, *, limit: int, most: int = 1000) -> JSON:
        """Cut a list by `limit` and `cursor` as the cursor-paginated methods do."""
        size = min(self.number("limit", limit) or limit, most)
        start = _read_cursor(self.text("cursor"))
        end = start + size
        following = _cursor(end) if end < len(rows) else ""
        return {
            key: list(rows[start:end]),
            "response_metadata": {"next_cursor": following},
        }


def _cursor(offset: int) -> str:
    return base64.b64encode(f"offset:{offset}".encode()).decode()


def _read_cursor(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        word, _, offset = base64.b64decode(cursor).decode().partition(":")
        if word == "offset":
            return int(offset)
    except ValueError:
        pass
    raise SlackError("invalid_cursor")


Handler = Callable[[Call], Awaitable[JSON]]


@dataclass(frozen=True)
class Method:
    """How a method is called: handler, rate tier (None: none), scope and token it needs."""

    handler: Handler
    tier: int | None = None
    scope: str | None = None
    app_token: bool = False
