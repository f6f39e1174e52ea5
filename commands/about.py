"""`help`, `whoami`, `can-i`, `check`: what there is, who you are, what you may, what works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bot import (
    Actions,
    Arg,
    Button,
    Ctx,
    Document,
    Effect,
    Fields,
    Mono,
    Note,
    Role,
    Table,
    Text,
    Title,
    UsageError,
    command,
    marked,
)
from bot.releases.words import count

if TYPE_CHECKING:
    from bot.spec import Command


@dataclass(frozen=True)
class Help:
    """What `help` takes."""

    words: Annotated[
        tuple[str, ...],
        Arg("Command to explain", metavar="COMMAND", complete="commands", rest=True),
    ] = ()


@dataclass(frozen=True)
class Entry:
    """One command: its name, usage and summary."""

    name: str
    usage: str
    summary: str
    change: bool


@dataclass(frozen=True)
class Page:
    """What `help` shows.

    Attributes:
        slash: The slash command's name.
        entries: The commands listed; one when `description` explains it.
        hidden: How many exist that the asker may not run.
        params: Spelling and meaning of each parameter.
    """

    slash: str
    entries: tuple[Entry, ...]
    hidden: int = 0
    description: str = ""
    params: tuple[tuple[str, str], ...] = ()
    examples: tuple[str, ...] = ()


def view_help(result: Page, now: int) -> Document:
    """A list of commands, or one explained."""
    if result.description:
        return _explained(result)
    rows = tuple((f"{result.slash} {e.usage}", e.summary) for e in result.entries)
    hidden = f"{count(result.hidden, 'more command')} exist that you may not run." * bool(
        result.hidden
    )
    return Document.of(
        Title(f"You may run {count(len(rows), 'command')}"),
        Table(("command", "what it does"), rows, empty="none; ask an administrator for a role"),
        Note.of(f"{result.slash} help COMMAND explains one. ", hidden),
    )


def _explained(result: Page) -> Document:
    entry = result.entries[0]
    lines = result.description.splitlines()
    rest = " ".join(line.strip() for line in lines[1:] if line.strip())
    examples = tuple(Text.of(Mono(f"{result.slash} {example}")) for example in result.examples)
    return Document.of(
        Title(f"{entry.name}: {entry.summary}"),
        Text.of(Mono(f"{result.slash} {entry.usage}")),
        Text.of(rest) if rest else None,
        Table(("parameter", "meaning"), result.params) if result.params else None,
        *examples,
        Note.of("It changes something: --dry-run shows what, and stops.") if entry.change else None,
    )


@command(
    "help",
    effect=Effect.READ,
    role=Role.ANYONE,
    params=Help,
    view=view_help,
    examples=("help", "help deploy"),
)
async def help_(ctx: Ctx, p: Help) -> Page:
    """Show the commands that you may run, or explain one."""
    slash = ctx.config.command
    name = " ".join(p.words)
    may = ctx.desk.may(ctx.asker, ctx.scope.channel)
    chosen = ctx.desk.command(name) if name else None
    if chosen is not None:
        params = tuple((_spelling(param), _meaning(param)) for param in chosen.params)
        return Page(slash, (_entry(chosen),), 0, chosen.description, params, chosen.examples)
    family = [c for c in may if c.name.startswith(f"{name} ")] if name else may
    if not family:
        raise UsageError(f"There is no command {name}", hint=f"{slash} help lists them")
    hidden = 0 if name else len(ctx.desk.commands) - len(may)
    return Page(slash, tuple(_entry(c) for c in family), hidden)


def _entry(found: Command[Any, Any]) -> Entry:
    return Entry(found.name, found.usage(), found.summary, found.effect is Effect.CHANGE)


def _spelling(param: Any) -> str:
    if not param.arg.flag:
        return str(param.arg.metavar or param.name.upper())
    return ", ".join((param.option, *param.arg.short))


def _meaning(param: Any) -> str:
    said = str(param.arg.help)
    if param.arg.choices:
        said += f" ({' or '.join(param.arg.choices)})"
    if not param.required and param.type is not bool and param.default not in ("", None, ()):
        said += f" (default {param.default})"
    return said


@dataclass(frozen=True)
class WhoAmI:
    """`whoami` takes nothing."""


@dataclass(frozen=True)
class Me:
    """Who asks, and what that allows.

    Attributes:
        roles: Name of the role, and where it comes from.
        rules: Number and words of each rule that applies.
        commands: Names of what may be run somewhere.
    """

    actor: str
    person: str
    name: str
    groups: tuple[str, ...]
    cluster: str
    roles: tuple[tuple[str, str], ...]
    rules: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]


def view_me(result: Me, now: int) -> Document:
    """Identity, roles, rules."""
    known = result.person if result.person != result.actor else "not mapped to a person"
    return Document.of(
        Title(f"You are {result.name}"),
        Fields(
            (
                ("actor", (Mono(result.actor),)),
                ("person", (known,)),
                ("groups", (", ".join(result.groups) or "none",)),
                ("cluster here", (result.cluster or "none",)),
            )
        ),
        Table(("role", "because of"), result.roles, empty="no role"),
        Table(("rule", "allows"), result.rules) if result.rules else None,
        Note.of(
            f"You may run {count(len(result.commands), 'command')} somewhere: "
            f"{', '.join(result.commands)}"
            if result.commands
            else "You may run nothing yet; an administrator gives a role with `role grant`."
        ),
        Actions((Button("What may I run?", "run", command="help"),)),
    )


@command("whoami", effect=Effect.READ, role=Role.ANYONE, params=WhoAmI, view=view_me)
async def whoami(ctx: Ctx, p: WhoAmI) -> Me:
    """Show who you are to the bot, with your roles and rules."""
    me = ctx.asker
    standing = ctx.desk.standing(me)
    commands = tuple(c.name for c in ctx.desk.may(me, ctx.scope.channel))
    return Me(
        me.actor,
        me.person,
        me.name,
        me.groups,
        ctx.scope.cluster,
        standing.roles,
        standing.rules,
        commands,
    )


@dataclass(frozen=True)
class CanI:
    """What `can-i` takes."""

    words: Annotated[
        tuple[str, ...],
        Arg("A whole command, as you would type it", metavar="COMMAND", rest=True),
    ]


@dataclass(frozen=True)
class Answer:
    """Yes or no, and why."""

    asked: str
    target: str
    allowed: bool
    reason: str


def view_answer(result: Answer, now: int) -> Document:
    """One line and its reason."""
    where = f" on {result.target}" if result.target else ""
    if result.allowed:
        title = Title(f"Yes, you may run {result.asked}{where}", tone="good")
    else:
        title = Title(f"No, you may not run {result.asked}{where}", tone="warn")
    return Document.of(title, Note(marked(result.reason)) if result.reason else None)


@command(
    "can-i",
    effect=Effect.READ,
    role=Role.ANYONE,
    params=CanI,
    view=view_answer,
    examples=("can-i scale mongodb 2",),
)
async def can_i(ctx: Ctx, p: CanI) -> Answer:
    """Say whether you may run a command, and which role or rule decides.

    Nothing is run. Put the command into quotes when it has flags of its own.
    """
    words = p.words[0] if len(p.words) == 1 else p.words
    chosen, target, decision = ctx.desk.explain(ctx.scope, words)
    asked = " ".join(p.words)
    place = target.path if chosen.role is not Role.ANYONE else ""
    return Answer(asked, place, decision.allowed, decision.reason)


@dataclass(frozen=True)
class Check:
    """`check` takes nothing."""


@dataclass(frozen=True)
class Findings:
    """Every system that the configuration names: name, `works` or `fails`, in words."""

    rows: tuple[tuple[str, str, str], ...]

    @property
    def ok(self) -> bool:
        """Whether all of them work; `onprem check` ends with 1 otherwise."""
        return all(state == "works" for _, state, _ in self.rows)


def view_check(result: Findings, now: int) -> Document:
    """A table of what works."""
    failed = [row for row in result.rows if row[1] != "works"]
    title = (
        Title(f"Not everything works: {', '.join(row[0] for row in failed)}", tone="bad")
        if failed
        else Title(f"Everything works: {count(len(result.rows), 'system')} asked", tone="good")
    )
    tones: tuple[Any, ...] = tuple("good" if row[1] == "works" else "bad" for row in result.rows)
    return Document.of(title, Table(("system", "state", "detail"), result.rows, tones=tones))


@command(
    "check",
    effect=Effect.READ,
    role=Role.OPERATOR,
    params=Check,
    view=view_check,
    timeout=60,
)
async def check(ctx: Ctx, p: Check) -> Findings:
    """Ask every system that the configuration names whether it works.

    The configuration itself was checked when it was loaded.
    """
    rows = await ctx.desk.probe()
    return Findings(tuple((name, state, detail) for name, state, detail in rows))


COMMANDS = (help_, whoami, can_i, check)
