"""How well each app is covered: its last good backup, what a drill proved, what comes next."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bot.recovery.backups.scheduling import LATE
from bot.recovery.which.apps import APP_LABEL, backs, base_name, velero_of
from bot.recovery.words.times import length
from bot.recovery.words.wording import phase
from bot.releases.errors import as_words
from bot.releases.targets import AppRef
from bot.releases.words import SECOND, ago, count, span
from integrations.velero import cron
from integrations.velero.errors import BadSchedule, store_cause
from integrations.velero.models import Backup, Location, Schedule

if TYPE_CHECKING:
    from bot.context import Cluster, Ctx
    from bot.store.drills import Drill
    from integrations.velero.client import Velero

State = Literal["at risk", "unknown", "look at it", "protected"]
ORDER: tuple[State, ...] = ("at risk", "unknown", "look at it", "protected")
"""Worst first."""

ANSWER = 6.0
"""Seconds that a cluster has for what it knows."""
PROOF = 3.0
"""Seconds that its store has for what became of volumes; without an answer that is unknown."""
_AT_ONCE = 4
SWEPT = 600 * SECOND
"""Microseconds in which the copy that a drill left behind is removed, or stands open."""
STALE = 30 * 86_400 * SECOND
"""Microseconds for which a drill proves something, where none is scheduled."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one app on one cluster.

    Attributes:
        backups: All of the cluster, newest first.
        drills: The app's, newest first.
        left: What stands open about copies of its drills that are still there, a line each.
        unprotected: Volumes of the last good backup without stored data; None when unknown.
    """

    ref: AppRef
    backups: Sequence[Backup] = ()
    schedules: Sequence[Schedule] = ()
    locations: Sequence[Location] = ()
    drills: Sequence[Drill] = ()
    left: Sequence[str] = ()
    unprotected: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One app on one cluster. Times are microseconds UTC, None when there is none.

    Attributes:
        why: What is wrong, sentences, worst first.
        backup: The last good one.
        wanted: Seconds: the oldest that it may be.
        proved: The backup that a drill proved last.
        ready_after: How long that drill's copy took to be ready, microseconds.
        unprotected: Volumes of the last good backup without stored data; None when unknown.
        next_at: When a schedule makes the next one; in the past when it is overdue.
        storage: `available`, or what is wrong with it; empty when unknown.
    """

    app: str
    cluster: str
    state: State
    why: tuple[str, ...] = ()
    backup: str = ""
    backup_at: int | None = None
    wanted: float = 0
    proved: str = ""
    proved_at: int | None = None
    ready_after: int | None = None
    unprotected: tuple[str, ...] | None = None
    next_at: int | None = None
    storage: str = ""


def judge(facts: Facts, now: int) -> Line:
    """Puts an app's facts into one line. Pure."""
    ref, settings = facts.ref, facts.ref.config.backup
    if settings is None:
        why = ("It has no `backup` in the configuration.",)
        return Line(ref.name, ref.cluster, "at risk", why)
    mine = [b for b in facts.backups if backs(b, ref.name, base_name(ref), ref.cluster)]
    good = last_good(facts.backups, ref, now)
    proved = next((d for d in facts.drills if d.proved), None)
    schedules = [s for s in facts.schedules if makes(s, ref)]
    storage = _storage(facts, good)
    bad = [*_about_backup(ref, mine, good, facts.unprotected, now), *_about_storage(storage)]
    bad += _about_drills(facts.drills)
    odd = _about_proof(ref, proved, now)
    if good is not None and facts.unprotected is None:
        odd.append("Whether its volumes are stored could not be seen: ask `backup describe`.")
    odd += [*_about_schedules(ref.name, schedules, now), *_about_copies(facts, now)]
    return Line(
        app=ref.name,
        cluster=ref.cluster,
        state="at risk" if bad else "look at it" if odd else "protected",
        why=(*bad, *odd),
        backup=good.name if good else "",
        backup_at=_made(good) if good else None,
        wanted=settings.recovery_point,
        proved=proved.backup if proved else "",
        proved_at=proved.finished_at if proved else None,
        ready_after=proved.ready_after if proved else None,
        unprotected=facts.unprotected,
        next_at=min((at for s in schedules if (at := cron.next_due(s)) is not None), default=None),
        storage=storage,
    )


def last_good(backups: Sequence[Backup], ref: AppRef, now: int) -> Backup | None:
    """The newest backup of an app that could be restored without loss."""
    return next(
        (
            b
            for b in backups
            if backs(b, ref.name, base_name(ref), ref.cluster) and b.completed and _lasts(b, now)
        ),
        None,
    )


def makes(schedule: Schedule, ref: AppRef) -> bool:
    """Whether a schedule makes the app's backups."""
    template: Mapping[str, object] = schedule.template.get("metadata") or {}
    labels = template.get("labels")
    inner = labels.get(APP_LABEL) if isinstance(labels, Mapping) else None
    owner = schedule.labels.get(APP_LABEL) or inner
    return owner == ref.name if owner else schedule.name == base_name(ref)


def _made(backup: Backup) -> int | None:
    return backup.started_at or backup.created_at


def _lasts(backup: Backup, now: int) -> bool:
    return backup.expires_at is None or backup.expires_at > now


def _storage(facts: Facts, good: Backup | None) -> str:
    settings = facts.ref.config.backup
    wanted = (settings.storage if settings else "") or (good.location if good else "")
    places = facts.locations
    place = next((x for x in places if x.name == wanted), None) if wanted else None
    place = place or next((x for x in places if x.default), None)
    if place is None:
        return f"{wanted} is missing" if wanted else "there is none"
    if place.available:
        return "available"
    return store_cause(place.message) if place.message else "not looked at yet"


