"""`history`, `rollback`: what was deployed, and going back to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from bot import (
    Actions,
    Arg,
    Button,
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
    Table,
    Title,
    UsageError,
    Weight,
    command,
)
from bot.names import check_name
from bot.releases import deployment, overrides, values
from bot.releases.deployment import Resize
from bot.releases.live import final_picture, release_workloads
from bot.releases.overrides import REPLICAS, Wish
from bot.releases.targets import AppRef, app_ref, app_target
from bot.releases.undoing import roll_back
from bot.releases.words import ago, count, moment


@dataclass(frozen=True)
class History:
    """What `history` takes."""

    app: Annotated[str, Arg("App to look at", complete="apps", check=check_name)]
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Line:
    """One revision.

    Attributes:
        state: `running`, `worked`, `failed`, `did not come up` or helm's own word.
        at: Microseconds UTC.
        description: What made it, in words.
        job: The id of the job that made it, where one did.
    """

    number: int
    state: str
    chart: str
    version: str
    at: int | None
    description: str
    job: str = ""


@dataclass(frozen=True)
class Revisions:
    """An app's revisions, newest first; `back` is where a rollback would go, 0 for nowhere."""

    app: str
    cluster: str
    lines: tuple[Line, ...]
    back: int


_TONES: dict[str, Any] = {"running": "good", "failed": "bad", "did not come up": "bad"}


def view_revisions(result: Revisions, now: int) -> Document:
    """A table of revisions, newest first; the chart is in it when it ever changed."""
    charts = {r.chart for r in result.lines}
    columns: tuple[str, ...] = ("revision", "state", "version", "when", "description")
    columns += ("chart",) if len(charts) > 1 else ()
    rows = tuple(
        (str(r.number), r.state, r.version, ago(r.at, now), r.description, r.chart)[: len(columns)]
        for r in result.lines
    )
    buttons = [Button("Status", "run", command=f"status {result.app}")]
    if result.back:
        label = f"Roll back to {result.back}"
        buttons.insert(0, Button(label, "run", command=f"rollback {result.app} {result.back}"))
    return Document.of(
        Title(f"{result.app} on {result.cluster}: {count(len(rows), 'revision')}"),
        Table(
            columns,
            rows,
            tones=tuple(_TONES.get(r.state, "plain") for r in result.lines),
            empty="never deployed",
        ),
        Actions(tuple(buttons)),
    )


@command(
    "history",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=History,
    target=app_target,
    view=view_revisions,
    examples=("history parse",),
)
async def history(ctx: Ctx, p: History) -> Revisions:
    """Show the revisions of an app, newest first."""
    ref = app_ref(ctx.config, p.app, p.cluster, ctx.scope.cluster)
    found = await deployment.revisions(ctx.clusters(ref.cluster), ref)
    good = await deployment.good_revisions(ctx, ref, found)
    versions = deployment.versions(found)
    lines = tuple(
        Line(
            r.number,
            _state(r.status, r.number in good),
            r.chart,
            versions[r.number],
            moment(r.updated),
            *_words(ctx, r.description),
        )
        for r in reversed(found)
    )
    return Revisions(p.app, ref.cluster, lines, deployment.default_target(found, good))


def _words(ctx: Ctx, description: str) -> tuple[str, str]:
    """Our own description without its first word, and that: the job's id."""
    first, _, rest = description.partition(" ")
    return (rest, first) if ctx.desk.is_request_id(first) and rest else (description, "")


def _state(status: str, good: bool) -> str:
    if status == "deployed":
        return "running" if good else "did not come up"
    if status == "superseded":
        return "worked" if good else "did not come up"
    return status


@dataclass(frozen=True)
class Rollback:
    """What `rollback` takes."""

    app: Annotated[str, Arg("App to take back", complete="apps", check=check_name)]
    revision: Annotated[
        int, Arg("Revision to go back to; the last one that worked when left out", minimum=1)
    ] = 0
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class RolledBack:
    """What a rollback did."""

    app: str
    cluster: str
    to: int
    revision: int
    workloads: tuple[tuple[str, str, str], ...]
    wishes: tuple[str, ...]


def view_rolled_back(result: RolledBack, now: int) -> Document:
    """Where it is now, and what is likely next."""
    return Document.of(
        Title(
            f"{result.app} is back at revision {result.to} on {result.cluster}, "
            f"as revision {result.revision}",
            tone="good",
        ),
        Table(("workload", "ready", "image"), result.workloads, empty="no workloads"),
        Note.of(f"Overrides in force: {', '.join(result.wishes)}.") if result.wishes else None,
        Actions(
            (
                Button("Status", "run", command=f"status {result.app}"),
                Button("History", "run", command=f"history {result.app}"),
            )
        ),
    )


