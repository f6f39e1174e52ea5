"""Drills: what was proved, as commands see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.context import Target
from bot.desk.base import DeskBase

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.store.drills import Drill


class DrillDesk(DeskBase):
    """Which backups were proved by restoring them."""

    async def record_drill(self, drill: Drill) -> None:
        """Keeps a drill's result; the same operation's again replaces it."""
        from bot.store import drills

        await self._store.write(lambda db: drills.record(db, drill))

    async def drills(self, target: Target) -> list[Drill]:
        """An app's drills, newest first."""
        from bot.store import drills

        return await self._store.read(lambda db: drills.of_app(db, target.cluster, target.app))

    async def copies_left(self, target: Target) -> list[str]:
        """What stands open about copies of an app's drills that are still there, a line each."""
        from bot.store import alert_threads, drills, requests

        source = f"{drills.LEFT}/{target.cluster}/"

        def read(db: Database) -> list[str]:
            found = alert_threads.standing(db, source)
            asked = [(one.title, one.condition.removeprefix(source)) for one in found]
            return [
                title
                for title, name in asked
                if (request := requests.get(db, name)) and request.app == target.app
            ]

        return await self._store.read(read)

    async def proved_backups(self, cluster: str) -> dict[str, int]:
        """Backup → when a drill last proved it (microseconds UTC), for one cluster."""
        from bot.store import drills

        return await self._store.read(lambda db: drills.proved(db, cluster))
