"""Schedules of backups: when they run, whether one was missed, and changing them in steps."""

from __future__ import annotations

import contextlib
from itertools import islice
from typing import TYPE_CHECKING

from bot.errors import Failed
from bot.recovery.which.apps import ASKER_ANNOTATION, JOB_ANNOTATION, elsewhere
from bot.releases.patience import patiently
from bot.releases.words import SECOND

if TYPE_CHECKING:
    from bot.context import Ctx, Op
    from integrations.velero.client import Velero
    from integrations.velero.models import BackupSpec, Schedule

LATE = 600 * SECOND
"""A run that has not begun so long after its time counts as missed: Velero looks each minute."""
TAKEN_UP = 10.0
"""Seconds in which Velero says whether it can read a schedule."""


def next_runs(cron: str, now: int, number: int = 3) -> tuple[int, ...]:
    """The next runs, microseconds UTC.

    Raises:
        BadSchedule: Velero could not read it, or it never comes.
    """
    from integrations.velero.cron import Cron

    return tuple(islice(Cron.parsed(cron).after(now), number))


def missed_since(schedule: Schedule, now: int) -> int | None:
    """When a run was due that has not come; None when none is missing."""
    from integrations.velero.cron import next_due

    due = next_due(schedule)
    return due if due is not None and due + LATE < now else None


def next_of(schedule: Schedule, now: int) -> int | None:
    """The next run to come; None for a paused or unreadable schedule."""
    from integrations.velero.cron import next_run
    from integrations.velero.errors import BadSchedule

    if schedule.paused or schedule.phase == "FailedValidation":
        return None
    try:
        return next_run(schedule.cron, now)
    except BadSchedule:
        return None


async def make_schedule(
    ctx: Ctx, op: Op, velero: Velero, name: str, cron: str, spec: BackupSpec
) -> None:
    """Makes a schedule in steps, and waits until Velero has accepted it.

    Raises:
        Failed: Velero cannot use it, or does not look at it.
    """
    from integrations.velero.errors import NoSuchSchedule

    where = elsewhere(ctx.scope, velero.kube.cluster)

    async def make() -> bool:
        notes = {ASKER_ANNOTATION: ctx.asker.actor, JOB_ANNOTATION: op.id}
        labels = dict(spec.labels)
        await velero.create_schedule(name, cron, spec, labels, annotations=notes)
        return True

    async def made() -> bool | None:
        try:
            found = await velero.schedule(name)
        except NoSuchSchedule:
            return None
        return True if found.annotations.get(JOB_ANNOTATION) == op.id else None

    await op.step(f"make schedule {name}", make, done=made)

    async def accepted() -> str | None:
        found = await velero.schedule(name)
        return found.phase if found.phase != "New" else None

    async def wait() -> str:
        return await _taken_up(velero, name, where)

    phase = await op.step("wait until Velero has accepted it", wait, done=accepted)
    if phase == "FailedValidation":
        problems = (await patiently(op, lambda: velero.schedule(name))).problems
        raise Failed(
            f"Velero cannot use schedule {name}",
            why="; ".join(problems),
            hint=f"`backup schedule delete {name}{where}` removes it; then make a better one",
        )


async def _taken_up(velero: Velero, name: str, where: str) -> str:
    from integrations.velero import kinds
    from integrations.velero.models import Schedule
    from integrations.velero.waiting import Waiting, until

    wait = Waiting(lambda raw: Schedule.from_object(raw).phase != "New")
    try:
        raw = await until(
            velero.kube, kinds.SCHEDULE, velero.namespace, name, wait, timeout=TAKEN_UP
        )
    except TimeoutError as error:
        raise Failed(
            f"Velero has not looked at schedule {name}",
            why=f"it did nothing for {TAKEN_UP:.0f} s",
            hint=f"The schedule stays; `backup schedule list{where}` tells when Velero takes it up",
        ) from error
    if raw is None:
        raise Failed(f"Schedule {name} is gone", hint="Somebody may have deleted it")
    return Schedule.from_object(raw).phase


async def set_paused(op: Op, velero: Velero, name: str, paused: bool) -> None:
    """Pauses a schedule or lets it go on, as a step."""

    async def act() -> bool:
        await velero.pause_schedule(name, paused)
        return True

    async def done() -> bool | None:
        return True if (await velero.schedule(name)).paused is paused else None

    await op.step(f"{'pause' if paused else 'resume'} {name}", act, done=done)


async def remove_schedule(op: Op, velero: Velero, name: str) -> None:
    """Deletes a schedule, as a step; its backups stay."""
    from integrations.velero.errors import NoSuchSchedule

    async def act() -> bool:
        with contextlib.suppress(NoSuchSchedule):
            await velero.delete_schedule(name)
        return True

    async def done() -> bool | None:
        try:
            await velero.schedule(name)
        except NoSuchSchedule:
            return True
        return None

    await op.step(f"delete schedule {name}", act, done=done)
