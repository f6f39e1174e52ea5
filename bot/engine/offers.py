"""Buttons below the answer to a read, which has no request in the database to hang them on.

Such a button only spares typing its command, which is authorized anew. What it means is kept in
memory: after a restart it says that it is not known any more.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import replace

from bot.render.document import Actions, Button, Document, Element

MOST = 10_000


class Offers:
    """Opaque id → command line, the newest ten thousand."""

    def __init__(self) -> None:
        self._commands: OrderedDict[str, str] = OrderedDict()

    def fill(self, document: Document) -> Document:
        """Returns the document with an id in each button that runs a command."""
        return Document(tuple(map(self._ready, document.elements)))

    def get(self, token: str) -> str | None:
        """The command behind a button; None when it is not known."""
        return self._commands.get(token)

    def _ready(self, element: Element) -> Element:
        if not isinstance(element, Actions):
            return element
        return Actions(tuple(self._button(button) for button in element.buttons))

    def _button(self, button: Button) -> Button:
        if button.act not in ("run", "ask"):
            return button
        token = secrets.token_urlsafe(18)
        self._commands[token] = button.command
        while len(self._commands) > MOST:
            self._commands.popitem(last=False)
        return replace(button, token=token)
