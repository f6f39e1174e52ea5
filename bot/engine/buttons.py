"""Gives every button of a document its opaque id; what it means stays in the database.

A press that decides about a question uses its buttons up and marks the request as `planning` in
one transaction: whatever is found in that state at a start was decided and not carried out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.errors import Refused
from bot.render.document import Actions, Button, Document, Element
from bot.store import approvals, requests
from bot.store.requests import Request, State

if TYPE_CHECKING:
    from sqlite_utils import Database

DECISIONS = ("confirm", "type", "dismiss")
_CHOICE = "decision"


def fill(db: Database, document: Document, request: Request, now: int, expires: int) -> Document:
    """Returns the document with a token in each button, in the caller's transaction."""

    def ready(element: Element) -> Element:
        if not isinstance(element, Actions):
            return element
        return Actions(tuple(_button(db, b, request.id, now, expires) for b in element.buttons))

    return Document(tuple(ready(element) for element in document.elements))


def decided(db: Database, token: approvals.Token) -> None:
    """Marks a question as answered, in the transaction that uses its button up.

    Raises:
        Refused: It was closed meanwhile.
    """
    if token.action in DECISIONS and not requests.transition(
        db, token.request_id, State.PLANNING, expect={State.WAITING}
    ):
        raise Refused("It is no longer waiting", hint="See `jobs` for what became of it")


def reopen(db: Database, request_id: str) -> bool:
    """Takes back a decision that was not carried out: the question's buttons work again.

    Returns:
        False when none is under way.
    """
    if not requests.transition(db, request_id, State.WAITING, expect={State.PLANNING}):
        return False
    if token := approvals.chosen(db, request_id, _CHOICE):
        approvals.release(db, token.id)
    return True


def _button(db: Database, button: Button, request_id: str, now: int, expires: int) -> Button:
    data: dict[str, Any] = {"command": button.command, "typed": button.typed}
    token = approvals.standing(db, request_id, button.act, data, now) or approvals.create(
        db,
        request_id,
        button.act,
        now=now,
        expires_at=expires,
        data=data,
        choice=_CHOICE if button.act in DECISIONS else "",
    )
    return replace(button, token=token.id)
