"""What authors of commands may use. Everything else under `bot` may change without notice.

The heavy parts (state, Slack, clients) are reached through `Ctx`, so importing this is cheap.
"""

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
