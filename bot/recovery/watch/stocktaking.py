"""Does the newest backup of each app hold the data of its volumes? Looked at once for each backup.

`Completed` can mean that a volume was passed over with a warning. The store knows better, so it is
asked for what others made too, and what it said is kept.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import structlog

from bot.alerts import Condition, Item
from bot.recovery.backups.checking import gather_evidence
from bot.recovery.backups.proof import Unprotected, prove
from bot.recovery.watch.picture import MINUTE, Picture, Site, age, ended_at, expired
from bot.recovery.watch.promises import Verdict
from bot.releases.words import count
from bot.render.document import Mono, marked
from bot.store import sightings
from integrations.errors import IntegrationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlite_utils import Database

    from bot.context import Cluster
    from bot.store.db import Store
    from integrations.velero.client import Velero
    from integrations.velero.models import Backup

log = structlog.get_logger(__name__)

Lost = tuple[Unprotected, ...]
"""Volumes of a backup without stored data."""

PREFIX = "volumes/"
"""Of names among sightings; the rest is a backup's uid."""
AGAIN = 5 * MINUTE
"""After which a store that did not answer is asked again; twice that after the next time."""
PATIENCE = 60.0
"""Seconds for one backup: Velero hands out addresses one after the other."""
_DOUBLINGS = 8
_MENDS = 3


class Stock:
    """What is known of one cluster's backups.

    Args:
        cluster: Where.
        velero: Its Velero.
        store: Remembers what the store said.
        clock: Microseconds UTC.
        stirred: Is told when more is known; must not block.
    """

    def __init__(
        self,
        cluster: Cluster,
        velero: Velero,
        store: Store,
        clock: Callable[[], int],
        stirred: Callable[[], None],
    ) -> None:
        self._cluster, self._velero, self._store = cluster, velero, store
        self._clock, self._stirred = clock, stirred
        self._known: dict[str, Lost] = {}
        self._tried: dict[str, tuple[int, int]] = {}
        self._wanted: dict[str, Backup] = {}
        self._there: frozenset[str] = frozenset()
        self._asked = asyncio.Event()

    def verdicts(self, site: Site, picture: Picture) -> Iterator[Verdict]:
        """What is known now; what is not, is asked for in the background."""
        newest = newest_complete(site, picture, self._clock())
        self._there = frozenset(b.uid for b in picture.backups)
        self._wanted = {b.uid: b for b in newest.values() if b and b.uid not in self._known}
        self._tried = {uid: last for uid, last in self._tried.items() if uid in self._wanted}
        if self._wanted:
            self._asked.set()
        for app, backup in newest.items():
            yield judge(site, app, backup, self._known.get(backup.uid) if backup else None)

    async def run(self) -> None:
        """Asks for what is wanted, until cancelled."""
        before = await self._store.read(lambda db: sightings.of(db, self._cluster.name))
        for name, sighting in before.items():
            if name.startswith(PREFIX):
                self._known[name.removeprefix(PREFIX)] = _read(sighting.state)
        self._stirred()
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._ask()

    async def _ask(self) -> None:
        for uid, backup in [*self._wanted.items()]:
            tries, last = self._tried.get(uid, (0, 0))
            early = tries and self._clock() - last < AGAIN * 2 ** min(tries - 1, _DOUBLINGS)
            if early or uid in self._known:
                continue
            try:
                lost = await self._prove(backup)
                if lost is not None:
                    await self._keep(uid, lost)
            except Exception as error:
                log.error("volumes not looked at", backup=backup.name, exc_info=error)
                lost = None
            if lost is None:
                self._tried[uid] = tries + 1, self._clock()

    async def _prove(self, backup: Backup) -> Lost | None:
        """Volumes without stored data; None when the store does not tell."""
        try:
            async with asyncio.timeout(PATIENCE):
                evidence, why = await gather_evidence(self._cluster, self._velero, backup)
        except (TimeoutError, IntegrationError) as error:
            why = repr(error)
        if why:
            log.warning("volumes not looked at", backup=backup.name, why=why)
            return None
        return prove(evidence).unprotected

    async def _keep(self, uid: str, lost: Lost) -> None:
        state = json.dumps([[one.claim, one.cause, one.mend] for one in lost])
        new = sightings.Sighting(PREFIX + uid, state, self._clock())
        gone = [one for one in self._known if one not in self._there]

        def work(db: Database) -> None:
            sightings.forget(db, self._cluster.name, [PREFIX + one for one in gone])
            sightings.note(db, self._cluster.name, [new])

        await self._store.write(work)
        for one in gone:
            del self._known[one]
        self._known[uid] = lost
        self._stirred()


def newest_complete(site: Site, picture: Picture, now: int) -> Mapping[str, Backup | None]:
    """App → its newest complete backup that is not expired; of apps whose volumes are saved."""
    found: dict[str, list[Backup]] = {
        ref.name: []
        for ref in site.apps
        if ref.config.backup and ref.config.backup.volumes != "none"
    }
    for backup in picture.backups:
        if backup.completed and not expired(backup, now):
            found.get(site.app_of(backup), []).append(backup)
    return {app: max(backups, key=age, default=None) for app, backups in found.items()}


def judge(site: Site, app: str, backup: Backup | None, lost: Lost | None) -> Verdict:
    """What is to be said of an app's newest complete backup.

    Args:
        site: The cluster.
        app: The app's name.
        backup: That backup; None when there is none.
        lost: Its volumes without stored data; None when the store did not tell yet.
    """
    key = f"volumes/{app}"
    if backup is None:
        return Verdict(key)
    if lost is None:
        return Verdict(key, unsure=True)
    if not lost:
        return Verdict(key, well=(Mono(backup.name), " holds the data of all its volumes."))
    what = f"of {count(len(lost), 'volume')}"
    mends = [*dict.fromkeys(one.mend.rstrip(".") for one in lost)]
    broken = Condition(
        key,
        f"The newest backup of {app} lacks the data {what}",
        ended_at(backup),
        why=((Mono(backup.name), " is complete for Velero, but from it these come back empty:"),),
        todo=marked(". ".join(mends[:_MENDS]) + "."),
        acts=(
            site.act("What is in it", f"backup describe {backup.name}"),
            site.act("Back up again", f"backup create {app}"),
        ),
        items=tuple(Item(one.claim, marked(f"`{one.claim}`: {one.cause}")) for one in lost),
        app=app,
    )
    return Verdict(key, broken)


def _read(state: str) -> Lost:
    return tuple(Unprotected(claim, cause, mend) for claim, cause, mend in json.loads(state))
