"""What changed in a cluster: the bot's own operations, and what it saw others do."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from bot.desk.base import DeskBase

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.store.outside_changes import OutsideChange
    from bot.store.requests import Request


class ChangeDesk(DeskBase):
    """What was done in a cluster, by the bot and outside it."""

    async def changed(
        self,
        *,
        cluster: str,
        since: int,
        until: int,
        commands: Collection[str],
        namespace: str = "",
        app: str = "",
    ) -> tuple[list[Request], list[OutsideChange]]:
        """Operations of those commands that began in a time, and changes by others.

        Args:
            cluster: Where.
            since: Microseconds UTC.
            until: Microseconds UTC, excluded.
            commands: Names of the commands that are meant.
            namespace: Only there, when given.
            app: Only this app, when given.
        """
        from bot.store import outside_changes, requests

        def work(db: Database) -> tuple[list[Request], list[OutsideChange]]:
            own = requests.begun(
                db,
                cluster=cluster,
                since=since,
                until=until,
                commands=commands,
                namespace=namespace,
                app=app,
            )
            others = outside_changes.find(
                db, cluster=cluster, since=since, until=until, namespace=namespace, app=app
            )
            return own, others

        return await self._store.read(work)

    async def watched_since(self, cluster: str, namespace: str = "") -> int | None:
        """Since when changes by others are seen there (microseconds UTC); None for not at all."""
        from bot.store import outside_changes

        return await self._store.read(
            lambda db: outside_changes.watched_since(db, cluster, namespace)
        )
