"""The Slack manifest follows configuration, commands and the methods that the code calls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import bot.slack
from bot import Command, Document, Effect, Role, command
from bot.config import Config
from bot.manifest import SCOPES, manifest, text, usage_hint

METHOD_SCOPES = {
    "chat": "chat:write",
    "conversations_open": "im:write",
    "files": "files:write",
    "usergroups": "usergroups:read",
    "users": "users:read",
    "reactions": "reactions:write",
}
BEYOND_METHODS = {"commands", "app_mentions:read"}
NO_SCOPE = {"auth_test", "apps_connections_open", "views_open", "views_update", "api_test"}


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


def _command(name: str) -> Command[Any, Any]:
    async def run(ctx: Any, p: Any) -> None:
        """Look."""

    return command(
        name,
        effect=Effect.READ,
        role=Role.ANYONE,
        params=Nothing,
        view=lambda result, now: Document(),
    )(run)


COMMANDS = (_command("help"), _command("role list"), _command("role grant"))


def _config(slack: dict[str, Any] | None, **more: Any) -> Config:
    data = {"state": {"directory": "x"}, "clusters": {"lab": {}}, "slack": slack, **more}
    return Config.model_validate(data)


def test_socket_mode_needs_no_address() -> None:
    for slack in (None, {"mode": "socket"}):
        made = manifest(_config(slack, command="/ops"), COMMANDS)
        assert made["settings"]["socket_mode_enabled"] is True
        assert "url" not in str(made)
        slash = made["features"]["slash_commands"][0]
        assert slash["command"] == "/ops"
        assert slash["usage_hint"] == "help | role"
        assert slash["should_escape"] is True


def test_http_mode_names_one_address_everywhere() -> None:
    made = manifest(_config({"mode": "http", "path": "/in"}), COMMANDS, public="https://a.b/")
    assert made["settings"]["socket_mode_enabled"] is False
    assert made["features"]["slash_commands"][0]["url"] == "https://a.b/in"
    assert made["settings"]["interactivity"]["request_url"] == "https://a.b/in"
    assert made["settings"]["event_subscriptions"]["request_url"] == "https://a.b/in"


def test_the_text_is_the_data_in_yaml() -> None:
    config = _config({"mode": "http"})
    assert yaml.safe_load(text(config, COMMANDS)) == manifest(config, COMMANDS)
    assert "Replace https://onprem.example.com" in text(config, COMMANDS)
    assert "connections:write" in text(_config(None), COMMANDS)


def test_the_hint_stays_within_slacks_limit() -> None:
    many = [_command(f"command-number-{n}") for n in range(200)]
    assert 0 < len(usage_hint(many)) <= 1000


def test_scopes_are_exactly_those_the_code_uses() -> None:
    folder = Path(next(iter(bot.slack.__path__)))
    source = "\n".join(file.read_text() for file in folder.glob("**/*.py"))
    called = set(
        re.findall(
            r"\b\w*client\.((?:chat|users|usergroups|views|files|conversations|reactions|auth|apps)\w*)",
            source,
        )
    )
    assert called
    needed = set()
    for method in called - NO_SCOPE:
        known = METHOD_SCOPES.get(method) or METHOD_SCOPES.get(method.split("_")[0])
        assert known, f"which scope does {method} need?"
        needed.add(known)
    assert needed | BEYOND_METHODS == set(SCOPES)
