"""`scale`: another number of pods, with what that means for autoscalers and replica sets."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from bot import (
    Actions,
    Arg,
    Button,
    Ctx,
    Document,
    Effect,
    Note,
    Op,
    Plan,
    Refused,
    Role,
    Table,
    Title,
    Weight,
    command,
)
from bot.names import check_namespace
from bot.releases import membership
from bot.releases.membership import Members
from bot.releases.overrides import Wish
from bot.releases.recording import remember_more
from bot.releases.rollout import wait_for_workloads
from bot.releases.sizing import set_replicas, set_scaler, sizing, wishes_for
from bot.releases.targets import WorkloadRef, resolve_workload, workload_target
from bot.releases.workloads import Found, find_one, kind_of, load

if TYPE_CHECKING:
    from integrations.kubernetes.autoscaling import Autoscaler


@dataclass(frozen=True)
class Scale:
    """What `scale` takes."""

    name: Annotated[str, Arg("Alias, app, or deployment/NAME", complete="workloads")]
    replicas: Annotated[int, Arg("How many pods", minimum=0, maximum=1000)]
    namespace: Annotated[
        str, Arg("Namespace of a workload", flag=True, short=("-n",), check=check_namespace)
    ] = ""
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Scaled:
    """What a scale did.

    Attributes:
        changes: What, before, after.
        members: Who joined (`+`) or left (`-`) the replica set.
        notes: What to know.
    """

    word: str
    path: str
    namespace: str
    before: int
    after: int
    changes: tuple[tuple[str, str, str], ...]
    members: tuple[str, ...]
    notes: tuple[str, ...]


def view_scaled(result: Scaled, now: int) -> Document:
    """From, to, and the way back."""
    suffix = f" --namespace {result.namespace}" if "/" in result.word else ""
    back = f"scale {result.word} {result.before}{suffix}"
    members = ", ".join(result.members)
    return Document.of(
        Title(f"Scaled {result.path} from {result.before} to {result.after}", tone="good"),
        Table(("what", "before", "now"), result.changes),
        Note.of(f"Replica set: {members}.") if members else None,
        *(Note.of(note) for note in result.notes),
        Actions(
            (
                Button("Status", "run", command=f"status {result.word}{suffix}"),
                Button(f"Back to {result.before}", "run", command=back),
            )
        ),
    )


async def plan_scale(ctx: Ctx, p: Scale) -> Plan:
    """Finds the workload, its autoscaler and its members, and decides what to set."""
    found, scaler = await _look(ctx, resolve_workload(ctx.scope, p), p.replicas)
    ref = found.ref
    size = sizing(found.replicas, p.replicas, scaler)
    if size.nothing:
        same = f"{found.path} has {p.replicas} replicas already"
        return Plan(same, facts={"uid": found.uid, "after": p.replicas}, nothing=True)
    members, warnings = await _members(ctx, found, p.replicas)
    wishes = wishes_for(found, size)
    if ref.app is not None and not wishes and p.replicas:
        warnings += (
            f"The next deploy of {ref.app.name} may set it back: no alias in the configuration "
            f"says which chart value holds the size of {found.path}.",
        )
    return Plan(
        f"Scale {found.path} from {found.replicas} to {p.replicas} in {ref.namespace}",
        facts={
            **_place(found),
            "before": found.replicas,
            "after": p.replicas,
            "replicas": size.replicas,
            "bounds": list(size.bounds) if size.bounds else None,
            "scaler": scaler.name if scaler else "",
            "members": members,
            "wishes": [asdict(wish) for wish in wishes],
        },
        changes=size.changes,
        warnings=(*warnings, *size.warnings),
        weight=size.weight,
        typed=ref.name if size.weight is Weight.TYPE else "",
    )


async def _look(ctx: Ctx, ref: WorkloadRef, replicas: int) -> tuple[Found, Autoscaler | None]:
    """The workload and its autoscaler, both at once where it is known what to look for."""
    from integrations.kubernetes.autoscaling import find_autoscaler

    kube, again = ctx.cluster.kube, f"scale {{}} {replicas}"
    if ref.kind and ref.name:
        kind = kind_of(ref.kind).kind
        found, scaler = await asyncio.gather(
            find_one(ctx.cluster, ref, again),
            find_autoscaler(kube, ref.namespace, kind, ref.name),
        )
    else:
        found = await find_one(ctx.cluster, ref, again)
        scaler = await find_autoscaler(kube, found.ref.namespace, found.kind, found.ref.name)
    return found, scaler


def _place(found: Found) -> dict[str, Any]:
    ref = found.ref
    return {"kind": ref.kind, "name": ref.name, "namespace": ref.namespace, "uid": found.uid}


async def _members(
    ctx: Ctx, found: Found, wanted: int
) -> tuple[dict[str, list[str]] | None, tuple[str, ...]]:
    """Who would join and leave; None when the workload is no replica set."""
    alias = found.ref.alias
    if alias is None or alias.members is None:
        return None, ()
    if found.ref.kind != "statefulset":
        raise Refused(
            f"{found.path} cannot be a replica set",
            why="its pods have no lasting names",
            hint="Correct `members` of its alias in the configuration",
        )
    members, before = Members(ctx.cluster, found), found.replicas
    warnings = membership.warnings_about(before, wanted)
    now = await members.status(before) if before and wanted else None
    membership.check_members(before, wanted, now)
    if now is None:
        return {"leaving": [], "joining": []}, warnings
    leaving, joining = members.leaving(now, wanted), members.joining(now, wanted)
    if now.primary in leaving:
        warnings += (f"{now.primary} is the primary; it hands over before it leaves.",)
    return {"leaving": leaving, "joining": joining}, warnings


@command(
    "scale",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Scale,
    target=workload_target,
    plan=plan_scale,
    view=view_scaled,
    examples=("scale mongodb 2", "scale deployment/web 5 -n shop"),
)
async def scale(ctx: Ctx, p: Scale, op: Op) -> Scaled:
    """Run more or fewer pods of a workload.

    With an autoscaler its bounds are changed instead. Members of a MongoDB replica set leave before
    their pods end and join once theirs are ready. The next deploy keeps the size.
    """
    facts = op.facts
    ref = _again(ctx, p, facts)
    cluster, place = ctx.cluster, {key: facts[key] for key in ("kind", "name", "namespace", "uid")}
    members = await _membership(ctx, ref, facts)
    before, after = int(facts["before"]), int(facts["after"])
    moved = facts["members"] or {"leaving": [], "joining": []}
    if members is not None:
        for host in moved["leaving"]:
            await membership.remove(op, members, host, before)
    if facts["bounds"]:
        low, high = facts["bounds"]
        await set_scaler(op, cluster, ref.namespace, str(facts["scaler"]), (low, high))
    if facts["replicas"] is not None:
        made = await set_replicas(op, cluster, place, int(facts["replicas"]))
        timeout = ref.app.config.timeout if ref.app else ctx.config.helm.timeout
        target = (str(made["kind"]), ref.name, int(made["generation"]))
        await wait_for_workloads(op, cluster, ref.namespace, [target], "wait for pods", timeout)
    notes: list[str] = []
    if members is not None and after:
        notes += await _join(op, members, moved["joining"], before, after)
    wishes = [Wish(**wish) for wish in facts["wishes"]]
    if wishes and ref.app is not None:
        await remember_more(ctx, op, ref.app.target, wishes)
        notes.append("The next deploy keeps this.")
    size = sizing_of(facts)
    signs = [f"+{host}" for host in moved["joining"]] + [f"-{host}" for host in moved["leaving"]]
    path = f"{ref.kind}/{ref.name}"
    return Scaled(p.name, path, ref.namespace, before, after, size, tuple(signs), tuple(notes))


def _again(ctx: Ctx, p: Scale, facts: Any) -> WorkloadRef:
    """The workload as it was planned, whatever else has its name now."""
    ref = resolve_workload(ctx.scope, p)
    kind, name = str(facts["kind"]), str(facts["name"])
    return replace(ref, kind=kind, name=name, namespace=str(facts["namespace"]))


async def _membership(ctx: Ctx, ref: WorkloadRef, facts: Any) -> Members | None:
    if facts["members"] is None:
        return None
    return Members(ctx.cluster, await load(ctx.cluster, ref))


async def _join(op: Op, members: Members, joining: list[str], before: int, after: int) -> list[str]:
    """Brings new pods into the set; after a stop of all, sets the membership right."""
    if before == 0:
        await membership.align(op, members, after)
        return []
    for host in joining:
        await membership.add(op, members, host, after)
    if joining and not await membership.caught_up(op, members, after):
        return ["A new member still copies its data; `status` shows it ready when it is done."]
    return []


def sizing_of(facts: Any) -> tuple[tuple[str, str, str], ...]:
    """What was set, in words."""
    rows = []
    if facts["replicas"] is not None:
        rows.append(("replicas", str(facts["before"]), str(facts["replicas"])))
    if facts["bounds"]:
        low, high = facts["bounds"]
        rows.append((f"autoscaler {facts['scaler']}", "", f"{low} to {high} pods"))
    return tuple(rows)


COMMANDS = (scale,)
