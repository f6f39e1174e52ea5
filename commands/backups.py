"""`backup list`, `backup logs`: which backups there are, and what Velero said of one."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bot import (
    Actions,
    Arg,
    Button,
    Code,
    Ctx,
    Document,
    Effect,
    Note,
    Role,
    Scope,
    Table,
    Target,
    Title,
    command,
)
from bot.names import check_name, check_object
from bot.recovery.which.apps import (
    CLUSTER_LABEL,
    app_named,
    backup_target,
    bases_of,
    check_owner,
    elsewhere,
    of_cluster,
    velero_of,
    word_target,
)
from bot.recovery.which.finding import find_backup
from bot.recovery.words.loglines import Line, serious
from bot.recovery.words.wording import copied, phase, size
from bot.releases.targets import app_target, check_cluster
from bot.releases.words import ago, count, listed

if TYPE_CHECKING:
    from bot.render.document import Tone
    from integrations.velero.client import Velero
    from integrations.velero.models import Backup

MOST = 20
"""Backups shown unless all are asked for."""
LINES = 20
"""Errors and warnings of a log that are told apart from it."""
_RESTORE = re.compile(r"(.+-[0-9]{14})-[0-9a-z]+")
READ_SECONDS = 60.0
"""Downloads from the store go through requests that the server answers one by one."""


@dataclass(frozen=True)
class List:
    """What `backup list` takes."""

    app: Annotated[str, Arg("Only of this app", complete="apps", check=check_name)] = ""
    all: Annotated[bool, Arg("Also older ones, and those of no app here", flag=True)] = False
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Row:
    """One backup in a list.

    Attributes:
        at: When it was begun, microseconds UTC.
        size: Bytes of volumes, where known.
        proved_at: When a drill last restored it.
        home: The cluster that it was made in; empty for this one.
    """

    name: str
    app: str
    phase: str
    at: int | None
    expires_at: int | None
    size: int | None
    warnings: int
    proved_at: int | None
    home: str = ""


@dataclass(frozen=True)
class Backups:
    """Backups of a cluster, newest first; `more` older ones are not shown."""

    cluster: str
    app: str
    rows: tuple[Row, ...]
    more: int
    where: str


def list_target(scope: Scope, p: List) -> Target:
    """`target=` of `backup list`: the app's, else the cluster."""
    if p.app:
        return app_target(scope, p)
    return Target(check_cluster(scope.config, p.cluster or scope.cluster))


def view_backups(result: Backups, now: int) -> Document:
    """A table, newest first."""
    of = f" of {result.app}" if result.app else ""
    rows = tuple(
        (
            *(r.name, _app(r), _state(r), ago(r.at, now), ago(r.expires_at, now)),
            *(size(r.size), ago(r.proved_at, now) or "never"),
        )
        for r in result.rows
    )
    columns = ("backup", "app", "status", "made", "expires", "volumes", "proved by a drill")
    more = f"{count(result.more, 'older one is', 'older ones are')} not shown; add --all."
    buttons = []
    if result.rows:
        newest = result.rows[0]
        line = f"backup describe {newest.name}{result.where}"
        buttons.append(Button("Describe the newest", "run", command=line))
    if result.app:
        line = f"backup create {result.app}{result.where}"
        buttons.append(Button("Back up now", "run", command=line))
    return Document.of(
        Title(f"{count(len(rows) + result.more, 'backup')}{of} on {result.cluster}"),
        Table(columns, rows, tones=tuple(map(_tone, result.rows)), empty="none yet"),
        Note.of(more) if result.more else None,
        Actions(tuple(buttons)) if buttons else None,
    )


def _app(row: Row) -> str:
    return (row.app or "–") + (f" on {row.home}" if row.home else "")


def _state(row: Row) -> str:
    extra = f", {count(row.warnings, 'warning')}" if row.warnings else ""
    return f"{phase(row.phase)}{extra}"


def _tone(row: Row) -> Tone:
    if row.phase in ("Failed", "FailedValidation"):
        return "bad"
    return "warn" if row.phase == "PartiallyFailed" else "plain"