def _about_storage(storage: str) -> list[str]:
    return [] if storage == "available" else [f"Storage: {storage}."]


def _about_backup(
    ref: AppRef,
    mine: Sequence[Backup],
    good: Backup | None,
    unprotected: tuple[str, ...] | None,
    now: int,
) -> list[str]:
    settings = ref.config.backup
    if good is None or settings is None:
        newest = f"; the newest is {phase(mine[0].phase)}" if mine else ""
        return [f"There is no good backup{newest}."]
    found = []
    age = now - (_made(good) or 0)
    if age > settings.recovery_point * SECOND:
        wanted = length(settings.recovery_point)
        found.append(f"The last good backup is {span(age)} old; at most {wanted} is wanted.")
    latest = next((b for b in mine if b.finished), good)
    if latest.name != good.name:
        found.append(f"The newest backup, {latest.name}, is {phase(latest.phase)}.")
    if unprotected:
        what = count(len(unprotected), "volume")
        found.append(f"{what} without stored data: {', '.join(unprotected[:3])}.")
    return found


def _about_drills(drills: Sequence[Drill]) -> list[str]:
    last = drills[0] if drills else None
    if last is None or last.proved:
        return []
    return [f"The last drill failed: {last.why}"]


def _about_copies(facts: Facts, now: int) -> list[str]:
    """Copies of drills hold production data, and should be gone."""
    last = facts.drills[0] if facts.drills else None
    why = str(last.findings.get("left_behind") or "") if last else ""
    if facts.left or not why or last is None or now - last.finished_at > SWEPT:
        return [f"{line}." for line in facts.left]
    return [f"The last drill left its copy behind, and the bot tries again soon: {why}"]


def _about_proof(ref: AppRef, proved: Drill | None, now: int) -> list[str]:
    """A proof grows old: two periods of the app's drills, or a month without a schedule."""
    if proved is None:
        return ["No drill has proved a backup yet."]
    times = ref.config.backup.drill.cron if ref.config.backup else ""
    lasts = STALE
    with contextlib.suppress(BadSchedule):
        if times:
            lasts = 2 * cron.interval(times, now) * SECOND
    if now - proved.finished_at <= lasts:
        return []
    return [f"The last proof is {span(now - proved.finished_at)} old."]


def _about_schedules(app: str, schedules: Sequence[Schedule], now: int) -> list[str]:
    if not schedules:
        return [f"No schedule makes its backups; `backup schedule create {app}` does."]
    if all(s.paused for s in schedules):
        return ["Its schedule is paused."]
    broken = next((s for s in schedules if s.phase == "FailedValidation"), None)
    if broken is not None:
        return [f"Schedule {broken.name} is not accepted: {', '.join(broken.problems)}."]
    due = [at for s in schedules if (at := cron.next_due(s)) is not None]
    if due and min(due) + LATE < now:
        return [f"A backup was due {ago(min(due), now)}."]
    return []


# -- gathering -----------------------------------------------------------------------------------


async def overview(ctx: Ctx, refs: Sequence[AppRef]) -> tuple[Line, ...]:
    """A line for each app, worst first; a cluster that does not answer costs its own lines only."""
    clusters = sorted({ref.cluster for ref in refs})
    found = await asyncio.gather(
        *(_on_cluster(ctx, name, [r for r in refs if r.cluster == name]) for name in clusters)
    )
    lines = [line for some in found for line in some]
    return tuple(sorted(lines, key=lambda x: (ORDER.index(x.state), x.app, x.cluster)))


async def _on_cluster(ctx: Ctx, name: str, refs: Sequence[AppRef]) -> list[Line]:
    now = ctx.clock()
    asked = [ref for ref in refs if ref.config.backup is not None]
    lines = [judge(Facts(ref), now) for ref in refs if ref.config.backup is None]
    if not asked:
        return lines
    try:
        cluster = ctx.clusters(name)
        velero = velero_of(cluster)
        async with asyncio.timeout(ANSWER):
            backups, schedules, locations = await asyncio.gather(
                velero.backups(), velero.schedules(), velero.locations()
            )
    except TimeoutError:
        return lines + [
            _unknown(ref, f"{name} does not answer in {ANSWER:.0f} s.") for ref in asked
        ]
    except Exception as error:
        return lines + [_unknown(ref, as_words(error)) for ref in asked]
    seats = asyncio.Semaphore(_AT_ONCE)

    async def line(ref: AppRef) -> Line:
        good = last_good(backups, ref, now)
        async with seats:
            unprotected = await _unprotected(cluster, velero, good) if good else None
        drills = await ctx.desk.drills(ref.target)
        left = await ctx.desk.copies_left(ref.target)
        facts = Facts(ref, backups, schedules, locations, drills, left)
        return judge(replace(facts, unprotected=unprotected), now)

    return lines + list(await asyncio.gather(*(line(ref) for ref in asked)))


def _unknown(ref: AppRef, why: str) -> Line:
    settings = ref.config.backup
    wanted = settings.recovery_point if settings else 0
    return Line(ref.name, ref.cluster, "unknown", (why,), wanted=wanted)


async def _unprotected(cluster: Cluster, velero: Velero, backup: Backup) -> tuple[str, ...] | None:
    """Claims of a backup without stored data; None when the store does not tell in time."""
    from bot.recovery.backups.checking import gather_evidence
    from bot.recovery.backups.proof import prove
    from integrations.errors import IntegrationError

    try:
        async with asyncio.timeout(PROOF):
            evidence, unchecked = await gather_evidence(cluster, velero, backup)
    except (TimeoutError, IntegrationError):
        return None
    return None if unchecked else tuple(one.claim for one in prove(evidence).unprotected)
