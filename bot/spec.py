"""One declaration for each command; everything else is derived from it.

A command is a frozen dataclass of parameters, a function, and a decorator line:

    @dataclass(frozen=True, slots=True)
    class Restart:
        name: Annotated[str, Arg("App or workload to restart", complete="workloads")]

    @command("restart", effect=Effect.CHANGE, role=Role.OPERATOR, params=Restart,
             target=workload_target, plan=plan_restart, view=view_restarted)
    async def restart(ctx, p, op):
        '''Restart the pods of a workload, one after the other.'''

From it come parsing, help, the terminal, modals, completion, the permission check, the confirm
step, the lock, audit columns, redaction, the Slack manifest and the command reference.
"""

from __future__ import annotations

import enum
import inspect
import types
import typing
from collections.abc import Awaitable, Callable
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from bot.context import Ctx, Plan, Scope, Target
    from bot.render.document import Document

P = TypeVar("P")
R = TypeVar("R")


class Effect(enum.Enum):
    """What a command does to the world."""

    READ = "read"
    CHANGE = "change"


class Role(enum.IntEnum):
    """The least built-in role that may run a command; a higher one includes the lower."""

    ANYONE = 0
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Arg:
    """What a dataclass field means to the person who types it.

    Attributes:
        help: One line, for help and modals.
        flag: Given as `--name value` instead of by position.
        short: Further spellings of the flag, such as `-n`.
        metavar: How usage shows the value; the field's name when empty.
        complete: Which list completion offers (`apps`, `workloads`, `clusters`, `commands` …).
        choices: The only values allowed.
        minimum: Least value of a number.
        maximum: Greatest value of a number.
        check: Returns a sentence when the value is wrong, else None. Pure.
        secret: The value must never be shown, logged or audited.
        rest: Takes all remaining words (a tuple field).
        ask: A button may leave it open: it is asked for in a form. Text only.
    """

    help: str
    flag: bool = False
    short: tuple[str, ...] = ()
    metavar: str = ""
    complete: str = ""
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    check: Callable[[Any], str | None] | None = None
    secret: bool = False
    rest: bool = False
    ask: bool = False


@dataclass(frozen=True, slots=True)
class Param:
    """One field of a command's dataclass, resolved.

    Attributes:
        name: The field's name.
        arg: Its meaning.
        type: `str`, `int` or `bool` (the item's type when `many`).
        many: A tuple: repeated flag or remaining words.
        required: Has no default.
        default: The default, None when required.
    """

    name: str
    arg: Arg
    type: type
    many: bool
    required: bool
    default: Any

    @property
    def option(self) -> str:
        """The long flag, `--chart-version` for `chart_version`, `--for` for `for_`."""
        return "--" + self.name.rstrip("_").replace("_", "-")


@dataclass(frozen=True, slots=True)
class Command(Generic[P, R]):
    """A declared command. Built only by `command`.

    Attributes:
        name: One to three words, such as `role grant`.
        summary: First line of the function's docstring.
        description: The whole docstring.
        effect: Read or change.
        role: Least built-in role.
        params: The fields, in the order of the dataclass.
        params_type: The dataclass.
        target: Pure: which cluster, namespace and app it touches; permission scope and lock.
        run: `(ctx, p)` for a read, `(ctx, p, op)` for a change.
        plan: Reads only: what would happen. Changes have one.
        view: Pure: result → document.
        locks: Whether the target is locked while it runs.
        aliases: Other names.
        examples: Lines for help, without the slash command's name.
        timeout: Seconds for the whole run.
    """

    name: str
    summary: str
    description: str
    effect: Effect
    role: Role
    params: tuple[Param, ...]
    params_type: type[P]
    target: Callable[[Scope, P], Target]
    run: Callable[..., Awaitable[R]]
    plan: Callable[[Ctx, P], Awaitable[Plan]] | None
    view: Callable[[R, int], Document]
    locks: bool
    aliases: tuple[str, ...]
    examples: tuple[str, ...]
    timeout: float

    def usage(self, prefix: str = "") -> str:
        """One line: `deploy APP [--version TAG] [--reset]`."""
        words = [prefix + self.name]
        for p in self.params:
            meta = p.arg.metavar or ("|".join(p.arg.choices) if p.arg.choices else p.name.upper())
            shown = meta if not p.arg.flag else p.option + ("" if p.type is bool else f" {meta}")
            shown += " …" if p.many else ""
            words.append(shown if p.required else f"[{shown}]")
        return " ".join(words)


def command(
    name: str,
    *,
    effect: Effect,
    role: Role,
    params: type[P],
    view: Callable[[R, int], Document],
    target: Callable[[Scope, P], Target] | None = None,
    plan: Callable[[Ctx, P], Awaitable[Plan]] | None = None,
    locks: bool | None = None,
    aliases: tuple[str, ...] = (),
    examples: tuple[str, ...] = (),
    timeout: float | None = None,
) -> Callable[[Callable[..., Awaitable[R]]], Command[P, R]]:
    """Declares a command; see the module's docstring.

    Raises:
        TypeError: At import, when the declaration is incomplete: no docstring, a change without
            `plan` or `target`, a field without `Arg`, or a function with the wrong parameters.
    """

    def declare(run: Callable[..., Awaitable[R]]) -> Command[P, R]:
        text = inspect.getdoc(run) or ""
        change = effect is Effect.CHANGE
        wanted = 3 if change else 2
        if not text:
            raise TypeError(f"command {name!r} has no docstring")
        if change and (plan is None or target is None):
            raise TypeError(f"command {name!r} is a change and needs plan= and target=")
        if len(inspect.signature(run).parameters) != wanted:
            raise TypeError(f"command {name!r} must take {'ctx, p, op' if change else 'ctx, p'}")
        return Command(
            name=name,
            summary=text.splitlines()[0].rstrip("."),
            description=text,
            effect=effect,
            role=role,
            params=resolve(params),
            params_type=params,
            target=target or _anywhere,
            run=run,
            plan=plan,
            view=view,
            locks=change if locks is None else locks,
            aliases=aliases,
            examples=examples,
            timeout=timeout or (1800.0 if change else 30.0),
        )

    return declare


def resolve(params: type[Any]) -> tuple[Param, ...]:
    """Reads the fields of a parameter dataclass.

    Raises:
        TypeError: If a field has no `Arg` or a type other than str, int, bool or a tuple of them,
            or if a form cannot ask for it.
    """
    hints = typing.get_type_hints(params, include_extras=True)
    return tuple(_param(params, f, hints[f.name]) for f in fields(params))


def _param(owner: type, f: Any, hint: Any) -> Param:
    args = [a for a in typing.get_args(hint) if isinstance(a, Arg)]
    if not args:
        raise TypeError(f"{owner.__name__}.{f.name} has no Arg")
    kind = typing.get_args(hint)[0]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(t for t in typing.get_args(kind) if t is not type(None))
    many = typing.get_origin(kind) is tuple
    if many:
        kind = typing.get_args(kind)[0]
    if kind not in (str, int, bool):
        raise TypeError(f"{owner.__name__}.{f.name} has the unsupported type {kind!r}")
    if args[0].ask and (kind is not str or many or args[0].secret or args[0].choices):
        raise TypeError(f"{owner.__name__}.{f.name} is no plain text: a form cannot ask for it")
    required = f.default is MISSING and f.default_factory is MISSING
    default = None if required else (f.default if f.default is not MISSING else f.default_factory())
    return Param(f.name, args[0], kind, many, required, default)


def _anywhere(scope: Scope, p: object) -> Target:
    from bot.context import Target

    return Target(cluster=getattr(p, "cluster", "") or scope.cluster)