@command(
    "backup list",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=List,
    target=list_target,
    view=view_backups,
    examples=("backup list", "backup list parse", "backup list --all"),
)
async def list_backups(ctx: Ctx, p: List) -> Backups:
    """Show backups, newest first: age, expiry, size, and when a drill proved one.

    The size is that of volumes copied as files; of snapshots it is not known.
    """
    cluster = ctx.cluster
    velero = velero_of(cluster)
    found, sizes, proved = await asyncio.gather(
        velero.backups(), _sizes(velero), ctx.desk.proved_backups(cluster.name)
    )
    rows = [
        Row(
            b.name,
            app_named(ctx.config, cluster.name, b.name, b.labels),
            b.phase,
            b.started_at or b.created_at,
            b.expires_at,
            sizes.get(b.name),
            b.warnings,
            proved.get(b.name),
            "" if of_cluster(b.labels, cluster.name) else b.labels[CLUSTER_LABEL],
        )
        for b in found
    ]
    wanted = [r for r in rows if (r.app == p.app if p.app else r.app or p.all)]
    shown = wanted if p.all else wanted[:MOST]
    more = len(wanted) - len(shown)
    return Backups(cluster.name, p.app, tuple(shown), more, elsewhere(ctx.scope, cluster.name))


async def _sizes(velero: Velero) -> dict[str, int | None]:
    """Backup → bytes of its volumes."""
    from integrations.velero import kinds
    from integrations.velero.models import VolumeBackup

    copies = defaultdict(list)
    for raw in await velero.list_objects(kinds.VOLUME_BACKUP):
        copy = VolumeBackup.from_object(raw)
        copies[copy.backup].append(copy)
    return {name: copied(found) for name, found in copies.items()}


@dataclass(frozen=True)
class Named:
    """What commands that look at one backup take."""

    backup: Annotated[str, Arg("Backup; an app or a series means its newest", check=check_object)]
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


async def the_backup(ctx: Ctx, velero: Velero, word: str) -> Backup:
    """The backup that was meant; of the app that permission was given for."""
    bases = bases_of(ctx.config, ctx.target.cluster)
    cluster = ctx.target.cluster
    where = elsewhere(ctx.scope, cluster)
    backup = find_backup(word, await velero.backups(), bases, cluster, where)
    check_owner(ctx.target, backup.name, backup.labels)
    return backup


@dataclass(frozen=True)
class Logged:
    """What `backup logs` takes."""

    backup: Annotated[
        str, Arg("Backup or restore; an app or a series means its newest backup",
                 check=check_object)
    ]  # fmt: skip
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


def log_target(scope: Scope, p: Logged) -> Target:
    """`target=` of `backup logs`: a restore is called as its backup, and then by its job."""
    found = backup_target(scope, p)
    of_restore = _RESTORE.fullmatch(p.backup)
    if found.app or not of_restore:
        return found
    return word_target(scope, of_restore[1], p.cluster)


@dataclass(frozen=True)
class Log:
    """Velero's log of a backup or restore, and the lines of it that matter."""

    name: str
    lines: tuple[Line, ...]
    text: str


def view_log(result: Log, now: int) -> Document:
    """Errors and warnings first, then the log."""
    errors = sum(line.times for line in result.lines if line.level == "error")
    warnings = sum(line.times for line in result.lines if line.level == "warning")
    said = [count(n, what) for n, what in ((errors, "error"), (warnings, "warning")) if n]
    rows = tuple(
        (line.level, line.text + (f" (×{line.times})" if line.times > 1 else ""))
        for line in result.lines[:LINES]
    )
    tones: tuple[Tone, ...] = tuple(
        "bad" if line.level == "error" else "warn" for line in result.lines[:LINES]
    )
    rest = len(result.lines) - len(rows)
    return Document.of(
        Title(f"Log of {result.name}: {listed(said) or 'no error, no warning'}"),
        Table(("level", "message"), rows, tones=tones) if rows else None,
        Note.of(f"{count(rest, 'more is', 'more are')} in the log itself.") if rest else None,
        Code(result.text or "(empty)", name=f"{result.name}.log"),
    )


@command(
    "backup logs",
    effect=Effect.READ,
    role=Role.OPERATOR,
    params=Logged,
    target=log_target,
    view=view_log,
    examples=("backup logs parseserver-backup-20261122101500", "backup logs parse"),
    timeout=READ_SECONDS,
)
async def logs(ctx: Ctx, p: Logged) -> Log:
    """Show Velero's log of a backup or restore: errors and warnings first, the whole as a file."""
    from integrations.velero.errors import NoSuchRestore

    velero = velero_of(ctx.cluster)
    try:
        restore = await velero.restore(p.backup)
    except NoSuchRestore:
        backup = await the_backup(ctx, velero, p.backup)
        text = await velero.logs("Backup", backup.name)
        return Log(backup.name, serious(text), text)
    check_owner(ctx.target, restore.name, restore.labels)
    text = await velero.logs("Restore", restore.name)
    return Log(restore.name, serious(text), text)


COMMANDS = (list_backups, logs)
