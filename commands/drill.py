"""`restore drill`: a backup is proved by restoring it beside the live app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

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
    Text,
    Title,
    UsageError,
    command,
    marked,
)
from bot.names import check_name, check_object
from bot.recovery.drills.drilling import Drilled, drill
from bot.recovery.drills.isolation import scratch_name
from bot.recovery.which.apps import APP_LABEL, base_name, check_configured, elsewhere, velero_of
from bot.recovery.which.choosing import Choice, choose
from bot.releases.targets import AppRef, app_ref
from bot.releases.words import ago, lasted, listed

LEFT_MOST = 6
"""So many names of objects that were left out one message shows."""
DRILL_SECONDS = 24 * 3600.0
"""Each step has a limit of its own; the end must come, for only then the copy goes."""


@dataclass(frozen=True)
class DrillParams:
    """What `restore drill` takes."""

    app: Annotated[str, Arg("App whose backup is proved", complete="apps", check=check_name)]
    backup: Annotated[
        str, Arg("Which backup; the app's newest good one unless given", flag=True,
                 check=check_object)
    ] = ""  # fmt: skip
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


def drill_target(scope: Scope, p: DrillParams) -> Target:
    """Beside the app: a drill does not hold up a deploy, but two of one app exclude each other."""
    ref = app_ref(scope.config, p.app, p.cluster, scope.cluster)
    return Target(ref.cluster, f"{ref.namespace}-drill", ref.name)


def view_drilled(result: Drilled, now: int) -> Document:
    """Proved or not, first; then how fast, and what was asked."""
    where = f"{result.app} on {result.cluster}"
    title = f"Backup {result.backup} of {where} is proved"
    if not result.ok:
        title = f"Backup {result.backup} of {where} is not proved"
    pairs = {"Backup made": ago(result.backup_at, now) or "unknown"}
    if result.ready_after is not None:
        pairs = {"Ready after": lasted(result.ready_after), **pairs}
    if result.workloads:
        pairs["Came up"] = listed(f"{path} {ready}" for path, ready in result.workloads)
    probes = tuple((name, "passed" if ok else "failed", said) for name, ok, said in result.probes)
    counts = tuple((name, _number(copy), _number(live)) for name, copy, live in result.counts)
    return Document.of(
        Title(title, tone="good" if result.ok else "bad"),
        Text(marked(result.why)) if result.why else None,
        Fields(tuple((label, (value,)) for label, value in pairs.items())),
        Table(("probe", "result", "answer"), probes) if probes else None,
        Table(("documents of", "in the copy", "live now"), counts) if counts else None,
        *_notes(result),
        Actions((Button("Recovery", "run", command=f"recovery {result.app}"),)),
    )


def _notes(result: Drilled) -> list[Note]:
    notes = []
    if result.ok and not (result.probes or result.counts):
        notes.append(
            Note(
                marked(
                    "Its pods became ready, and nothing else was asked: give the app `probes` and "
                    "`drill.counts` in the configuration."
                ),
                tone="warn",
            )
        )
    if result.left_out:
        notes.append(Note.of(f"Left out on purpose: {listed(result.left_out, LEFT_MOST)}."))
    if result.left_behind:
        hint = f"Look at it: `kubectl get namespace {result.scratch} -o yaml`"
        said = f"The copy is not gone. {result.left_behind} {hint}"
        notes.append(Note(marked(said), tone="bad"))
    return notes


def _number(value: int | None) -> str:
    return "unknown" if value is None else str(value)


async def plan_drill(ctx: Ctx, p: DrillParams) -> Plan:
    """Finds the backup and says where its copy will be."""
    ref = app_ref(ctx.config, p.app, p.cluster, ctx.scope.cluster)
    check_configured(ref)
    backups = await velero_of(ctx.cluster).backups()
    choice = choose(
        p.backup or ref.name,
        backups,
        {ref.name: base_name(ref)},
        ctx.clock(),
        cluster=ref.cluster,
        where=elsewhere(ctx.scope, ref.cluster),
    )
    _check_owner(ref, choice)
    backup = choice.backup
    scratch = scratch_name(ref.namespace, ctx.request_id or "00000000")
    settings = ref.config.backup
    asked = [probe.name for probe in ref.config.probes]
    asked += settings.drill.counts if settings else ()
    warnings = [
        f"{name} is newer, but {phase}: it cannot be taken." for name, phase in choice.passed_over
    ]
    if not asked:
        warnings.append("Nothing but readiness is asked: the app has no probes and no counts.")
    warnings.append(
        "Whether the cluster's network enforces NetworkPolicies cannot be seen from here; the "
        "copy is not made at all when it names a host of the live namespace."
    )
    return Plan(
        f"Prove backup {backup.name} of {ref.name} on {ref.cluster}",
        facts={
            "backup": backup.name,
            "uid": backup.uid,
            "backup_at": backup.started_at or backup.created_at,
            "scratch": scratch,
        },
        changes=(
            Change("backup", "", f"{backup.name}, made {ago(backup.started_at, ctx.clock())}"),
            Change("namespace", "", f"{scratch}, deleted at the end"),
            Change("asked", "", listed(("readiness", *asked))),
        ),
        warnings=tuple(warnings),
    )


def _check_owner(ref: AppRef, choice: Choice) -> None:
    backup = choice.backup
    owner = backup.labels.get(APP_LABEL, ref.name)
    if owner != ref.name:
        raise UsageError(f"{backup.name} is a backup of {owner}, not of {ref.name}")
    if backup.namespaces and not {"*", ref.namespace} & set(backup.namespaces):
        raise Refused(
            f"{backup.name} cannot prove that {ref.name} can be restored",
            why=f"it holds nothing of namespace {ref.namespace}",
            hint="`backup list` shows the app's own",
        )


@command(
    "restore drill",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=DrillParams,
    target=drill_target,
    plan=plan_drill,
    view=view_drilled,
    examples=("restore drill parse", "restore drill parse --cluster spare"),
    timeout=DRILL_SECONDS,
)
async def restore_drill(ctx: Ctx, p: DrillParams, op: Op) -> Drilled:
    """Prove a backup by restoring it into a namespace of its own, which is deleted again.

    The copy gets no ingress, no cron jobs and no way out of its namespace. It must become ready
    and pass the app's probes and counts; the live app is not touched.
    """
    ref = app_ref(ctx.config, p.app, ctx.target.cluster, ctx.target.cluster)
    return await drill(ctx, ref, op, velero_of(ctx.cluster))


COMMANDS = (restore_drill,)
