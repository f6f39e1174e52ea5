"""`backup schedule pause`, `resume`, `delete`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bot import (
    Actions,
    Arg,
    Button,
    Change,
    Ctx,
    Document,
    Effect,
    Op,
    Plan,
    Role,
    Scope,
    Target,
    Title,
    Weight,
    command,
)
from bot.names import check_object
from bot.recovery.backups.scheduling import next_of, remove_schedule, set_paused
from bot.recovery.which.apps import bases_of, check_owner, elsewhere, velero_of, word_target
from bot.recovery.words import times
from bot.releases.words import ago
from commands.schedules import absent

if TYPE_CHECKING:
    from integrations.velero.models import Schedule


@dataclass(frozen=True)
class Named:
    """What commands about one schedule take."""

    schedule: Annotated[
        str, Arg("Schedule; an app means its usual one", complete="apps", check=check_object)
    ]
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Changed:
    """What became of a schedule."""

    sentence: str
    where: str


def target(scope: Scope, p: Named) -> Target:
    """`target=`: the app that the name belongs to, else the cluster."""
    return word_target(scope, p.schedule, p.cluster)


def view_changed(result: Changed, now: int) -> Document:
    """One line."""
    line = f"backup schedule list{result.where}"
    return Document.of(
        Title(result.sentence, tone="good"), Actions((Button("Schedules", "run", command=line),))
    )


async def the_schedule(ctx: Ctx, word: str) -> Schedule:
    """The schedule that is meant: an app's word stands for its usual one."""
    found = {s.name: s for s in await velero_of(ctx.cluster).schedules()}
    name = bases_of(ctx.config, ctx.target.cluster).get(word, word)
    chosen = found.get(name)
    if chosen is None:
        raise absent(name, sorted(found))
    check_owner(ctx.target, f"schedule {name}", chosen.labels)
    return chosen


async def plan_pause(ctx: Ctx, p: Named) -> Plan:
    """A paused schedule is easily forgotten, so this asks."""
    one, where = await the_schedule(ctx, p.schedule), elsewhere(ctx.scope, ctx.target.cluster)
    return Plan(
        f"{one.name} is paused already" if one.paused else f"Pause schedule {one.name}",
        facts={"name": one.name, "uid": one.uid},
        changes=(Change("next run", _next(ctx, one), "none until it is resumed"),),
        warnings=(
            f"Nothing is backed up by it until `backup schedule resume {one.name}{where}`; its "
            f"last backup was made {ago(one.last_backup_at, ctx.clock()) or 'never'}.",
        ),
        weight=Weight.CONFIRM,
        nothing=one.paused,
    )


def _next(ctx: Ctx, one: Schedule) -> str:
    at = next_of(one, ctx.clock())
    return times.local(at, ctx.asker.timezone) if at is not None else "–"


@command(
    "backup schedule pause",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Named,
    target=target,
    plan=plan_pause,
    view=view_changed,
    examples=("backup schedule pause parse",),
)
async def pause(ctx: Ctx, p: Named, op: Op) -> Changed:
    """Make no more backups by a schedule until it is resumed."""
    name = str(op.facts["name"])
    await set_paused(op, velero_of(ctx.cluster), name, True)
    return Changed(f"Schedule {name} is paused", elsewhere(ctx.scope, ctx.target.cluster))


async def plan_resume(ctx: Ctx, p: Named) -> Plan:
    """Shows when it would run."""
    from dataclasses import replace

    one = await the_schedule(ctx, p.schedule)
    return Plan(
        f"Resume schedule {one.name}" if one.paused else f"{one.name} is not paused",
        facts={"name": one.name, "uid": one.uid},
        changes=(Change("next run", "none", _next(ctx, replace(one, paused=False))),),
        warnings=("Runs that were missed meanwhile may come at once, as one.",),
        nothing=not one.paused,
    )


@command(
    "backup schedule resume",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Named,
    target=target,
    plan=plan_resume,
    view=view_changed,
    examples=("backup schedule resume parse",),
)
async def resume(ctx: Ctx, p: Named, op: Op) -> Changed:
    """Let a paused schedule make backups again."""
    name = str(op.facts["name"])
    await set_paused(op, velero_of(ctx.cluster), name, False)
    return Changed(f"Schedule {name} runs again", elsewhere(ctx.scope, ctx.target.cluster))


async def plan_delete(ctx: Ctx, p: Named) -> Plan:
    """Its backups stay."""
    one = await the_schedule(ctx, p.schedule)
    return Plan(
        f"Delete schedule {one.name}",
        facts={"name": one.name, "uid": one.uid},
        changes=(Change("next run", _next(ctx, one), "none"),),
        warnings=("Its backups stay, until each expires.",),
        weight=Weight.CONFIRM,
    )


@command(
    "backup schedule delete",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Named,
    target=target,
    plan=plan_delete,
    view=view_changed,
    examples=("backup schedule delete parse",),
)
async def delete(ctx: Ctx, p: Named, op: Op) -> Changed:
    """Remove a schedule; the backups that it made stay."""
    name = str(op.facts["name"])
    await remove_schedule(op, velero_of(ctx.cluster), name)
    return Changed(f"Schedule {name} is gone", elsewhere(ctx.scope, ctx.target.cluster))


COMMANDS = (pause, resume, delete)
