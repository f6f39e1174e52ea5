"""`backup schedule …`: backups that are made without being asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bot import (
    Actions,
    Arg,
    Button,
    Change,
    Ctx,
    Document,
    Effect,
    Fields,
    Note,
    Op,
    Plan,
    Refused,
    Role,
    Scope,
    Table,
    Target,
    Title,
    UsageError,
    command,
)
from bot.names import check_name, check_object
from bot.recovery.backups.backing import check_ready
from bot.recovery.backups.scheduling import make_schedule, missed_since, next_of, next_runs
from bot.recovery.which.apps import (
    app_of,
    base_name,
    check_configured,
    elsewhere,
    velero_of,
)
from bot.recovery.words import times
from bot.releases.targets import AppRef, app_ref, app_target, check_cluster
from bot.releases.words import SECOND, ago, count
from commands.backup import check_base, wanted

if TYPE_CHECKING:
    from bot.render.document import Tone
    from integrations.velero.models import BackupSpec, Schedule


def check_cron(value: Any) -> str | None:
    """Checks the times as Velero would read them."""
    from integrations.velero.cron import Cron
    from integrations.velero.errors import BadSchedule

    try:
        Cron.parsed(str(value))
    except BadSchedule as error:
        return error.message.rstrip(".")
    return None


@dataclass(frozen=True)
class Create:
    """What `backup schedule create` takes."""

    app: Annotated[str, Arg("App to back up", complete="apps", check=check_name)]
    cron: Annotated[
        str, Arg('When: five fields in UTC, such as "0 3 * * *", or @daily', flag=True,
                 check=check_cron)
    ]  # fmt: skip
    ttl: Annotated[
        str, Arg("How long each is kept: 12h, 30d, 8w", flag=True, check=times.check_length)
    ] = ""
    name: Annotated[
        str, Arg("What it and its backups are called, instead of the usual", flag=True,
                 check=check_object)
    ] = ""  # fmt: skip
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Made:
    """A schedule that runs; `runs` are its next ones, in the asker's time zone."""

    name: str
    app: str
    cron: str
    runs: tuple[str, ...]
    kept: str
    where: str


def view_made(result: Made, now: int) -> Document:
    """When it runs."""
    return Document.of(
        Title(f"{result.app} is backed up by schedule {result.name}", tone="good"),
        Fields.of(times=result.cron, next=result.runs[0], then=", ".join(result.runs[1:]),
                  each_kept=result.kept),
        Actions(
            (
                Button("Schedules", "run", command=f"backup schedule list{result.where}"),
                Button("Back up now", "run", command=f"backup create {result.app}{result.where}"),
            )
        ),
    )  # fmt: skip


async def plan_create(ctx: Ctx, p: Create) -> Plan:
    """Shows the next runs; warns when more could be lost than the app allows."""
    ref = app_ref(ctx.config, p.app, p.cluster, ctx.scope.cluster)
    check_configured(ref)
    name = p.name or base_name(ref)
    check_base(ctx, ref, name)
    spec, where = wanted(ref, p.ttl), elsewhere(ctx.scope, ref.cluster)
    velero = velero_of(ctx.clusters(ref.cluster))
    await check_ready(velero, spec.location)
    there = next((s for s in await velero.schedules() if s.name == name), None)
    if there is not None:
        raise Refused(
            f"There is a schedule {name} already: {there.cron}",
            hint=f"`backup schedule delete {name}{where}` first, or give this one another --name",
        )
    now = ctx.clock()
    runs = tuple(times.local(at, ctx.asker.timezone) for at in next_runs(p.cron, now))
    return Plan(
        f"Back {ref.name} up on {ref.cluster} by schedule {name}: {p.cron}",
        facts={
            "name": name,
            "cron": p.cron,
            "ttl": spec.ttl,
            "selectors": [dict(one) for one in spec.selectors],
            "location": spec.location,
        },
        changes=tuple(
            Change(what, "", run)
            for what, run in zip(("next run", "then", "and then"), runs, strict=True)
        ),
        warnings=_warnings(ref, p, spec, now, where),
    )


def _warnings(ref: AppRef, p: Create, spec: BackupSpec, now: int, where: str) -> tuple[str, ...]:
    from integrations.velero.cron import interval

    said, pause = [], interval(p.cron, now)
    wanted_point = ref.config.backup.recovery_point if ref.config.backup else None
    if wanted_point is not None and pause > wanted_point:
        said.append(
            f"Up to {times.length(pause)} lie between two runs, but {ref.name} may lose at most "
            f"{times.length(wanted_point)} of work (`recovery_point`)."
        )
    if spec.ttl is not None and spec.ttl <= pause:
        said.append(
            f"Each backup expires after {times.length(spec.ttl)}, before or as the next one is "
            "made: when one run fails, there is none."
        )
    if p.name and p.name != base_name(ref):
        said.append(
            f"Its backups are called {p.name}-…, so `restore {base_name(ref)}{where}` passes "
            f"them over; `restore {p.name}{where}` takes them."
        )
    return tuple(said)


