"""What the engine is asked, and what it needs from the surfaces around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from bot.context import Asker
from bot.render.document import Document

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.grammar import Form, Parsed
    from bot.store.requests import Request


@dataclass(frozen=True, slots=True)
class Incoming:
    """A command as a surface received it.

    Attributes:
        key: Unique for the delivery (Slack's `trigger_id`): a second one with it is dropped.
        words: The text after the command's name, or an argument list.
        asker: Who asks.
        known: False while the asker's groups and status are still being fetched; the permission
            is then decided right after the acknowledgement.
        origin: Where to answer: JSON values that the surface's replier understands, with `kind`
            naming it (`slack`, `terminal`) and `channel` where there is one.
        received: When the surface received it, microseconds UTC.
        parent: The request whose button was pressed, if one was.
    """

    key: str
    words: str | tuple[str, ...]
    asker: Asker
    origin: Mapping[str, Any]
    received: int
    known: bool = True
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Press:
    """A press on a button: it decides about a request, or runs a command.

    Attributes:
        token: The button's value.
        typed: What was typed, for buttons that want a name typed.
        ask: The button asks in a form for what its command leaves open.
        answers: The form as it was filled in, by the names of parameters; None before that.
    """

    key: str
    token: str
    asker: Asker
    origin: Mapping[str, Any]
    received: int
    known: bool = True
    typed: str = ""
    ask: bool = False
    answers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """What is settled before the acknowledgement.

    Attributes:
        reply: Shown privately at once, when the matter ends here (usage, denial).
        exit_code: For a terminal, when the matter ends here.
        duplicate: A redelivery: acknowledge and do nothing.
        ask_typed: The press needs a typed name: what to type (a surface opens its field).
        form: The press needs answers: what to ask (a surface opens a form).
        mistakes: What is wrong with the answers, by the names of parameters; nothing was admitted.
        request: The committed intent, for a change.
        parsed: The command and its parameters.
        press: The decision that a press made.
    """

    asker: Asker
    origin: Mapping[str, Any]
    reply: Document | None = None
    exit_code: int = 0
    duplicate: bool = False
    ask_typed: str = ""
    form: Form | None = None
    mistakes: Mapping[str, str] = field(default_factory=dict)
    known: bool = True
    request: Request | None = None
    parsed: Parsed | None = None
    press: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What only the asker sees: a read's result, a refusal, a failure.

    Attributes:
        data: The result as JSON values, for machines.
    """

    document: Document
    data: Any = None
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """One state of one message about a change.

    Attributes:
        key: Notices with the same key are states of the same message.
        private: For the asker alone.
    """

    key: str
    document: Document
    final: bool = False
    private: bool = False


class Replier(Protocol):
    """One surface's way to tell about changes. The engine picks it by the origin's `kind`."""

    def store(self, db: Database, request: Request, notice: Notice) -> None:
        """Writes what must not be lost into the outbox, inside the caller's transaction."""

    def deliver(self, request: Request, notice: Notice) -> None:
        """Is called after that transaction is durable; must not block."""

    def finished(self, request: Request, data: Any, exit_code: int) -> None:
        """Is called once, when the request has ended."""

    @property
    def pace(self) -> float:
        """Least seconds between two live states of one message."""


class Observer(Protocol):
    """Sees the boundaries of every step. Tests end the process here; the product logs."""

    def boundary(self, request_id: str, step: str, edge: str) -> None:
        """`edge` is `before`, `acted` (before the result is on record) or `after`."""
