"""Taking a release away, and what outlives it: volumes and credentials."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import Failed
from bot.releases.helming import HelmStep
from bot.releases.live import Object, release_workloads

if TYPE_CHECKING:
    from bot.context import Cluster, Ctx, Op
    from bot.releases.targets import AppRef

_INSTANCE = "app.kubernetes.io/instance"


@dataclass(frozen=True, slots=True)
class Thing:
    """An object that an uninstall leaves: kind, name, and the uid that tells it from another."""

    kind: str
    name: str
    uid: str


async def kept_things(cluster: Cluster, ref: AppRef) -> list[Thing]:
    """The volume claims of an app's StatefulSets and its credentials Secret."""
    from integrations.kubernetes.errors import NotFound
    from integrations.kubernetes.kinds import PERSISTENT_VOLUME_CLAIM, SECRET

    claims, items = await asyncio.gather(
        cluster.kube.list(PERSISTENT_VOLUME_CLAIM, ref.namespace),
        release_workloads(cluster.kube, ref.namespace, ref.release),
    )
    found = [
        Thing("PersistentVolumeClaim", _name(claim), str(claim["metadata"]["uid"]))
        for claim in claims.items
        if _belongs(claim, ref.release, items)
    ]
    if ref.config.credentials is not None:
        try:
            secret = await cluster.kube.get(SECRET, ref.namespace, ref.config.credentials.secret)
        except NotFound:
            return found
        found.append(Thing("Secret", _name(secret), str(secret["metadata"]["uid"])))
    return found


def _belongs(claim: Object, release: str, items: Sequence[Object]) -> bool:
    """By its label, or by the name that a StatefulSet gives: `data-parse-mongodb-0`."""
    if (claim["metadata"].get("labels") or {}).get(_INSTANCE) == release:
        return True
    patterns = (
        rf"{re.escape(_name(template))}-{re.escape(_name(item))}-[0-9]+"
        for item in items
        for template in item["spec"].get("volumeClaimTemplates") or []
    )
    return any(re.fullmatch(pattern, _name(claim)) for pattern in patterns)


async def uninstall_release(ctx: Ctx, ref: AppRef, op: Op, revision: int) -> None:
    """Runs `helm uninstall` as a step."""
    from integrations.helm.recovery import Intent

    cluster = ctx.clusters(ref.cluster)

    async def act(on_spawn: Any) -> None:
        await cluster.helm.uninstall(
            ref.release, namespace=ref.namespace, operation=op.id, on_spawn=on_spawn
        )

    intent = Intent(op.id, "uninstall", revision)
    wait = ctx.config.helm.timeout * 2
    step = HelmStep(op, cluster, ref.release, ref.namespace, intent, act, wait)
    await step.run("helm uninstall")


async def wait_gone(ctx: Ctx, ref: AppRef, op: Op, selectors: Sequence[Object]) -> None:
    """Waits, as a step, until no pod of the release is left.

    Args:
        ctx: The command's context.
        ref: The app.
        op: The operation.
        selectors: By which the release's workloads chose their pods; not every chart gives its
            pods the label of their release.

    Raises:
        Failed: If some stay beyond the app's timeout.
    """
    from integrations.kubernetes.kinds import POD
    from integrations.kubernetes.revision import selects

    kube, timeout = ctx.clusters(ref.cluster).kube, ref.config.timeout
    marked = {"matchLabels": {_INSTANCE: ref.release}}
    owners = [{"spec": {"selector": selector}} for selector in (marked, *selectors)]

    async def pods() -> list[str]:
        found = (await kube.list(POD, ref.namespace)).items
        return [_name(pod) for pod in found if any(selects(owner, pod) for owner in owners)]

    async def wait() -> bool:
        from integrations.kubernetes.watch import watch

        try:
            async with (
                asyncio.timeout(timeout),
                aclosing(watch(kube, POD, namespace=ref.namespace).events()) as all_,
            ):
                async for _ in all_:
                    left = await pods()
                    if not left:
                        break
                    await op.say(f"{len(left)} left: {', '.join(left[:3])}")
        except TimeoutError as error:
            raise Failed(
                f"Pods of {ref.name} are still ending after {timeout:.0f} s",
                why=f"left are {', '.join(await pods())}",
                hint="See why with `kubectl describe pod`; the release itself is gone",
            ) from error
        return True

    async def gone() -> bool | None:
        return None if await pods() else True

    await op.step("wait until its pods are gone", wait, done=gone, interruptible=True)


async def remove_data(
    ctx: Ctx, ref: AppRef, op: Op, things: Sequence[tuple[str, str, str]]
) -> None:
    """Deletes exactly these objects, each as a step; another one of the same name stays."""
    from integrations.kubernetes.errors import Conflict, NotFound
    from integrations.kubernetes.kinds import PERSISTENT_VOLUME_CLAIM, SECRET

    kube = ctx.clusters(ref.cluster).kube
    kinds = {"PersistentVolumeClaim": PERSISTENT_VOLUME_CLAIM, "Secret": SECRET}

    async def delete(kind: str, name: str, uid: str) -> None:
        async def act() -> str:
            try:
                await kube.delete(kinds[kind], ref.namespace, name, uid=uid)
            except (NotFound, Conflict):
                return "was gone"
            return "deleted"

        async def look() -> str | None:
            try:
                item = await kube.get(kinds[kind], ref.namespace, name)
            except NotFound:
                return "deleted"
            return None if item["metadata"]["uid"] == uid else "deleted"

        await op.step(f"delete {kind} {name}", act, done=look)

    for kind, name, uid in things:
        await delete(kind, name, uid)


async def forget(ctx: Ctx, ref: AppRef, op: Op) -> None:
    """Drops the app's overrides, as a step."""

    async def drop() -> bool:
        await ctx.desk.forget_overrides(ref.target)
        return True

    async def dropped() -> bool | None:
        kept = await ctx.desk.overrides(ref.target)
        return None if kept.items or kept.revision else True

    await op.step("forget its overrides", drop, done=dropped)


async def set_aside(ctx: Ctx, ref: AppRef, op: Op) -> None:
    """Keeps the app's overrides for its next release, as a step."""

    async def keep() -> bool:
        await ctx.desk.set_aside_overrides(ref.target)
        return True

    async def kept() -> bool | None:
        return None if (await ctx.desk.overrides(ref.target)).revision else True

    await op.step("keep its overrides for the next deploy", keep, done=kept)


def _name(item: Object) -> str:
    return str(item["metadata"]["name"])
