"""Going back to an older revision: helm's rollback, stuck pods, sizes, and waiting for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.releases import deployment
from bot.releases.helming import HelmStep
from bot.releases.live import Object, release_workloads
from bot.releases.overrides import REPLICAS, Wish
from bot.releases.rollout import until_observed, wait_for_release

if TYPE_CHECKING:
    from bot.context import Cluster, Ctx, Op
    from bot.releases.targets import AppRef


@dataclass(frozen=True, slots=True)
class Back:
    """How going back ended: the revision made, and what is wrong (empty on success)."""

    revision: int
    why: str = ""


async def roll_back(ctx: Ctx, ref: AppRef, op: Op, *, base: int, to: int) -> Back:
    """Makes a new revision like an older one, as durable steps, and waits until it runs.

    Args:
        ctx: The request's context.
        ref: The app.
        op: The operation.
        base: The newest revision now.
        to: The revision to go back to.
    """
    result = await _rollback(ctx, ref, op, base, to)
    revision = int(result["revision"])
    if result["failed"]:
        return Back(revision, str(result["failed"]))
    cluster = ctx.clusters(ref.cluster)
    await _restore_sizes(ctx, ref, op, to)
    await _free_stuck(ref, op, cluster)
    name = f"wait for revision {revision}"
    timeout = ref.config.timeout
    ended = await wait_for_release(op, cluster, ref.namespace, ref.release, name, timeout)
    if not ended["ok"]:
        return Back(revision, str(ended["why"]))
    await _carry(ctx, ref, op, to, revision)
    return Back(revision)


async def _rollback(ctx: Ctx, ref: AppRef, op: Op, base: int, to: int) -> dict[str, Any]:
    from integrations.helm.recovery import Intent

    cluster = ctx.clusters(ref.cluster)

    async def act(on_spawn: Any) -> None:
        await cluster.helm.rollback(
            ref.release, to, namespace=ref.namespace, operation=op.id, on_spawn=on_spawn
        )

    intent = Intent(op.id, "rollback", base, to)
    wait = ctx.config.helm.timeout * 2
    step = HelmStep(op, cluster, ref.release, ref.namespace, intent, act, wait)
    return await step.run(f"helm rollback to revision {to}")


async def _restore_sizes(ctx: Ctx, ref: AppRef, op: Op, to: int) -> None:
    """Gives workloads the sizes that `scale` had set at that revision.

    Helm goes back to the size in the old manifest, which knows nothing of a later `scale`.
    """
    kept = deployment.wishes_of(await ctx.desk.overrides(ref.target, to))
    sizes = {wish.path: int(wish.value) for wish in kept if _is_size(wish)}
    if not sizes:
        return
    cluster = ctx.clusters(ref.cluster)

    async def wrong() -> list[tuple[Object, int]]:
        items = await release_workloads(cluster.kube, ref.namespace, ref.release)
        found = [(item, sizes.get(_path(item), -1)) for item in items]
        return [(i, n) for i, n in found if n >= 0 and i["spec"].get("replicas", 1) != n]

    async def resize() -> list[str]:
        from integrations.kubernetes.kinds import WORKLOADS

        changed = []
        for item, size in await wrong():
            name = str(item["metadata"]["name"])
            await cluster.kube.set_scale(WORKLOADS[item["kind"]], ref.namespace, name, size)
            changed.append(f"{_path(item)} {size}")
        return changed

    async def right() -> list[str] | None:
        return None if await wrong() else []

    await op.step("keep the sizes that scale had set", resize, done=right)


async def _free_stuck(ref: AppRef, op: Op, cluster: Cluster) -> None:
    """Deletes the not-ready pods of a StatefulSet's bad revision.

    Kubernetes leaves them in place and waits for them for ever (kubernetes/kubernetes#67250).
    """
    from integrations.kubernetes.kinds import POD
    from integrations.kubernetes.revision import outdated_pods, selects
    from integrations.kubernetes.rollout import observed

    async def sets_now() -> list[Object]:
        items = await release_workloads(cluster.kube, ref.namespace, ref.release)
        return [item for item in items if item["kind"] == "StatefulSet"]

    async def stuck(sets: list[Object]) -> list[tuple[str, str]]:
        if not sets:
            return []
        pods = (await cluster.kube.list(POD, ref.namespace)).items
        names = {
            name
            for item in sets
            for name in outdated_pods(item, [pod for pod in pods if selects(item, pod)])
        }
        found = ((str(p["metadata"]["name"]), str(p["metadata"]["uid"])) for p in pods)
        return [(name, uid) for name, uid in found if name in names]

    async def delete() -> list[str]:
        from integrations.kubernetes.errors import Conflict, NotFound

        gone, sets = [], await sets_now()
        for item in sets:  # only then does its status name the revision that we went back to
            await until_observed(cluster.kube, ref.namespace, item)
        for name, uid in await stuck(await sets_now()):
            try:
                await cluster.kube.delete(POD, ref.namespace, name, uid=uid)
            except (NotFound, Conflict):
                continue  # it went by itself, and another has its name
            gone.append(name)
        return gone

    async def free() -> list[str] | None:
        sets = await sets_now()
        known = all(observed(item) for item in sets)
        return [] if known and not await stuck(sets) else None

    await op.step("remove pods that block the roll-out", delete, done=free)


async def _carry(ctx: Ctx, ref: AppRef, op: Op, to: int, revision: int) -> None:
    async def carry() -> int:
        await ctx.desk.carry_overrides(ref.target, to, revision)
        return revision

    async def carried() -> int | None:
        return revision if await ctx.desk.recorded_revisions(ref.target, [revision]) else None

    await op.step(f"bring back the overrides of revision {to}", carry, done=carried)


def _is_size(wish: Wish) -> bool:
    return wish.kind == REPLICAS and isinstance(wish.value, int)


def _path(item: Object) -> str:
    return f"{str(item['kind']).lower()}/{item['metadata']['name']}"
