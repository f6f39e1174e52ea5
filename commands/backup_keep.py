"""`backup delete`, `backup keep`: the end of a backup, sooner or later."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bot import (
    Actions,
    Arg,
    Button,
    Cancelled,
    Change,
    Ctx,
    Document,
    Effect,
    Failed,
    Note,
    Op,
    Plan,
    Refused,
    Role,
    Title,
    UsageError,
    Weight,
    command,
)
from bot.names import check_object
from bot.recovery.backups.backing import check_location
from bot.recovery.which.apps import app_of, backup_target, check_owner, elsewhere, velero_of
from bot.recovery.which.finding import exact_backup
from bot.recovery.words import times
from bot.recovery.words.wording import phase
from bot.releases.words import ago, count

if TYPE_CHECKING:
    from integrations.velero.client import Velero
    from integrations.velero.models import Backup

USUAL = "90d"


@dataclass(frozen=True)
class Delete:
    """What `backup delete` takes."""

    backup: Annotated[str, Arg("Backup to delete, its whole name", check=check_object)]
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Deleted:
    """A backup that is gone."""

    name: str
    app: str
    cluster: str
    where: str


def view_deleted(result: Deleted, now: int) -> Document:
    """It is gone."""
    line = f"backup list {result.app}{result.where}" if result.app else f"backup list{result.where}"
    return Document.of(
        Title(f"{result.name} is gone from {result.cluster} and from the store", tone="good"),
        Actions((Button("What is left", "run", command=line),)),
    )


async def plan_delete(ctx: Ctx, p: Delete) -> Plan:
    """Looks whether it can go, and what would be left."""
    velero = velero_of(ctx.cluster)
    backups, restores, proved = await asyncio.gather(
        velero.backups(), velero.restores(), ctx.desk.proved_backups(ctx.target.cluster)
    )
    backup = exact_backup(p.backup, backups, elsewhere(ctx.scope, ctx.target.cluster))
    check_owner(ctx.target, backup.name, backup.labels)
    if not backup.finished and not backup.deleting:
        raise Refused(
            f"Backup {backup.name} is not finished",
            why=f"it is {phase(backup.phase)}",
            hint="Wait for its end; Velero deletes no backup that is being made",
        )
    if backup.location:
        check_location(await velero.location(backup.location))
    app = app_of(ctx.config, ctx.target.cluster, backup.name, backup.labels)
    siblings = [
        b for b in backups if app_of(ctx.config, ctx.target.cluster, b.name, b.labels) == app
    ]
    mine = sum(r.backup == backup.name for r in restores)
    latest = await velero.deletion(backup.name)
    made = ago(backup.started_at or backup.created_at, ctx.clock())
    return Plan(
        f"Delete backup {backup.name}",
        facts={"backup": backup.name, "uid": backup.uid, "earlier": latest.name if latest else ""},
        changes=(
            Change("backup", f"{phase(backup.phase)}, {made}", "gone"),
            *((Change("records of its restores", str(mine), "gone"),) if mine else ()),
        ),
        warnings=_losses(backup, siblings, app, ctx.clock(), proved),
        weight=Weight.TYPE,
        typed=backup.name,
    )


def _losses(
    backup: Backup, siblings: Sequence[Backup], app: str, now: int, proved: dict[str, int]
) -> tuple[str, ...]:
    """What would be missed."""
    said = ["Its data in the store is deleted, for good."]
    others = [b for b in siblings if b.name != backup.name and is_good(b, now)]
    if app and is_good(backup, now) and not others:
        said.insert(0, f"It is the last good backup of {app}: nothing to restore would be left.")
    elif others and all(b.name not in proved for b in others) and backup.name in proved:
        said.insert(0, f"It is the only backup of {app} that a drill has proved.")
    return tuple(said)


def is_good(backup: Backup, now: int) -> bool:
    """It could be restored."""
    expired = backup.expires_at is not None and backup.expires_at <= now
    return backup.completed and not expired


@command(
    "backup delete",
    effect=Effect.CHANGE,
    role=Role.ADMIN,
    params=Delete,
    target=backup_target,
    plan=plan_delete,
    view=view_deleted,
    examples=("backup delete parseserver-backup-20261122101500",),
)
async def delete(ctx: Ctx, p: Delete, op: Op) -> Deleted:
    """Delete a backup, its data in the store and the records of its restores.

    Velero does it; the answer comes when the backup is really gone, or says why it is not.
    """
    from integrations.velero.errors import ServerAway

    velero, name = velero_of(ctx.cluster), str(op.facts["backup"])
    labels = (await _labels(velero, name)) or {}
    request = await _request(op, velero, name)

    async def wait() -> bool:
        try:
            await velero.follow_gone(name, request=request)
        except ServerAway as error:
            raise await _away(velero, name, error) from error
        return True

    async def gone() -> bool | None:
        return None if await _labels(velero, name) is not None else True

    try:
        await op.step("wait until it is gone", wait, done=gone, interruptible=True)
    except Cancelled as error:
        left = f"Velero was asked, and deletes {name} all the same"
        raise Cancelled(error.what, why=error.why, hint=left) from error
    app = app_of(ctx.config, ctx.target.cluster, name, labels)
    where = elsewhere(ctx.scope, ctx.target.cluster)
    return Deleted(name, app, ctx.target.cluster, where)


async def _request(op: Op, velero: Velero, name: str) -> str:
    """Asks for the deletion, once; returns the request's name, empty when it is done already."""
    from integrations.velero.errors import NoSuchBackup

    async def ask() -> str:
        try:
            return await velero.request_deletion(await velero.backup(name))
        except NoSuchBackup:
            return ""

    async def asked() -> str | None:
        latest = await velero.deletion(name)
        if latest is not None and latest.name != op.facts["earlier"]:
            return latest.name
        return None if await _labels(velero, name) is not None else ""

    return str(await op.step("ask Velero to delete it", ask, done=asked))