async def plan_rollback(ctx: Ctx, p: Rollback) -> Plan:
    """Finds the revision and shows what would change."""
    ref = app_ref(ctx.config, p.app, p.cluster, ctx.scope.cluster)
    found = await deployment.revisions(ctx.clusters(ref.cluster), ref)
    good = await deployment.good_revisions(ctx, ref, found)
    target = p.revision or deployment.default_target(found, good)
    chosen = next((r for r in found if r.number == target), None)
    if not found:
        raise Refused(f"{p.app} was never deployed on {ref.cluster}", hint=f"`deploy {p.app}`")
    if chosen is None and p.revision:
        known = ", ".join(str(r.number) for r in found)
        raise UsageError(f"{p.app} has no revision {p.revision}", hint=f"It has {known}")
    if chosen is None:
        raise Refused(
            f"{p.app} has no earlier revision that worked",
            hint=f"`history {p.app}` shows them; `rollback {p.app} REVISION` takes any of them",
        )
    newest = found[-1]
    if chosen.number == newest.number and newest.status == "deployed":
        raise Refused(f"{p.app} is at revision {chosen.number} already")
    changes, warnings = await _difference(ctx, ref, newest.number, chosen.number)
    versions = deployment.versions(found)
    now, then = versions[newest.number], versions[chosen.number]
    if now != then:
        others = tuple(c for c in changes if c.what != ref.config.version_value)
        changes = (Change("version", now, then), *others)
    if chosen.number not in good:
        warnings.insert(0, f"Revision {chosen.number} is not known to have worked.")
    return Plan(
        f"Roll {p.app} back from revision {newest.number} to {chosen.number} on {ref.cluster}",
        facts={"release": ref.release, "revision": newest.number, "to": chosen.number},
        changes=changes,
        warnings=tuple(warnings),
        weight=Weight.CONFIRM,
    )


async def _difference(
    ctx: Ctx, ref: AppRef, now: int, to: int
) -> tuple[tuple[Change, ...], list[str]]:
    cluster = ctx.clusters(ref.cluster)
    before, after, computed, items, kept, old = await asyncio.gather(
        cluster.helm.get_values(ref.release, namespace=ref.namespace, revision=now),
        cluster.helm.get_values(ref.release, namespace=ref.namespace, revision=to),
        cluster.helm.get_values(ref.release, namespace=ref.namespace, revision=to, computed=True),
        release_workloads(cluster.kube, ref.namespace, ref.release),
        ctx.desk.overrides(ref.target),
        ctx.desk.overrides(ref.target, to),
    )
    wishes = deployment.wishes_of(old)
    scaled = overrides.applied(ref.config, after, _scaled(wishes))
    delta = values.compare(before, scaled, ref.config.secret_values)
    sizes = _sizes(ref, items, computed, wishes)
    deployment.refuse_members(ref, sizes)
    changes = (*delta.changed, *delta.dropped)
    changes += tuple(Change(f"{s.path} replicas", str(s.before), str(s.after)) for s in sizes)
    lost = {w.words for w in deployment.wishes_of(kept)} - {w.words for w in wishes}
    warnings = [f"The override {words} would no longer hold." for words in sorted(lost)]
    return changes, warnings


def _sizes(
    ref: AppRef, items: Any, computed: dict[str, Any], wishes: tuple[Wish, ...]
) -> tuple[Resize, ...]:
    """Sizes that differ, seen from what `scale` had set at that revision."""
    return deployment.resizes(ref, items, overrides.applied(ref.config, computed, _scaled(wishes)))


def _scaled(wishes: tuple[Wish, ...]) -> tuple[Wish, ...]:
    return tuple(wish for wish in wishes if wish.kind == REPLICAS)


@command(
    "rollback",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Rollback,
    target=app_target,
    plan=plan_rollback,
    view=view_rolled_back,
    examples=("rollback parse", "rollback parse 3"),
)
async def rollback(ctx: Ctx, p: Rollback, op: Op) -> RolledBack:
    """Go back to an earlier revision of an app.

    The overrides of that revision come back with it.
    """
    ref = app_ref(ctx.config, p.app, ctx.target.cluster, ctx.target.cluster)
    to = int(op.facts["to"])
    back = await roll_back(ctx, ref, op, base=int(op.facts["revision"]), to=to)
    if back.why:
        raise Failed(
            f"{p.app} did not come up at revision {to}",
            why=back.why,
            hint=f"`status {p.app}` shows its pods; `rollback {p.app} REVISION` takes another one",
        )
    cluster = ctx.clusters(ref.cluster)
    workloads = await final_picture(cluster.kube, ref.namespace, ref.release)
    wishes = deployment.wishes_of(await ctx.desk.overrides(ref.target))
    return RolledBack(
        p.app,
        ref.cluster,
        to,
        back.revision,
        workloads,
        tuple(wish.words for wish in wishes),
    )


COMMANDS = (history, rollback)