@command(
    "backup schedule create",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Create,
    target=app_target,
    plan=plan_create,
    view=view_made,
    examples=(
        'backup schedule create parse --cron "0 3 * * *"',
        'backup schedule create parse --cron "CRON_TZ=Europe/Berlin 30 2 * * *" --ttl 60d',
    ),
)
async def create(ctx: Ctx, p: Create, op: Op) -> Made:
    """Have an app backed up again and again.

    Times are UTC unless they begin with CRON_TZ=ZONE. After an outage at most one missed run is
    made up.
    """
    ref = app_ref(ctx.config, p.app, ctx.target.cluster, ctx.target.cluster)
    spec, name = wanted(ref, p.ttl), str(op.facts["name"])
    await make_schedule(ctx, op, velero_of(ctx.cluster), name, p.cron, spec)
    runs = tuple(times.local(at, ctx.asker.timezone) for at in next_runs(p.cron, ctx.clock()))
    where = elsewhere(ctx.scope, ref.cluster)
    return Made(name, ref.name, p.cron, runs, times.length(spec.ttl or 0), where)


@dataclass(frozen=True)
class List:
    """What `backup schedule list` takes."""

    app: Annotated[str, Arg("Only of this app", complete="apps", check=check_name)] = ""
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Row:
    """One schedule; moments in microseconds UTC."""

    name: str
    app: str
    cron: str
    next: str
    last: int | None
    state: str
    well: bool


@dataclass(frozen=True)
class Schedules:
    """The schedules of a cluster."""

    cluster: str
    app: str
    rows: tuple[Row, ...]
    where: str


def list_target(scope: Scope, p: List) -> Target:
    """`target=` of `backup schedule list`: the app's, else the cluster."""
    if p.app:
        return app_target(scope, p)
    return Target(check_cluster(scope.config, p.cluster or scope.cluster))


def view_schedules(result: Schedules, now: int) -> Document:
    """A table with what is wrong in it."""
    rows = tuple(
        (r.name, r.app or "–", r.cron, r.next, ago(r.last, now) or "never", r.state)
        for r in result.rows
    )
    tones: tuple[Tone, ...] = tuple("plain" if r.well else "warn" for r in result.rows)
    of = f" of {result.app}" if result.app else ""
    return Document.of(
        Title(f"{count(len(rows), 'schedule')}{of} on {result.cluster}"),
        Table(("schedule", "app", "times", "next run", "last backup", "state"), rows,
              tones=tones, empty="none: nothing is backed up by itself"),
        Note.of("Times are UTC unless they begin with CRON_TZ=; runs are in your time zone.")
        if rows
        else None,
    )  # fmt: skip


@command(
    "backup schedule list",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=List,
    target=list_target,
    view=view_schedules,
    examples=("backup schedule list", "backup schedule list parse"),
)
async def list_schedules(ctx: Ctx, p: List) -> Schedules:
    """Show what is backed up by itself: next run, last backup, and whether one was missed."""
    cluster, now = ctx.target.cluster, ctx.clock()
    found = await velero_of(ctx.cluster).schedules()
    rows = []
    for one in found:
        app = app_of(ctx.config, cluster, one.name, one.labels)
        if p.app and app != p.app:
            continue
        state, well = state_of(one, now)
        at = next_of(one, now)
        run = times.local(at, ctx.asker.timezone) if at is not None else "–"
        rows.append(Row(one.name, app, one.cron, run, one.last_backup_at, state, well))
    return Schedules(cluster, p.app, tuple(rows), elsewhere(ctx.scope, cluster))


def state_of(schedule: Schedule, now: int) -> tuple[str, bool]:
    """How a schedule is, in words, and whether that is well."""
    if schedule.paused:
        return "paused", False
    if schedule.phase == "FailedValidation":
        return f"refused by Velero: {'; '.join(schedule.problems)}", False
    missed = missed_since(schedule, now)
    if missed is not None:
        return f"missed: due {ago(missed, now)}", False
    if schedule.phase == "New":
        return "not taken up by Velero yet", now - (schedule.created_at or now) < 60 * SECOND
    return "runs", True


def absent(name: str, known: list[str]) -> UsageError:
    """There is no such schedule."""
    hint = f"There are {', '.join(known[:8])}" if known else "There are none yet"
    return UsageError(f"There is no schedule {name}", hint=hint)


COMMANDS = (create, list_schedules)
