"""`backup describe`: what one backup holds, what it does not, and what became of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot import (
    Actions,
    Button,
    Ctx,
    Document,
    Effect,
    Fields,
    Note,
    Role,
    Table,
    Target,
    Title,
    command,
)
from bot.recovery.backups.checking import Checked, checked
from bot.recovery.which.apps import app_of, backup_target, elsewhere, velero_of
from bot.recovery.words.wording import phase, size
from bot.releases.words import ago, count, listed, span, stamp
from commands.backup import unchecked, unprotected_table
from commands.backups import MOST, READ_SECONDS, Named, the_backup

if TYPE_CHECKING:
    from bot.render.document import Tone


@dataclass(frozen=True)
class Described:
    """All about one backup.

    Attributes:
        checked: What it left behind; None before its end.
        items_done: Of `items_total`, while it is made.
        restores: Name, status and age of each restore of it.
        drills: What drills said of it, newest first.
        hooks: How many commands ran in pods before and after, and how many of them failed.
    """

    name: str
    app: str
    cluster: str
    phase: str
    at: int | None
    expires_at: int | None
    location: str
    schedule: str
    selectors: tuple[str, ...]
    namespaces: tuple[str, ...]
    version: str
    items_done: int
    items_total: int
    hooks: tuple[int, int]
    checked: Checked | None
    restores: tuple[tuple[str, str, int | None], ...]
    drills: tuple[tuple[bool, int, str], ...]
    drillable: bool
    where: str


def view_described(result: Described, now: int) -> Document:
    """Facts, volumes, what went wrong, and who restored it."""
    tone: Tone = "good" if result.phase == "Completed" else "warn"
    if result.phase in ("Failed", "FailedValidation"):
        tone = "bad"
    done = result.checked
    if done is not None and done.proof.unprotected and tone == "good":
        tone = "warn"
    failure = Note.of(f"Why: {done.failure}.", tone="bad") if done and done.failure else None
    return Document.of(
        Title(f"{result.name} is {phase(result.phase)}", tone=tone),
        failure,
        Fields.of(**_facts(result, now)),
        *(_outcome(done) if done is not None else ()),
        _restores(result, now),
        _drills(result, now),
        Actions(_offers(result)),
    )


def _facts(result: Described, now: int) -> dict[str, str]:
    done = result.checked
    objects = f"{result.items_done} of {result.items_total}"
    hooks, failed = result.hooks
    said = {
        "app": result.app,
        "made": ago(result.at, now) + (f", took {span(done.took)}" if done and done.took else ""),
        "expires": _expiry(result.expires_at, now),
        "objects": str(result.items_done) if done else objects,
        "volumes": size(done.proof.size) if done else "",
        "hooks": f"{hooks} ran" + (f", {failed} failed" if failed else "") if hooks else "",
        "namespaces": listed(result.namespaces, 5),
        "labels": " or ".join(result.selectors) or "any",
        "stored in": result.location,
        "schedule": result.schedule,
        "Kubernetes": result.version,
    }
    return {key.replace(" ", "_"): value for key, value in said.items() if value}


def _expiry(at: int | None, now: int) -> str:
    return f"{ago(at, now)} ({stamp(at)})" if at is not None else ""


def _outcome(done: Checked) -> tuple[Any, ...]:
    kept = tuple((p.claim, p.how, size(p.size)) for p in done.proof.protected)
    what = "error" if done.errors else "warning"
    remarks = tuple((text,) for text in done.remarks)
    title = count(done.errors or done.warnings, what)
    tones: tuple[Tone, ...] = ("bad" if done.errors else "warn",) * len(remarks)
    parts = (
        unprotected_table(done),
        Table(("claim", "stored", "size"), kept, title="Volumes") if kept else None,
        unchecked(done),
        Table((what,), remarks, title=title, tones=tones) if remarks else None,
    )
    return tuple(part for part in parts if part is not None)


def _restores(result: Described, now: int) -> Table | None:
    rows = tuple((name, phase(state), ago(at, now)) for name, state, at in result.restores)
    return Table(("restore", "status", "when"), rows, title="Restored") if rows else None


def _drills(result: Described, now: int) -> Note:
    if not result.drills:
        return Note.of("No drill has proved it yet.")
    proved, at, why = result.drills[0]
    said = f"A drill restored it {ago(at, now)}"
    return Note.of(f"{said}." if proved else f"{said} and failed: {why}.",
                   tone="plain" if proved else "warn")  # fmt: skip


def _offers(result: Described) -> tuple[Button, ...]:
    found = []
    if result.drillable:
        line = f"restore drill {result.app}{result.where}"
        found.append(Button("Prove it by a drill", "run", command=line))
    if result.checked is not None and result.phase != "FailedValidation":
        line = f"backup logs {result.name}{result.where}"
        found.append(Button("Log", "run", command=line))
    line = f"backup list {result.app}{result.where}".replace("  ", " ")
    return (*found, Button("All backups", "run", command=line))


@command(
    "backup describe",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=Named,
    target=backup_target,
    view=view_described,
    examples=("backup describe parseserver-backup-20261122101500", "backup describe parse"),
    timeout=READ_SECONDS,
)
async def describe(ctx: Ctx, p: Named) -> Described:
    """Show what a backup holds: objects, volumes with and without data, warnings, restores of it.

    Of a backup that was made elsewhere or long ago, causes are told as far as they can be seen.
    """
    from integrations.velero import kinds

    cluster = ctx.cluster
    velero = velero_of(cluster)
    backup = await the_backup(ctx, velero, p.backup)
    raw, restores, done = await asyncio.gather(
        velero.get_object(kinds.BACKUP, backup.name),
        velero.restores(),
        checked(cluster, velero, backup) if backup.finished else _nothing(),
    )
    app = app_of(ctx.config, cluster.name, backup.name, backup.labels)
    drills = await ctx.desk.drills(Target(cluster.name, app=app)) if app else []
    hooks = (raw.get("status") or {}).get("hookStatus") or {}
    drillable = app and backup.completed and ctx.desk.command("restore drill") is not None
    return Described(
        name=backup.name,
        app=app,
        cluster=cluster.name,
        phase=backup.phase,
        at=backup.started_at or backup.created_at,
        expires_at=backup.expires_at,
        location=backup.location,
        schedule=backup.schedule,
        selectors=tuple(_words(one) for one in backup.selectors),
        namespaces=backup.namespaces,
        version=backup.source_version,
        items_done=backup.items_done,
        items_total=backup.items_total,
        hooks=(int(hooks.get("hooksAttempted") or 0), int(hooks.get("hooksFailed") or 0)),
        checked=done,
        restores=tuple(
            (r.name, r.phase, r.started_at or r.created_at)
            for r in restores
            if r.backup == backup.name
        )[:MOST],
        drills=tuple((d.proved, d.finished_at, d.why) for d in drills if d.backup == backup.name),
        drillable=bool(drillable),
        where=elsewhere(ctx.scope, cluster.name),
    )


async def _nothing() -> None:
    return None


def _words(labels: Any) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


COMMANDS = (describe,)
