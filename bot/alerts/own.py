"""The bot's own troubles: deploys that failed, an audit log that was changed.

Both are read from the state, so that a restart tells nothing twice and forgets nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bot.alerts.condition import Act, Condition, Findings, Item, Sentence
from bot.releases.targets import apps_on
from bot.render.document import Document, Mono, Person, Text, from_json
from bot.store import audit, requests, sightings
from bot.store.audit import Kind
from bot.store.requests import Request, State
from bot.store.sightings import Sighting
from bot.store.verify import Verification, verify

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.alerts.threads import Threads
    from bot.config import Config
    from bot.store.db import Store

DAY = 86_400_000_000
FAILING = ("deploy", "rollback")
MENDING = (*FAILING, "restore", "uninstall")
BACK = 14 * DAY
"""A failed deploy that is older opens no thread; one that is open stays."""
DEPLOYS, AUDIT, CHAIN = "deploys", "audit", "chain"


class OwnTroubles:
    """Opens and closes the threads about what the bot itself did or keeps.

    Args:
        store: Knows what ran, and holds the audit log.
        threads: Where it is told.
        config: The configuration in force.
        clock: Microseconds UTC.
    """

    def __init__(
        self,
        store: Store,
        threads: Threads,
        config: Callable[[], Config],
        clock: Callable[[], int],
    ) -> None:
        self._store, self._threads = store, threads
        self._config, self._clock = config, clock

    async def look(self) -> None:
        """Looks at both; the audit log is read as a whole once a day.

        Raises:
            StoreUnavailable: Not all was told; the next look does it.
        """
        told = await self._threads.standing(DEPLOYS)
        for cluster in {*self._config().clusters, *(thread.cluster for thread in told)}:
            await self._deploys(cluster, {t.condition for t in told if t.cluster == cluster})
        await self._audit()

    async def _deploys(self, cluster: str, told: set[str]) -> None:
        config, since = self._config(), self._clock() - BACK
        found = await self._store.read(
            lambda db: requests.latest(
                db,
                cluster=cluster,
                since=since,
                commands=MENDING,
                states=(State.DONE, State.FAILED, State.STUCK),
            )
        )
        known = cluster in config.clusters
        apps = {ref.name for ref in apps_on(config, cluster)} if known else set()
        last = {app: request for app, request in found.items() if app in apps}
        before = {name.removeprefix(f"{DEPLOYS}/{cluster}/") for name in told}
        elsewhere = "" if cluster == config.default_cluster else f" --cluster {cluster}"
        settled = {app for app, r in last.items() if _bad(r) or _well(r)}
        findings = Findings(
            tuple(_failed(r, elsewhere) for r in last.values() if _bad(r)),
            frozenset((before & apps) - settled),  # what became of it is not known any more
            _reasons(before, apps, last),
        )
        await self._threads.hold(f"{DEPLOYS}/{cluster}", findings, cluster=cluster)

    async def _audit(self) -> None:
        now, key = self._clock(), self._store.audit.key
        seen = await self._store.read(lambda db: sightings.of(db, AUDIT).get(CHAIN))
        if seen is None or not 0 <= now - seen.at < DAY:
            verdict = await self._store.read(lambda db: verify(db, key))
            await self._store.write(lambda db: self._verified(db, verdict, now))
        broken = await self._store.read(_break)
        findings = Findings((broken,) if broken else ())
        await self._threads.hold(AUDIT, findings)

    def _verified(self, db: Database, verdict: Verification, now: int) -> None:
        if verdict.first_broken is not None and audit.known_break(db) is None:
            self._store.audit.mark_broken(db, verdict.first_broken, verdict.why)
        sightings.note(db, AUDIT, [Sighting(CHAIN, "", now)])


def _bad(request: Request) -> bool:
    """Whether it left its app as nobody wanted it."""
    return request.command in FAILING and request.state in (State.FAILED, State.STUCK)


def _well(request: Request) -> bool:
    return request.state is State.DONE


def _reasons(before: set[str], apps: set[str], last: Mapping[str, Request]) -> dict[str, Sentence]:
    """What ends the threads that end."""
    done: dict[str, Sentence] = {
        app: (Mono(r.text), " by ", Person(r.actor, r.person), " worked.")
        for app, r in last.items()
        if _well(r)
    }
    return {app: ("It is not configured here any more.",) for app in before - apps} | done


def _failed(request: Request, elsewhere: str) -> Condition:
    app, stuck = request.app, request.state is State.STUCK
    how = "needs a person" if stuck else "failed"
    acts = [Act("Status", f"status {app}{elsewhere}"), Act("History", f"history {app}{elsewhere}")]
    if request.command == "deploy" and not stuck:
        acts.append(Act("Roll back", f"rollback {app}{elsewhere}"))
    return Condition(
        app,
        f"The last {request.command} of {app} {how}",
        request.finished_at or request.started_at or request.created_at,
        why=(
            (Mono(request.text), " by ", Person(request.actor, request.person), "."),
            *_why(request),
        ),
        todo=("See how it stands, then deploy it again or roll it back; that closes this.",),
        acts=tuple(acts),
        items=(Item(request.id, (Mono(request.text), f" {how}.")),),
        app=app,
        severity="error",  # whoever deployed it was told, and nobody need be woken for it
    )


def _why(request: Request) -> tuple[Sentence, ...]:
    """The outcome as its asker was told it: the headline, and the first paragraph."""
    told = (request.outcome or {}).get("document")
    document = from_json(told) if told else None
    if not isinstance(document, Document):
        return ()
    texts = [e.parts for e in document.elements if isinstance(e, Text)]
    return ((f"{document.headline}.",) if document.headline else (), *texts[:1])


def _break(db: Database) -> Condition | None:
    """What is known to be wrong with the audit log; the later rows carry it for ever."""
    broken = audit.known_break(db)
    if broken is None:
        return None
    told = audit.search(db, kind=Kind.BREAK, limit=1)
    why = str(told[0].body.get("why", "")) if told else ""
    return Condition(
        CHAIN,
        f"The audit log does not hold from row {broken} on",
        told[0].at if told else 0,
        why=(
            *(((why,),) if why else ()),
            ("Rows were changed or are missing. What the bot does goes on, and is recorded.",),
        ),
        todo=(
            "See who could write the database, and compare the daily heads above with ",
            Mono("audit export"),
            ".",
        ),
        acts=(Act("Verify", "audit verify"),),
    )
