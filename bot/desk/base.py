"""What all parts of the desk share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from bot.context import Asker, Target

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.config import Config
    from bot.render.document import Document
    from bot.spec import Command
    from bot.store.db import Store

    AnyCommand = Command[Any, Any]


class AlertThreads(Protocol):
    """The threads of alerts, as far as commands change them."""

    def reply(self, db: Database, thread: str, document: Document) -> None:
        """Queues an answer below the message under that key, in the transaction given."""

    def wake(self) -> None:
        """Is called after the transaction is durable: there is something to show."""


class Untold:
    """Stands for the threads where there are none."""

    def reply(self, db: Database, thread: str, document: Document) -> None:
        """Says it to nobody."""

    def wake(self) -> None:
        """Wakes nobody."""


@dataclass(frozen=True, slots=True)
class Powers:
    """What the desk asks of its neighbours; made by the composition root.

    Attributes:
        commands: Every command, in the order of help.
        config: The configuration in force.
        cancel: Asks a running job to stop; False when there is nothing to stop.
        probe: Asks every system that the configuration names: what, `works` or `fails`, in words.
        alerts: Where what people do about alerts is shown.
    """

    commands: Sequence[AnyCommand]
    config: Callable[[], Config]
    cancel: Callable[[str, Asker], Awaitable[bool]]
    probe: Callable[[], Awaitable[Sequence[tuple[str, str, str]]]]
    alerts: Callable[[], AlertThreads] = Untold


class DeskBase:
    """Store, powers, and what follows from them.

    Args:
        store: The state database.
        powers: The parts of the product above the store.
    """

    def __init__(self, store: Store, powers: Powers) -> None:
        self._store, self._powers = store, powers
        self._by_name = {n: c for c in powers.commands for n in (c.name, *c.aliases)}

    @property
    def commands(self) -> tuple[AnyCommand, ...]:
        """Every command once."""
        return tuple(self._powers.commands)

    def command(self, name: str) -> AnyCommand | None:
        """A command by its name or alias."""
        return self._by_name.get(name)

    async def probe(self) -> Sequence[tuple[str, str, str]]:
        """Asks every system that the configuration names: what, `works` or `fails`, in words."""
        return await self._powers.probe()

    def _note(
        self,
        db: Database,
        kind: str,
        by: Asker,
        action: str,
        body: Mapping[str, Any],
        request_id: str,
        target: Target | None = None,
    ) -> None:
        from bot.store.audit import AuditEvent

        place = target or Target("")
        where = "/".join(part for part in (place.namespace, place.app) if part)
        self._store.audit.append(
            db,
            AuditEvent(kind, by.actor, by.person, action, place.cluster, where, request_id, body),
        )


def path_of(target: Target) -> str:
    """A target's path as locks store it."""
    from bot.locks import LockPath

    return LockPath.of(target.cluster, target.namespace, target.app).text
