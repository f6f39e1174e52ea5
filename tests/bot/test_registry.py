"""The explicit list of commands, and users' own modules beside it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.grammar import parse
from bot.registry import COMMANDS, Registry, load

OWN = """
from dataclasses import dataclass
from typing import Annotated
from bot import Arg, Ctx, Document, Effect, Role, Title, command

@dataclass(frozen=True)
class Greet:
    who: Annotated[str, Arg("Whom")] = "you"

def view(result: str, now: int) -> Document:
    return Document.of(Title(result))

@command("{name}", effect=Effect.READ, role=Role.ANYONE, params=Greet, view=view)
async def greet(ctx: Ctx, p: Greet) -> str:
    '''Say hello.'''
    return f"Hello {{p.who}}"

COMMANDS = (greet,)
"""

WANTED = (
    *("help", "whoami", "can-i", "check", "jobs", "cancel"),
    *("apps", "status", "deploy", "diff", "history", "rollback", "uninstall", "scale", "restart"),
    *("graph", "graph list", "dashboard", "changes", "health", "top pods", "top nodes"),
    *("alerts", "ack", "silence", "unsilence"),
    *("restore drill", "recovery"),
    *("backup create", "backup list", "backup describe", "backup logs"),
    *("backup delete", "backup keep", "backup schedule create", "backup schedule list"),
    *("backup schedule pause", "backup schedule resume", "backup schedule delete"),
    *("restore",),
    *("role create", "role grant", "role revoke", "role list"),
    *("rule add", "rule remove", "rule list"),
    *("audit search", "audit verify", "audit export", "lock", "unlock"),
)


def test_all_commands_are_there_under_their_names() -> None:
    assert {c.name for c in COMMANDS} == set(WANTED)


def test_a_name_or_alias_finds_its_command() -> None:
    registry = Registry(COMMANDS)
    assert registry["deploy"].name == "deploy"
    assert len(registry) == len(COMMANDS)
    assert [c.name for c in registry.family("rule")] == ["rule add", "rule remove", "rule list"]
    assert registry.close("deplyo") == "deploy"


def test_two_commands_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="told apart"):
        Registry((*COMMANDS, COMMANDS[0]))


def test_of_a_nested_pair_the_longer_name_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = module(tmp_path, monkeypatch, "own_commands_n", OWN.format(name="restore"))
    longer = module(tmp_path, monkeypatch, "own_commands_l", OWN.format(name="restore drill"))
    all_ = [*importlib.import_module(own).COMMANDS, *importlib.import_module(longer).COMMANDS]
    both = Registry(all_).all
    assert parse("restore drill parse", both).command.name == "restore drill"
    assert parse("restore parse", both).command.name == "restore"
    assert parse("restore -- drill", both).params.who == "drill"


def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> str:
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_a_users_module_adds_its_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = module(tmp_path, monkeypatch, "own_commands_a", OWN.format(name="greet"))
    registry = load((own,))
    assert registry["greet"].summary == "Say hello"
    assert parse("greet ann", registry.all).params.who == "ann"


def test_every_module_that_cannot_be_used_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clash = module(tmp_path, monkeypatch, "own_commands_b", OWN.format(name="deploy"))
    empty = module(tmp_path, monkeypatch, "own_commands_c", "x = 1")
    with pytest.raises(ConfigError) as told:
        load((clash, empty, "own_commands_nowhere"), file="my.yaml")
    text = str(told.value)
    assert len(told.value.problems) == 3
    assert "my.yaml: commands: module own_commands_b" in text
    assert "needs COMMANDS" in text
    assert "No module named" in text


def test_importing_all_commands_loads_no_client_and_no_database() -> None:
    heavy = "('aiohttp', 'kubernetes', 'pyhelm3', 'sqlite_utils', 'slack_bolt', 'yaml', 'pydantic')"
    code = f"import sys, bot.registry; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
