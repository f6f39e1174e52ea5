"""What changes of the product's own state share: one step, told in one line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.context import Op, Scope, Target
from bot.errors import Refused
from bot.render.document import Actions, Button, Document, Note, Title


@dataclass(frozen=True, slots=True)
class Said:
    """What was done: one line, a note, and the command to look at it."""

    title: str
    note: str = ""
    next: str = ""


def everywhere(scope: Scope, p: object) -> Target:
    """Settings hold everywhere, and changing them locks nothing."""
    return Target(scope.cluster)


def view_said(result: Said, now: int) -> Document:
    """The line, the note, the next step."""
    return Document.of(
        Title(result.title, tone="good"),
        Note.of(result.note) if result.note else None,
        Actions((Button(result.next, "run", command=result.next),)) if result.next else None,
    )


Ask = Callable[[], Awaitable[bool]]


async def once(
    op: Op, step: str, act: Ask, holds: Ask, *, wanted: bool = True, refused: str = ""
) -> None:
    """Acts in one step, which is done once `holds` says what is wanted.

    Raises:
        Refused: With these words, when `act` tells that it came too late.
    """

    async def do() -> bool:
        if not await act() and refused:
            raise Refused(refused)
        return True

    async def done() -> bool | None:
        return True if await holds() is wanted else None

    await op.step(step, do, done=done)
