"""Overrides: what people changed beside an app's configuration, by release revision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bot.context import Target
from bot.desk.base import DeskBase

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.store.overrides import Override, OverrideSet


class ReleaseDesk(DeskBase):
    """What holds for an app beside its configuration, and since which revision."""

    async def overrides(self, target: Target, revision: int | None = None) -> OverrideSet:
        """An app's overrides now, or as they held at a release revision."""
        from bot.store import overrides

        cluster, app = target.cluster, target.app
        return await self._store.read(lambda db: overrides.at_revision(db, cluster, app, revision))

    async def recorded_revisions(self, target: Target, numbers: Iterable[int]) -> set[int]:
        """Those of these revisions whose success is on record."""
        from bot.store import overrides

        cluster, app, asked = target.cluster, target.app, tuple(numbers)

        def work(db: Database) -> set[int]:
            return {n for n in asked if overrides.at_revision(db, cluster, app, n).revision == n}

        return await self._store.read(work)

    @staticmethod
    def is_request_id(word: str) -> bool:
        """Whether a word looks like the id of a request of ours."""
        from bot.store.requests import ALPHABET

        return len(word) == 14 and set(word) <= set(ALPHABET)

    async def save_overrides(
        self, target: Target, revision: int, items: Iterable[Override]
    ) -> None:
        """Records exactly these for a revision."""
        from bot.store import overrides

        kept = tuple(items)
        cluster, app = target.cluster, target.app
        await self._store.write(lambda db: overrides.save(db, cluster, app, revision, kept))

    async def put_overrides(self, target: Target, items: Iterable[Override]) -> None:
        """Adds or replaces single ones at the newest recorded revision."""
        from bot.store import overrides

        new = tuple(items)
        cluster, app = target.cluster, target.app

        def work(db: Database) -> None:
            newest = overrides.current(db, cluster, app).revision
            overrides.put(db, cluster, app, newest, *new)

        await self._store.write(work)

    async def carry_overrides(self, target: Target, source: int, revision: int) -> None:
        """Gives a new revision the overrides of an older one."""
        from bot.store import overrides

        cluster, app = target.cluster, target.app
        await self._store.write(lambda db: overrides.carry(db, cluster, app, source, revision))

    async def set_aside_overrides(self, target: Target) -> None:
        """Keeps an app's overrides for its next release, whose revisions begin anew."""
        from bot.store import overrides

        cluster, app = target.cluster, target.app
        await self._store.write(lambda db: overrides.set_aside(db, cluster, app))

    async def forget_overrides(self, target: Target) -> None:
        """Drops all overrides of an app."""
        from bot.store import overrides

        cluster, app = target.cluster, target.app
        await self._store.write(lambda db: overrides.forget(db, cluster, app))
