"""Do schedules run when they should? Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bot.alerts import Condition
from bot.alerts.condition import Sentence
from bot.recovery.backups.scheduling import LATE
from bot.recovery.watch.picture import DAY, Known, Picture, Site
from bot.recovery.watch.promises import Verdict
from bot.render.document import Mono, When
from integrations.velero.cron import next_run
from integrations.velero.errors import BadSchedule
from integrations.velero.names import label_value

if TYPE_CHECKING:
    from integrations.velero.models import Schedule

PAUSED_LONG = 7 * DAY


def timetable(site: Site, picture: Picture, known: Known) -> Iterator[Verdict]:
    """Looks at all schedules; of each, the first that is wrong is told."""
    for schedule in picture.schedules:
        key = f"schedule/{schedule.name}"
        if schedule.phase == "FailedValidation":
            yield Verdict(key, _refused(site, key, schedule, known.now))
            continue
        due = _due(schedule)
        if schedule.paused:
            yield _paused(site, key, schedule, due, known)
        elif due is None or known.now - due < LATE:
            yield Verdict(key, well=_well(schedule, due))
        elif _busy(schedule, picture):
            yield Verdict(key, unsure=True)
        else:
            yield Verdict(key, _late(site, key, schedule, due))


def _due(schedule: Schedule) -> int | None:
    """When it should run next, as Velero counts: from its last run, skip or creation."""
    known = (schedule.last_backup_at or schedule.created_at, schedule.last_skipped_at)
    base = max((at for at in known if at is not None), default=None)
    if base is None:
        return None
    try:
        return next_run(schedule.cron, base)
    except BadSchedule:  # Velero reads more than we do; what it refuses, it says itself
        return None


def _busy(schedule: Schedule, picture: Picture) -> bool:
    """One of its backups is under way, and Velero waits for its end before the next."""
    name = label_value(schedule.name)
    return any(b.schedule == name and not b.finished and not b.deleting for b in picture.backups)


def _refused(site: Site, key: str, schedule: Schedule, now: int) -> Condition:
    why = "; ".join(schedule.problems) or "it does not say why"
    return Condition(
        key,
        f"Velero refuses schedule {schedule.name}",
        schedule.created_at or now,
        why=((f"It makes no backups: {why}.",),),
        todo=("Delete it and make it again, as it should be.",),
        acts=(
            site.act("Schedules", "backup schedule list"),
            site.act("Delete it", f"backup schedule delete {schedule.name}"),
        ),
    )


def _paused(site: Site, key: str, schedule: Schedule, due: int | None, known: Known) -> Verdict:
    seen = known.paused.get(schedule.uid, known.now)
    since = seen if due is None else min(seen, due)
    if known.now - since < PAUSED_LONG:
        return Verdict(key, well=("It is paused.",))
    broken = Condition(
        key,
        f"Schedule {schedule.name} has been paused for more than 7 days",
        since,
        why=(_last(schedule),),
        todo=("Let it go on, or delete it.",),
        acts=(site.act("Resume", f"backup schedule resume {schedule.name}"),),
        tone="warn",
    )
    return Verdict(key, broken)


def _late(site: Site, key: str, schedule: Schedule, due: int) -> Condition:
    never = schedule.last_backup_at is None
    return Condition(
        key,
        f"Schedule {schedule.name} {'has never run' if never else 'missed a run'}",
        due,
        why=(
            ("A run was due ", When(due), " by its times, ", Mono(schedule.cron), "."),
            _last(schedule),
        ),
        todo=(
            "See that Velero's server runs, ",
            Mono(site.kubectl("get pods")),
            ", and make a backup by hand meanwhile.",
        ),
        acts=(
            site.act("Schedules", "backup schedule list"),
            site.act("Backups", "backup list"),
        ),
    )


def _last(schedule: Schedule) -> Sentence:
    if schedule.last_backup_at is None:
        return ("It has never made a backup.",)
    return ("It last made one ", When(schedule.last_backup_at), ".")


def _well(schedule: Schedule, due: int | None) -> Sentence:
    next_one: Sentence = () if due is None else (" The next one is due ", When(due), ".")
    return (*_last(schedule), *next_one)
