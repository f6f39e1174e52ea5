"""What authors of commands may use. Everything else under `bot` may change without notice.

A name is loaded when it is first used: a terminal that asks the running bot needs none of them,
and would wait for all of them. The heavy parts (state, Slack, clients) are reached through `Ctx`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.context import Asker, Change, Cluster, Ctx, Op, Plan, Scope, Target, Weight
    from bot.errors import Busy, Cancelled, Denied, Failed, OnpremError, Refused, UsageError
    from bot.render.document import (
        Actions,
        Button,
        Code,
        Diff,
        Document,
        Fields,
        Image,
        Mono,
        Note,
        Person,
        Strong,
        Table,
        Text,
        Title,
        When,
        marked,
    )
    from bot.spec import Arg, Command, Effect, Role, command

__all__ = [
    "Actions",
    "Arg",
    "Asker",
    "Busy",
    "Button",
    "Cancelled",
    "Change",
    "Cluster",
    "Code",
    "Command",
    "Ctx",
    "Denied",
    "Diff",
    "Document",
    "Effect",
    "Failed",
    "Fields",
    "Image",
    "Mono",
    "Note",
    "OnpremError",
    "Op",
    "Person",
    "Plan",
    "Refused",
    "Role",
    "Scope",
    "Strong",
    "Table",
    "Target",
    "Text",
    "Title",
    "UsageError",
    "Weight",
    "When",
    "command",
    "marked",
]

_HOMES = ("bot.errors", "bot.render.document", "bot.spec", "bot.context")


def __getattr__(name: str) -> object:
    """Loads a name that is asked for (PEP 562)."""
    if name in __all__:
        for home in map(import_module, _HOMES):
            if hasattr(home, name):
                return globals().setdefault(name, getattr(home, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
