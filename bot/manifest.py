"""The Slack app manifest, derived from configuration and commands.

Fields and limits: docs.slack.dev/reference/app-manifest. There are no history scopes: the bot
never reads messages, except those that mention it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bot.config import Config
from bot.spec import Command

SCOPES = {
    "app_mentions:read": "commands typed as a mention",
    "chat:write": "answers, progress, alerts",
    "commands": "the slash command",
    "files:write": "long output and pictures",
    "im:write": "private files, answers whose channel is gone",
    "usergroups:read": "rules for user groups",
    "users:read": "names, time zones, guests",
}
"""Every scope the bot token needs, and what for."""

PUBLIC = "https://onprem.example.com"
_HINT = 1000


def manifest(
    config: Config, commands: Iterable[Command[Any, Any]], *, public: str = PUBLIC
) -> dict[str, Any]:
    """The manifest as data.

    Args:
        config: Gives the slash command's name and the mode; without a Slack part, Socket Mode.
        commands: Give the usage hint.
        public: The address under which Slack reaches the bot, for mode http.
    """
    socket = config.slack is None or config.slack.mode == "socket"
    path = config.slack.path if config.slack else ""
    address = {} if socket else {"request_url": public.rstrip("/") + path}
    slash = {
        "command": config.command,
        "description": "Deploy, roll back, scale and look after apps on our own Kubernetes",
        "usage_hint": usage_hint(commands),
        "should_escape": True,
        **({} if socket else {"url": address["request_url"]}),
    }
    name = config.command.removeprefix("/")
    return {
        "display_information": {
            "name": name,
            "description": "ChatOps for on-premise Kubernetes",
        },
        "features": {
            "bot_user": {"display_name": name, "always_online": True},
            "slash_commands": [slash],
        },
        "oauth_config": {"scopes": {"bot": sorted(SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": ["app_mention"], **address},
            "interactivity": {"is_enabled": True, **address},
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket,
            "token_rotation_enabled": False,
        },
    }


def text(config: Config, commands: Iterable[Command[Any, Any]], *, public: str = PUBLIC) -> str:
    """The manifest as YAML with a few words on what to do with it."""
    import yaml

    socket = config.slack is None or config.slack.mode == "socket"
    lines = [
        "# Create the app from this: https://api.slack.com/apps → Create New App → From a manifest"
    ]
    if socket:
        lines.append(
            "# Then make an app-level token with the scope connections:write, for app_token."
        )
    elif public == PUBLIC:
        lines.append(f"# Replace {PUBLIC} by the address under which Slack reaches your proxy.")
    lines += [f"# {scope}: {why}" for scope, why in sorted(SCOPES.items())]
    body = yaml.safe_dump(
        manifest(config, commands, public=public), sort_keys=False, allow_unicode=True, width=1000
    )
    return "\n".join(lines) + "\n" + body


def usage_hint(commands: Iterable[Command[Any, Any]]) -> str:
    """The first words of all commands, as many as Slack takes: `help | apps | deploy …`."""
    words = list(dict.fromkeys(command.name.split(" ")[0] for command in commands))
    while len(hint := " | ".join(words)) > _HINT:
        words.pop()
    return hint
