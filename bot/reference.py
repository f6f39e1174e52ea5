"""The command reference, from the declarations: `python -m bot.reference > docs/commands.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from bot.grammar import help_document, parameter_rows
from bot.render.document import Code, Note, Text
from bot.render.text import words
from bot.spec import Command

_INTRO = """\
# Commands

Written from the declarations by `python -m bot.reference > docs/commands.md`; a test compares.

In Slack each begins with `{prefix}`, in a terminal with `onprem`. Every command takes `--help`; in
a terminal also `--json`. Every change takes `--dry-run` and `--confirm NAME`; in a terminal also
`--yes`. What a change asks before it runs depends on its plan and on `policy` in `onprem.yaml`.
"""


def markdown(commands: Iterable[Command[Any, Any]], *, prefix: str = "/onprem") -> str:
    """The reference of all commands as Markdown, in the order of their names."""
    ordered = sorted(commands, key=lambda command: command.name)
    index = ["| Command | What it does |", "|---|---|"]
    index += [f"| [`{c.name}`](#{_anchor(c.name)}) | {_cell(c.summary)} |" for c in ordered]
    sections = [_section(command, prefix) for command in ordered]
    return "\n".join([_INTRO.format(prefix=prefix), *index, "", *sections])


def _section(command: Command[Any, Any], prefix: str) -> str:
    document = help_document(command, prefix)
    lines = [f"## {command.name}", "", f"{command.summary}.", ""]
    for element in document.elements:
        match element:
            case Text():
                lines += [words(element.parts), ""]
            case Code():
                lines += ["```text", element.text, "```", ""]
            case Note():
                lines += [words(element.parts), ""]
    rows = [row for row in parameter_rows(command) if row[0] not in _UNIVERSAL]
    if rows:
        lines += ["| Parameter | Meaning |", "|---|---|"]
        lines += [f"| `{_cell(name)}` | {_cell(meaning)} |" for name, meaning in rows]
        lines.append("")
    return "\n".join(lines)


_UNIVERSAL = ("--help", "--dry-run", "--confirm NAME")


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Writes the reference of the shipped commands to standard output."""
    from bot.registry import COMMANDS

    sys.stdout.write(markdown(COMMANDS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
