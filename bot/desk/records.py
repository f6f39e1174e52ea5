"""Jobs, the audit log, and people's locks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bot.context import Asker, Target
from bot.desk.base import DeskBase, path_of

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.store.audit import AuditRow
    from bot.store.requests import Request
    from bot.store.steps import Step
    from bot.store.sticky_locks import StickyLock
    from bot.store.verify import Verification

EXPORT_PAGE = 1000


class RecordDesk(DeskBase):
    """What runs and ran, what was done, and what is kept from being changed."""

    async def jobs(self, since: int | None, limit: int = 50) -> list[Request]:
        """The newest operations: those that have not ended, and those made since a moment."""
        from bot.store import requests

        def work(db: Database) -> list[Request]:
            rows = requests.find(db, limit=limit)
            open_ = requests.find(db, states=requests.PENDING, limit=limit)
            recent = [r for r in rows if since is None or r.created_at >= since]
            known = {r.id for r in recent}
            both = recent + [r for r in open_ if r.id not in known]
            return sorted(both, key=lambda r: (r.created_at, r.id), reverse=True)

        return await self._store.read(work)

    async def job(self, request_id: str) -> Request | None:
        """One operation."""
        from bot.store import requests

        return await self._store.read(lambda db: requests.get(db, request_id))

    async def called(self, actors: Iterable[str]) -> dict[str, str]:
        """Actor → what people call them."""
        from bot.store import requests

        persons = {actor: self._powers.config().person_of(actor) for actor in actors}
        return await self._store.read(
            lambda db: {a: requests.called(db, a, person) for a, person in persons.items()}
        )

    async def steps(self, request_id: str) -> list[Step]:
        """The steps that an operation has begun."""
        from bot.store import steps

        return await self._store.read(lambda db: steps.listed(db, request_id))

    async def cancel(self, request_id: str, asker: Asker) -> bool:
        """Asks an operation to stop before its next step."""
        return await self._powers.cancel(request_id, asker)

    async def audit_search(self, **filters: Any) -> list[AuditRow]:
        """The newest matching rows; the filters are those of `bot.store.audit.search`."""
        from bot.store import audit

        return await self._store.read(lambda db: audit.search(db, **filters))

    async def audit_verify(self) -> Verification:
        """Reads the whole log and names the first broken row."""
        from bot.store import verify

        key = self._store.audit.key
        return await self._store.read(lambda db: verify.verify(db, key))

    async def audit_rows_between(self, since: int | None, until: int | None) -> list[AuditRow]:
        """Rows in their order, from a moment up to another (microseconds UTC)."""
        from bot.store import audit

        def work(db: Database) -> list[AuditRow]:
            rows: list[AuditRow] = []
            after = 0
            while page := audit.page(db, after, EXPORT_PAGE):
                after = page[-1].seq
                rows += [
                    r for r in page if (since or 0) <= r.at and (until is None or r.at < until)
                ]
            return rows

        return await self._store.read(work)

    async def audit_export(self, fmt: str, since: int | None, until: int | None) -> tuple[str, int]:
        """Rows as CSV or JSON Lines, and how many they are."""
        from bot.store import export

        rows = await self.audit_rows_between(since, until)
        return "".join(export.export(rows, fmt)), len(rows)

    async def lock_on(self, target: Target) -> StickyLock | None:
        """A person's lock on exactly this place."""
        from bot.store import sticky_locks

        path, now = path_of(target), self._store.clock()
        return await self._store.read(lambda db: sticky_locks.get(db, path, now))

    async def lock(
        self, by: Asker, target: Target, reason: str, expires_at: int | None, request_id: str
    ) -> StickyLock | None:
        """Puts a lock on a place; returns the one that is there already, if any."""
        from bot.store import sticky_locks

        def work(db: Database) -> StickyLock | None:
            now = self._store.clock()
            new = sticky_locks.StickyLock(
                path_of(target), target.cluster, by.actor, by.person, reason, now, expires_at
            )
            there = sticky_locks.lock(db, new)
            if there is None:
                body = {"reason": reason, "expires_at": expires_at}
                self._note(db, "lock", by, "lock", body, request_id, target)
            return there

        return await self._store.write(work)

    async def unlock(self, by: Asker, target: Target, request_id: str) -> bool:
        """Takes a person's lock off exactly this place; False when there was none."""
        from bot.store import sticky_locks

        def work(db: Database) -> bool:
            gone = sticky_locks.unlock(db, path_of(target))
            if gone:
                self._note(db, "lock", by, "unlock", {}, request_id, target)
            return gone

        return await self._store.write(work)
