"""How a command is used, as one line and as a document."""

from __future__ import annotations

from typing import Any

from bot.grammar.compiling import label, spaced, universal
from bot.render.document import Code, Document, Note, Table, Text, Title
from bot.spec import Command, Effect, Param, Role

_WHO = {
    Role.ANYONE: "Everybody may run it.",
    Role.VIEWER: "Viewers and above may run it.",
    Role.OPERATOR: "Operators and above may run it.",
    Role.ADMIN: "Only admins may run it.",
}


def usage_text(command: Command[Any, Any], prefix: str = "") -> str:
    """One line: `Usage: /onprem scale NAME REPLICAS`."""
    return f"Usage: {command.usage(spaced(prefix))}"


def parameter_rows(
    command: Command[Any, Any], *, terminal: bool = False
) -> tuple[tuple[str, str], ...]:
    """Every argument and flag with what it means, in the order of the dataclass."""
    rows = [(_spelled(p), _meaning(p)) for p in command.params]
    return (*rows, *universal(command, terminal=terminal).items())


def help_document(
    command: Command[Any, Any], prefix: str = "", *, terminal: bool = False
) -> Document:
    """All about one command: usage, description, parameters, examples, who may run it."""
    prefix = spaced(prefix)
    body = command.description.partition("\n")[2].strip()
    examples = "\n".join(prefix + example for example in command.examples)
    kind = "It changes things" if command.effect is Effect.CHANGE else "It only reads"
    also = f" Also: {', '.join(prefix + alias for alias in command.aliases)}."
    return Document.of(
        Title(f"{prefix}{command.name}: {command.summary}"),
        *(Text.of(" ".join(part.split())) for part in body.split("\n\n") if part),
        Code(command.usage(prefix), name="usage.txt"),
        Table(("Parameter", "Meaning"), parameter_rows(command, terminal=terminal)),
        Code(examples, name="examples.txt") if examples else None,
        Note.of(f"{kind}. {_WHO[command.role]}{also if command.aliases else ''}"),
    )


def _spelled(param: Param) -> str:
    if not param.arg.flag and param.type is not bool:
        return label(param) + (" …" if param.many else "")
    spellings = ", ".join((param.option, *param.arg.short))
    if param.type is bool:
        return spellings
    meta = param.arg.metavar or param.name.upper()
    return f"{spellings} {meta}" + (" …" if param.many else "")


def _meaning(param: Param) -> str:
    parts = [param.arg.help.rstrip(".") + "."]
    if param.arg.choices:
        parts.append(f"One of {', '.join(param.arg.choices)}.")
    least, most = param.arg.minimum, param.arg.maximum
    if least is not None and most is not None:
        parts.append(f"From {least} to {most}.")
    elif least is not None or most is not None:
        parts.append(f"At least {least}." if most is None else f"At most {most}.")
    if param.many and param.arg.flag:
        parts.append("May be given several times.")
    if not param.required and param.default and param.type is not bool and not param.many:
        parts.append(f"Default: {param.default}.")
    return " ".join(parts)
