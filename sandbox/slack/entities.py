"""What a workspace consists of: people, groups, channels, messages, files, views, the app.

Pure data with the JSON shapes of docs.slack.dev/reference/objects; rules live in `model`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

JSON = dict[str, Any]

DEFAULT_SCOPES = frozenset(
    {
        "app_mentions:read",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
        "groups:read",
        "im:read",
        "im:write",
        "reactions:write",
        "team:read",
        "usergroups:read",
        "users:read",
        "users:read.email",
    }
)
"""What the bot's manifest asks for; no history scopes, because a bot must not need them."""


@dataclass
class User:
    """A person or a bot. `role` is free text for the page ("operator"), unknown to Slack."""

    id: str
    name: str
    real_name: str
    team_id: str
    email: str = ""
    tz: str = "Europe/Berlin"
    tz_offset: int = 3600
    role: str = ""
    is_admin: bool = False
    is_owner: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False
    bot_id: str | None = None

    @property
    def is_guest(self) -> bool:
        """A single- or multi-channel guest."""
        return self.is_restricted or self.is_ultra_restricted

    def to_json(self, *, with_email: bool = True) -> JSON:
        """The user object; the e-mail address only for apps with `users:read.email`."""
        profile: JSON = {
            "real_name": self.real_name,
            "display_name": self.name,
            "team": self.team_id,
        }
        if with_email and self.email:
            profile["email"] = self.email
        if self.bot_id:
            profile["bot_id"] = self.bot_id
        return {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "real_name": self.real_name,
            "deleted": self.deleted,
            "tz": self.tz,
            "tz_label": self.tz,
            "tz_offset": self.tz_offset,
            "is_admin": self.is_admin,
            "is_owner": self.is_owner,
            "is_primary_owner": False,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
            "is_stranger": self.is_stranger,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "profile": profile,
        }


@dataclass
class Group:
    """A user group such as @platform."""

    id: str
    handle: str
    name: str
    users: list[str] = field(default_factory=list)

    def to_json(self, team_id: str, *, include_users: bool = False) -> JSON:
        """The usergroup object."""
        data: JSON = {
            "id": self.id,
            "team_id": team_id,
            "is_usergroup": True,
            "name": self.name,
            "handle": self.handle,
            "date_delete": 0,
            "user_count": len(self.users),
        }
        if include_users:
            data["users"] = list(self.users)
        return data


@dataclass
class Message:
    """One message. `ephemeral_to` is set when only one person can see it."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[JSON] = field(default_factory=list)
    attachments: list[JSON] = field(default_factory=list)
    thread_ts: str | None = None
    broadcast: bool = False
    ephemeral_to: str | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    edited_ts: str | None = None
    bot_id: str | None = None
    app_id: str | None = None
    metadata: JSON | None = None

    @property
    def is_reply(self) -> bool:
        """Whether it lives in a thread below another message."""
        return self.thread_ts is not None and self.thread_ts != self.ts


@dataclass
class Channel:
    """A conversation: public, private, or a direct message (`user` is the other side)."""

    id: str
    name: str
    created: int
    creator: str
    is_private: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    topic: str = ""
    user: str | None = None
    members: list[str] = field(default_factory=list)
    messages: dict[str, Message] = field(default_factory=dict)
    ephemerals: dict[str, Message] = field(default_factory=dict)
    threads: dict[str, list[str]] = field(default_factory=dict)
    """The timestamps of the replies below each parent."""

    @property
    def is_im(self) -> bool:
        """Whether it is a direct message."""
        return self.user is not None

    @property
    def kind(self) -> str:
        """The prefix of the scopes that govern it: channels, groups or im."""
        return "im" if self.is_im else "groups" if self.is_private else "channels"

    def to_json(self, team_id: str, *, member: bool) -> JSON:
        """The conversation object as the app sees it."""
        data: JSON = {
            "id": self.id,
            "created": self.created,
            "is_archived": self.is_archived,
            "is_im": self.is_im,
            "is_channel": not self.is_private and not self.is_im,
            "is_group": self.is_private,
            "is_private": self.is_private or self.is_im,
            "is_mpim": False,
            "is_shared": self.is_ext_shared,
            "is_ext_shared": self.is_ext_shared,
            "is_org_shared": False,
            "context_team_id": team_id,
        }
        if self.is_im:
            return {**data, "user": self.user}
        return {
            **data,
            "name": self.name,
            "name_normalized": self.name,
            "creator": self.creator,
            "is_member": member,
            "is_general": self.name == "general",
            "num_members": len(self.members),
            "topic": {"value": self.topic, "creator": self.creator, "last_set": self.created},
            "purpose": {"value": "", "creator": "", "last_set": 0},
        }


@dataclass
class File:
    """A file; `state` goes from reserved over uploaded to complete."""

    id: str
    name: str
    length: int
    user: str
    alt_txt: str = ""
    title: str = ""
    mimetype: str = "application/octet-stream"
    content: bytes = b""
    created: int = 0
    state: Literal["reserved", "uploaded", "complete"] = "reserved"
    shares: list[tuple[str, str, str | None]] = field(default_factory=list)
    """(channel, ts, thread_ts) of every message that carries it."""


@dataclass
class View:
    """An open modal or a Home tab."""

    id: str
    user: str
    payload: JSON
    hash: str
    root_id: str
    previous_id: str | None = None
    errors: dict[str, str] = field(default_factory=dict)
    state: dict[str, JSON] = field(default_factory=dict)

    @property
    def is_home(self) -> bool:
        """Whether it is somebody's Home tab and not a modal."""
        return bool(self.payload.get("type") == "home")


@dataclass
class App:
    """The installed app: its identity, secrets, rights and how Slack reaches it."""

    id: str
    name: str
    bot_user: str
    bot_id: str
    bot_token: str = field(default_factory=lambda: "xoxb-" + secrets.token_hex(16))
    app_token: str = field(default_factory=lambda: "xapp-1-" + secrets.token_hex(16))
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    verification_token: str = field(default_factory=lambda: secrets.token_hex(12))
    scopes: set[str] = field(default_factory=lambda: set(DEFAULT_SCOPES))
    app_scopes: set[str] = field(default_factory=lambda: {"connections:write"})
    commands: set[str] = field(default_factory=lambda: {"/onprem"})
    events: set[str] = field(
        default_factory=lambda: {"app_mention", "app_home_opened", "message.im"}
    )
    escape_commands: bool = False
    """The manifest's `should_escape`: commands carry ids for people, groups and channels."""
    request_url: str | None = None
    """Where to POST payloads; None means Socket Mode."""
    revoked: bool = False
    events_disabled: bool = False
    """Set when nearly every event delivery failed for an hour; an admin would set it back."""
    is_distributed: bool = False
    """Sold outside the Marketplace: history is cut to 15 messages, once a minute."""
