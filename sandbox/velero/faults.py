"""What may go wrong with the practice Velero, on request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Faults:
    """The failures in force; each stays until it is taken back.

    Attributes:
        away: The server processes nothing.
        backup_fails: Backups end Failed.
        backup_partial: Backups cannot save one of their objects and end PartiallyFailed.
        volumes_fail: The copy of a volume fails, into the store and out of it.
        restore_warns: Each restore adds a warning.
        restore_fails: Restores end Failed.
        restore_partial: Restores cannot restore one of their objects.
    """

    away: bool = False
    backup_fails: bool = False
    backup_partial: bool = False
    volumes_fail: bool = False
    restore_warns: bool = False
    restore_fails: bool = False
    restore_partial: bool = False
    _moving: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Nothing sticks at first."""
        self._moving.set()

    @property
    def sticks(self) -> bool:
        """Runs in progress make no progress."""
        return not self._moving.is_set()

    @sticks.setter
    def sticks(self, value: bool) -> None:
        if value:
            self._moving.clear()
        else:
            self._moving.set()

    async def moving(self) -> None:
        """Wait while runs stick."""
        await self._moving.wait()

    @property
    def active(self) -> list[str]:
        """The names of those in force."""
        return [name for name in SWITCHES if getattr(self, name)]

    def clear(self) -> None:
        """Take all of them back, the absence of the server too."""
        for name in SWITCHES:
            setattr(self, name, False)


SWITCHES = (
    "away", "sticks", "backup_fails", "backup_partial", "volumes_fail", "restore_warns",
    "restore_fails", "restore_partial",
)  # fmt: skip