async def _away(velero: Velero, name: str, error: Exception) -> Failed:
    """What to say when nobody deletes it; a request that nobody took up is withdrawn.

    Else the backup would go whenever the server comes back, perhaps when it is needed most.
    """
    from integrations.errors import IntegrationError
    from integrations.velero.kinds import DELETE_REQUEST

    state = f"the request stands, and {name} goes once the server is back"
    with contextlib.suppress(IntegrationError):
        request = await velero.deletion(name)
        if request is not None and request.phase == "New":
            await velero.kube.delete(DELETE_REQUEST, velero.namespace, request.name)
            state = "nothing was deleted: the request was withdrawn"
    return Failed(
        "Velero's server does not answer",
        why=state,
        hint=f"See `kubectl -n {velero.namespace} get pods` and its log; then ask again",
        detail=str(error),
    )


async def _labels(velero: Velero, name: str) -> Any:
    """A backup's labels; None when it is gone."""
    from integrations.velero.errors import NoSuchBackup

    try:
        return (await velero.backup(name)).labels
    except NoSuchBackup:
        return None


@dataclass(frozen=True)
class Keep:
    """What `backup keep` takes."""

    backup: Annotated[str, Arg("Backup to keep, its whole name", check=check_object)]
    for_: Annotated[
        str, Arg("From now on: 90d, 52w", flag=True, metavar="TIME", check=times.check_length)
    ] = ""
    until: Annotated[
        str,
        Arg("The last day, such as 2026-12-24", flag=True, metavar="DAY", check=times.check_date),
    ] = ""
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Kept:
    """A backup that stays longer; moments in microseconds UTC."""

    name: str
    until: int
    before: int | None
    where: str


def view_kept(result: Kept, now: int) -> Document:
    """Until when, and whom that does not bind."""
    return Document.of(
        Title(f"{result.name} is kept until {times.day(result.until)}", tone="good"),
        Note.of(_caution(result.before)),
        Actions(
            (Button("Describe", "run", command=f"backup describe {result.name}{result.where}"),)
        ),
    )


def _caution(before: int | None) -> str:
    date = f" ({times.day(before)})" if before is not None else ""
    return (
        f"The copy in the bucket keeps the old date{date}: another cluster that may write to the "
        "same bucket could still collect it then."
    )


async def plan_keep(ctx: Ctx, p: Keep) -> Plan:
    """Finds out until when it is kept now."""
    if p.for_ and p.until:
        raise UsageError("--for and --until say the same", hint="Give one of them")
    now = ctx.clock()
    length = times.length_of(p.for_ or USUAL) * 1_000_000
    until = times.end_of_date(p.until) if p.until else times.end_of_day(now + length)
    if until <= now:
        raise UsageError(f"{p.until} is over already", hint="Give a day to come")
    velero = velero_of(ctx.cluster)
    where = elsewhere(ctx.scope, ctx.target.cluster)
    backup = exact_backup(p.backup, await velero.backups(), where)
    check_owner(ctx.target, backup.name, backup.labels)
    if not backup.usable:
        raise Refused(
            f"Backup {backup.name} is not worth keeping", why=f"it is {phase(backup.phase)}"
        )
    before = backup.expires_at
    if before is not None and before >= until:
        raise Refused(
            f"Backup {backup.name} is kept until {times.day(before)} already",
            hint="`keep` only makes that later; `backup delete` ends it now",
        )
    warnings = [_caution(before)]
    if not backup.completed:
        warnings.insert(0, f"It is {phase(backup.phase)}: {count(backup.errors, 'error')}.")
    return Plan(
        f"Keep {backup.name} until {times.day(until)}",
        facts={"backup": backup.name, "uid": backup.uid, "until": until, "before": before},
        changes=(Change("last day", times.day(before) if before else "", times.day(until)),),
        warnings=tuple(warnings),
    )


@command(
    "backup keep",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Keep,
    target=backup_target,
    plan=plan_keep,
    view=view_kept,
    examples=(
        "backup keep parseserver-backup-20261122101500 --for 52w",
        "backup keep parseserver-backup-20261122101500 --until 2027-06-30",
    ),
)
async def keep(ctx: Ctx, p: Keep, op: Op) -> Kept:
    """Keep a backup longer than planned, 90 days from now unless told otherwise.

    It extends the date after which Velero may collect it, never shortens it.
    """
    velero, name, until = velero_of(ctx.cluster), str(op.facts["backup"]), int(op.facts["until"])

    async def extend() -> bool:
        await velero.keep(name, until)
        return True

    async def extended() -> bool | None:
        return True if (await velero.backup(name)).expires_at == until else None

    await op.step(f"keep it until {times.day(until)}", extend, done=extended)
    return Kept(name, until, op.facts["before"], elsewhere(ctx.scope, ctx.target.cluster))


COMMANDS = (delete, keep)
