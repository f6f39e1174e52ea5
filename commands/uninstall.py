"""`uninstall`: take an app away; its credentials and volumes only when told."""

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
    Note,
    Op,
    Plan,
    Refused,
    Role,
    Title,
    Weight,
    command,
)
from bot.names import check_name
from bot.releases.live import newest_revision, release_workloads
from bot.releases.removal import (
    forget,
    kept_things,
    remove_data,
    set_aside,
    uninstall_release,
    wait_gone,
)
from bot.releases.targets import app_ref, app_target
from bot.releases.words import count, listed


@dataclass(frozen=True)
class Uninstall:
    """What `uninstall` takes."""

    app: Annotated[str, Arg("App to take away", complete="apps", check=check_name)]
    data: Annotated[bool, Arg("Also delete its volumes and credentials, for good", flag=True)] = (
        False
    )
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Uninstalled:
    """What was taken away, and what is still there: `Secret/parse-credentials` …."""

    app: str
    cluster: str
    namespace: str
    workloads: tuple[str, ...]
    kept: tuple[str, ...]
    deleted: tuple[str, ...]


def view_uninstalled(result: Uninstalled, now: int) -> Document:
    """What is gone and what stays."""
    again = Actions((Button("Deploy it anew", "run", command=f"deploy {result.app}"),))
    if result.deleted:
        note = Note.of(f"Deleted for good: {listed(result.deleted)}.", tone="warn")
    elif result.kept:
        note = Note.of(
            f"Kept in namespace {result.namespace}: {listed(result.kept)}. "
            "A new deploy finds them again."
        )
    else:
        note = Note.of("It had no volumes and no credentials.")
    return Document.of(
        Title(f"{result.app} is uninstalled from {result.cluster}", tone="good"), note, again
    )


async def plan_uninstall(ctx: Ctx, p: Uninstall) -> Plan:
    """Lists what would go and what would stay."""
    ref = app_ref(ctx.config, p.app, p.cluster, ctx.scope.cluster)
    cluster = ctx.clusters(ref.cluster)
    revision = await newest_revision(cluster.kube, ref.namespace, ref.release)
    things = await kept_things(cluster, ref)
    if not revision and not (p.data and things):
        raise Refused(f"{p.app} is not deployed on {ref.cluster}")
    items = await release_workloads(cluster.kube, ref.namespace, ref.release)
    paths = [f"{str(i['kind']).lower()}/{i['metadata']['name']}" for i in items]
    fate = "deleted for good" if p.data else "kept"
    changes = [Change(path, "running", "gone") for path in paths]
    changes += [Change(f"{t.kind}/{t.name}", "there", fate) for t in things]
    warnings = ["The app stops."]
    if p.data:
        warnings = [f"All data of {p.app} is deleted: {count(len(things), 'object')}, no way back."]
    return Plan(
        f"Uninstall {p.app} from {ref.cluster}" + (" with all its data" if p.data else ""),
        facts={
            "release": ref.release,
            "revision": revision,
            "workloads": paths,
            "selectors": [item["spec"].get("selector") or {} for item in items],
            "data": p.data,
            "things": [[t.kind, t.name, t.uid] for t in things],
        },
        changes=tuple(changes),
        warnings=tuple(warnings),
        weight=Weight.TYPE,
        typed=p.app,
    )


@command(
    "uninstall",
    effect=Effect.CHANGE,
    role=Role.ADMIN,
    params=Uninstall,
    target=app_target,
    plan=plan_uninstall,
    view=view_uninstalled,
    examples=("uninstall parse", "uninstall parse --data"),
)
async def uninstall(ctx: Ctx, p: Uninstall, op: Op) -> Uninstalled:
    """Take an app away.

    Its credentials and volumes stay and are named, so that a new deploy finds its data; --data
    deletes them too.
    """
    facts = op.facts
    ref = app_ref(ctx.config, p.app, ctx.target.cluster, ctx.target.cluster)
    things = [(str(k), str(n), str(u)) for k, n, u in facts["things"]]
    names = tuple(f"{kind}/{name}" for kind, name, _ in things)
    if facts["revision"]:
        await uninstall_release(ctx, ref, op, int(facts["revision"]))
        await wait_gone(ctx, ref, op, facts.get("selectors", ()))
    if facts["data"]:
        await remove_data(ctx, ref, op, things)
        await forget(ctx, ref, op)
    else:
        await set_aside(ctx, ref, op)
    data = bool(facts["data"])
    return Uninstalled(
        p.app,
        ref.cluster,
        ref.namespace,
        tuple(facts["workloads"]),
        () if data else names,
        names if data else (),
    )


COMMANDS = (uninstall,)
