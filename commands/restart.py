"""`restart`: new pods, one after the other, of the same version."""

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
    Op,
    Plan,
    Refused,
    Role,
    Table,
    Title,
    command,
)
from bot.names import check_namespace
from bot.releases.restarting import Restarted, restart_one
from bot.releases.rollout import wait_for_workloads
from bot.releases.targets import resolve_workload, workload_target
from bot.releases.words import listed
from bot.releases.workloads import Found, find_all


@dataclass(frozen=True)
class Restart:
    """What `restart` takes."""

    name: Annotated[str, Arg("App, alias, or deployment/NAME", complete="workloads")]
    namespace: Annotated[
        str, Arg("Namespace of a workload", flag=True, short=("-n",), check=check_namespace)
    ] = ""
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Result:
    """What was restarted: path and pods of each."""

    word: str
    namespace: str
    workloads: tuple[tuple[str, str], ...]


def view_restarted(result: Result, now: int) -> Document:
    """One line, and the way to look."""
    names = listed(path for path, _ in result.workloads)
    table = Table(("workload", "ready"), result.workloads) if len(result.workloads) > 1 else None
    suffix = f" --namespace {result.namespace}" if "/" in result.word else ""
    return Document.of(
        Title(f"Restarted {names}", tone="good"),
        table,
        Actions((Button("Status", "run", command=f"status {result.word}{suffix}"),)),
    )


async def plan_restart(ctx: Ctx, p: Restart) -> Plan:
    """Finds the workloads; refuses paused ones."""
    found = await find_all(ctx.cluster, resolve_workload(ctx.scope, p))
    for one in found:
        if one.item["spec"].get("paused"):
            raise Refused(
                f"{one.path} is paused",
                why="a restart would do nothing until it goes on",
                hint=f"Run `kubectl rollout resume {one.path} -n {one.ref.namespace}` first",
            )
    running = [one for one in found if one.replicas]
    names = listed(one.path for one in running)
    return Plan(
        f"Restart {names} in {_namespace(found)}" if running else f"{p.name} has no pods",
        facts={"workloads": [[one.ref.kind, one.ref.name, one.uid] for one in running]},
        changes=tuple(
            Change(one.path, f"{one.replicas} pods", "replaced one after the other")
            for one in running
        ),
        nothing=not running,
    )


def _namespace(found: list[Found]) -> str:
    return found[0].ref.namespace if found else ""


@command(
    "restart",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Restart,
    target=workload_target,
    plan=plan_restart,
    view=view_restarted,
    examples=("restart parse", "restart mongodb", "restart deployment/web -n shop"),
)
async def restart(ctx: Ctx, p: Restart, op: Op) -> Result:
    """Replace the pods of an app or a workload, one after the other.

    Nothing else changes; a Deployment keeps serving meanwhile.
    """
    ref = resolve_workload(ctx.scope, p)
    cluster, done = ctx.cluster, []
    for kind, name, uid in op.facts["workloads"]:
        restarted: Restarted = await restart_one(op, cluster, ref.namespace, kind, name, uid)
        timeout = ref.app.config.timeout if ref.app else ctx.config.helm.timeout
        target = (restarted.kind, name, restarted.generation)
        label = f"wait for {kind}/{name}"
        await wait_for_workloads(op, cluster, ref.namespace, [target], label, timeout)
        done.append((f"{kind}/{name}", f"{restarted.replicas}/{restarted.replicas}"))
    return Result(p.name, ref.namespace, tuple(done))


COMMANDS = (restart,)
