"""Gives every button of a document its opaque id; what it means stays in the database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.render.document import Actions, Button, Document, Element
from bot.store import approvals
from bot.store.requests import Request

if TYPE_CHECKING:
    from sqlite_utils import Database

DECISIONS = ("confirm", "type", "dismiss")


def fill(db: Database, document: Document, request: Request, now: int, expires: int) -> Document:
    """Returns the document with a token in each button, in the caller's transaction."""

    def ready(element: Element) -> Element:
        if not isinstance(element, Actions):
            return element
        return Actions(tuple(_button(db, b, request.id, now, expires) for b in element.buttons))

    return Document(tuple(ready(element) for element in document.elements))


def _button(db: Database, button: Button, request_id: str, now: int, expires: int) -> Button:
    data: dict[str, Any] = {"command": button.command, "typed": button.typed}
    token = approvals.standing(db, request_id, button.act, data, now) or approvals.create(
        db,
        request_id,
        button.act,
        now=now,
        expires_at=expires,
        data=data,
        choice="decision" if button.act in DECISIONS else "",
    )
    return replace(button, token=token.id)
