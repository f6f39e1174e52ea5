"""docs/commands.md is what the declarations say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot import Command
from bot.grammar import help_document, line, parse
from bot.reference import markdown
from bot.registry import COMMANDS
from bot.render.blockkit import render
from bot.render.terminal import plain
from sandbox.slack.blocks import check_message_blocks

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


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_every_command_has_help_and_examples_that_are_read(command: Command[Any, Any]) -> None:
    document = help_document(command, "/onprem")
    blocks = render(document).blocks
    check_message_blocks(list(blocks))
    assert command.usage("/onprem ") in plain(document)
    for example in command.examples:
        parsed = parse(example, COMMANDS)
        assert parsed.command is command
        again = parse(line(parsed), COMMANDS)
        assert (again.params, again.dry_run) == (parsed.params, parsed.dry_run)
