"""docs/commands.md is what the declarations say."""

from __future__ import annotations

from pathlib import Path

from bot.reference import markdown
from bot.registry import COMMANDS

DOCS = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_reference_is_up_to_date() -> None:
    wanted = "run: python -m bot.reference > docs/commands.md"
    assert DOCS.read_text() == markdown(COMMANDS), wanted


def test_every_command_and_parameter_is_there() -> None:
    text = markdown(COMMANDS)
    for command in COMMANDS:
        section = text.partition(f"\n## {command.name}\n")[2].partition("\n## ")[0]
        assert command.usage("/onprem ") in section
        for param in command.params:
            shown = param.option if param.arg.flag else param.arg.metavar or param.name.upper()
            assert f"| `{shown}" in section
