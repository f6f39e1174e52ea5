"""Looks at one cluster's Velero: asks for what no watch tells, and hands on what it found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

import structlog

from bot.alerts import Act, Condition, Findings
from bot.errors import sentence
from bot.recovery.watch import stocktaking
from bot.recovery.watch.mirror import Lost, Mirror
from bot.recovery.watch.notices import Notice, notices, present
from bot.recovery.watch.picture import MINUTE, Known, Picture, Site
from bot.recovery.watch.promises import overdue
from bot.recovery.watch.watchdog import doubtful, examine, suspects
from bot.recovery.which.apps import app_selector
from bot.render.document import marked
from bot.store import sightings
from integrations.errors import IntegrationError
from integrations.kubernetes.kinds import DEPLOYMENT, PERSISTENT_VOLUME_CLAIM, STATEFUL_SET
from integrations.velero import kinds, names
from integrations.velero.errors import ServerAway, VeleroMissing
from integrations.velero.models import Backup
from integrations.velero.values import micros, part

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.alerts.threads import Threads
    from bot.config import Config
    from bot.recovery.watch.stocktaking import Stock
    from bot.releases.targets import AppRef
    from bot.store.db import Store
    from integrations.velero.client import Velero
    from integrations.velero.models import Restore

log = structlog.get_logger(__name__)

AWAY = 5 * MINUTE
"""How long a cluster may be out of reach before it is told."""
ASK_AGAIN = 5 * MINUTE
BEGAN = "began"
_VOLUMES = {
    "Backup": (kinds.BACKUP_NAME_LABEL, kinds.VOLUME_BACKUP, kinds.DATA_UPLOAD),
    "Restore": (kinds.RESTORE_NAME_LABEL, kinds.VOLUME_RESTORE, kinds.DATA_DOWNLOAD),
}


class Guard:
    """One cluster's.

    Args:
        cluster: Its name.
        velero: Its Velero.
        config: The configuration in force.
        store: Remembers what was told of others' runs.
        threads: Keeps what is wrong.
        clock: Microseconds UTC.
        stock: Knows which volumes backups hold.
        patience: Seconds in which Velero's server must answer.
    """

    def __init__(
        self,
        cluster: str,
        velero: Velero,
        config: Callable[[], Config],
        store: Store,
        threads: Threads,
        clock: Callable[[], int],
        *,
        stock: Stock,
        patience: float,
    ) -> None:
        self._stock, self._patience = stock, patience
        self._cluster, self._velero, self._config = cluster, velero, config
        self._store, self._threads, self._clock = store, threads, clock
        self._seen: dict[str, sightings.Sighting] | None = None
        self._born: dict[str, tuple[int, int | None]] = {}
        self._copied: dict[str, int] = {}
        self._asked: tuple[int, bool] | None = None
        self._site: Site | None = None

    def mirror(self, stalled: Mapping[str, int], stirred: Callable[[], None]) -> Mirror:
        """The picture that `look` goes by."""
        return Mirror(self._velero, self._clock, stalled, stirred)

    async def look(self, mirror: Mirror, known: Collection[str]) -> None:
        """Looks once, and tells what is new.

        Args:
            mirror: What there is.
            known: Names of the registered commands.

        Raises:
            StoreUnavailable: Nothing was written; the next look tells it.
        """
        now = self._clock()
        await self._hold_contact(mirror, now)
        if not mirror.complete:
            return
        picture = mirror.picture
        site = self._current(len(picture.backups))
        seen = await self._remembered(picture, now)
        await self._measure(mirror, picture, now)
        facts = Known(
            now,
            dict(mirror.moved),
            {n.removeprefix("paused/"): s.at for n, s in seen.items() if n.startswith("paused/")},
            await self._ages(site, picture, now),
            await self._server(picture, Known(now, mirror.moved), now),
        )
        findings = examine(site, picture, facts, self._stock.verdicts(site, picture))
        await self._threads.hold(f"velero/{self._cluster}", findings, cluster=self._cluster)
        states = {name: sighting.state for name, sighting in seen.items()}
        for notice in notices(site, picture, states, now, known):
            await self._tell(notice, now)

    def _current(self, backups: int) -> Site:
        """The cluster by the configuration in force; anew when it remembers much that is gone."""
        config, crowd = self._config(), 2 * backups + 1_000
        if self._site is None or self._site.config is not config or self._site.remembered > crowd:
            self._site = Site(config, self._cluster)
        return self._site

    async def _hold_contact(self, mirror: Mirror, now: int) -> None:
        source, lost = f"contact/{self._cluster}", mirror.lost
        if lost is not None and now - lost.since >= AWAY:
            findings = Findings((_out_of_reach(self._cluster, lost),))
        elif mirror.complete:
            findings = Findings(well={"velero": ("Velero is watched again.",)})
        else:
            return
        await self._threads.hold(source, findings, cluster=self._cluster)

    async def _remembered(self, picture: Picture, now: int) -> dict[str, sightings.Sighting]:
        """What was told before; at the first look ever all that is over counts as told."""
        if self._seen is None:
            all_ = await self._store.read(lambda db: sightings.of(db, self._cluster))
            self._seen = {n: s for n, s in all_.items() if not n.startswith(stocktaking.PREFIX)}
        seen = self._seen
        fresh: dict[str, str] = {}
        if BEGAN not in seen:
            fresh = {BEGAN: BEGAN, **present(picture)}
        paused = {f"paused/{s.uid}": "paused" for s in picture.schedules if s.paused}
        fresh |= {name: state for name, state in paused.items() if name not in seen}
        there = {f"backup/{b.uid}" for b in picture.backups}
        there |= {f"restore/{r.uid}" for r in picture.restores}
        there |= {f"schedule/{s.uid}" for s in picture.schedules}
        gone = [n for n in seen if n != BEGAN and n not in there and n not in paused]
        if fresh or gone:
            await self._note(fresh, now, gone)
        return seen

    async def _note(self, states: Mapping[str, str], now: int, gone: Collection[str] = ()) -> None:
        new = [sightings.Sighting(name, state, now) for name, state in states.items()]

        def work(db: Database) -> None:
            sightings.forget(db, self._cluster, gone)
            sightings.note(db, self._cluster, new)

        await self._store.write(work)
        self._remember(new, gone)

    def _remember(self, new: Collection[sightings.Sighting], gone: Collection[str] = ()) -> None:
        if self._seen is not None:
            self._seen |= {one.name: one for one in new}
            for name in gone:
                self._seen.pop(name, None)

    async def _tell(self, notice: Notice, now: int) -> None:
        new = [sightings.Sighting(name, state, now) for name, state in notice.told.items()]
        log.info("a run of others", message=notice.document.headline, cluster=self._cluster)
        await self._threads.tell(
            notice.key, notice.document, lambda db: sightings.note(db, self._cluster, new)
        )
        self._remember(new)

    async def _measure(self, mirror: Mirror, picture: Picture, now: int) -> None:
        """Counts bytes of volumes for runs whose objects stand still: a big one takes its time."""
        doubted = suspects(picture, Known(now, mirror.moved))
        self._copied = {r.uid: self._copied[r.uid] for r in doubted if r.uid in self._copied}
        for run in doubted:
            done = await self._bytes(run)
            if done is None:
                continue
            if done > self._copied.get(run.uid, done):
                mirror.moved[run.uid] = now
            self._copied[run.uid] = done

    async def _bytes(self, run: Backup | Restore) -> int | None:
        label, *sorts = _VOLUMES["Backup" if isinstance(run, Backup) else "Restore"]
        done = 0
        for kind in sorts:
            try:
                found = await self._velero.list_objects(
                    kind, {str(label): names.label_value(run.name)}
                )
            except VeleroMissing:  # older ones lack the data mover
                continue
            except IntegrationError:
                return None
            done += sum(
                int(part(part(o, "status"), "progress").get("bytesDone") or 0) for o in found
            )
        return done

    async def _ages(self, site: Site, picture: Picture, now: int) -> dict[str, int | None]:
        """Since when apps whose backups are too old are in the cluster, if they are at all."""
        ages: dict[str, int | None] = {}
        for ref in overdue(site, picture, now):
            at, born = self._born.get(ref.name, (0, None))
            if now - at >= ASK_AGAIN:
                try:
                    born = await self._since(ref)
                except IntegrationError as error:
                    log.warning("app not looked for", app=ref.name, why=str(error))
                    continue
                self._born[ref.name] = now, born
            ages[ref.name] = born
        return ages

    async def _since(self, ref: AppRef) -> int | None:
        times = []
        for kind in (DEPLOYMENT, STATEFUL_SET, PERSISTENT_VOLUME_CLAIM):
            found = await self._velero.kube.list(kind, ref.namespace, labels=app_selector(ref))
            times += [micros(part(o, "metadata").get("creationTimestamp")) for o in found.items]
        return min((at for at in times if at is not None), default=None)

    async def _server(self, picture: Picture, known: Known, now: int) -> bool | None:
        """Asks the server whether it lives, seldom, and only while it leaves something undone."""
        if not doubtful(picture, known):
            self._asked = None
            return None
        if self._asked is not None and now - self._asked[0] < ASK_AGAIN:
            return self._asked[1]
        try:
            await self._velero.server(self._patience)
        except ServerAway:
            self._asked = now, False
        except IntegrationError as error:
            log.warning("Velero's server not asked", cluster=self._cluster, why=str(error))
            return None
        else:
            self._asked = now, True
        return self._asked[1]


def _out_of_reach(cluster: str, lost: Lost) -> Condition:
    return Condition(
        "velero",
        f"Backups on {cluster} cannot be watched",
        lost.since,
        why=(marked(lost.error.message),),
        todo=marked(sentence(lost.error.hint or "See that the cluster answers")),
        acts=(Act("Check", "check"),),
    )
