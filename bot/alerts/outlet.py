"""Where threads are shown, as far as this package knows it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from bot.render.document import Actions, Button, Document, Element
from bot.store import offers

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.render.document import Image


class Outlet(Protocol):
    """The channels of a chat. Everything is queued in the transaction given.

    A message has a key of ours; where a `channel` can be named, none means the ops channel.
    """

    @property
    def configured(self) -> bool:
        """Whether there is an ops channel."""

    def posted(self, db: Database, key: str) -> bool:
        """Whether there is a message under that key, or one on its way."""

    def standing(self, db: Database, key: str) -> bool:
        """Whether the message under that key has been posted."""

    def keep(
        self, db: Database, key: str, document: Document, *, channel: str = "", live: bool = False
    ) -> None:
        """Posts a message, or edits the one under the same key.

        Args:
            db: The database, in a transaction.
            key: Its name.
            document: What it says.
            channel: Where it is posted; an edit goes where the message is.
            live: It waits for its turn among the edits, and newer ones may follow.
        """

    def reply(self, db: Database, thread: str, document: Document, *, channel: str = "") -> None:
        """Answers below the message under that key."""

    def attach(self, db: Database, thread: str, image: Image, *, channel: str = "") -> None:
        """Puts a picture below the message under that key."""

    def answering(self, db: Database, thread: str) -> bool:
        """Whether an answer below that message is still unsent."""

    def refusal(self, db: Database, key: str) -> str:
        """Why the newest state of a message was given up; empty unless it was."""

    def wake(self) -> None:
        """Is called after the transaction is durable."""


def pressable(db: Database, key: str, document: Document, now: int) -> Document:
    """The message with what each of its buttons runs written down, so that presses find it."""

    def ready(button: Button) -> Button:
        return replace(button, token=offers.put(db, key, button.command, now))

    def made(element: Element) -> Element:
        if not isinstance(element, Actions):
            return element
        return Actions(tuple(map(ready, element.buttons)))

    return Document(tuple(map(made, document.elements)))
