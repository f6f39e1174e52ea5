"""Making room for a restore in a namespace that lives: stop, delete workloads and their volumes.

Each part is a step that a kill does not harm, and acts on exactly the objects of the plan: by uid,
so that one which has come since is never touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from bot.errors import Drifted, Failed
from bot.recovery.restores.room import (
    ENDED,
    Doomed,
    another,
    kinds_of_room,
    list_all,
    owned_by,
    there,
)
from bot.recovery.which.matching import claims_of
from bot.releases.patience import patiently
from bot.releases.words import listed

if TYPE_CHECKING:
    from bot.context import Cluster, Op
    from integrations.kubernetes.client import KubeClient
    from integrations.kubernetes.kinds import Kind

_SIZED = ("Deployment", "StatefulSet")


async def clear(
    op: Op,
    cluster: Cluster,
    namespace: str,
    workloads: Sequence[Doomed],
    claims: Sequence[Doomed],
    *,
    timeout: float,
) -> None:
    """Stops and deletes, as durable steps: workloads first, then their volumes.

    Raises:
        Drifted: Other objects have taken the names since the plan; nothing was touched.
        Failed: Something does not end in time; the steps before it are done.
    """
    kube = cluster.kube
    sized = [one for one in workloads if one.kind in _SIZED]
    others = [one for one in workloads if one.kind not in _SIZED]
    await _same(op, kube, namespace, (*workloads, *claims))
    await _stop(op, kube, namespace, sized)
    await _delete(op, kube, namespace, others, "delete what cannot be scaled", timeout)
    await _wait_stopped(op, kube, namespace, workloads, claims, timeout)
    await _delete(op, kube, namespace, sized, "delete the workloads", timeout)
    await _delete(op, kube, namespace, claims, "delete the volumes", timeout)


async def _same(op: Op, kube: KubeClient, namespace: str, things: Sequence[Doomed]) -> None:
    """Looks, before anything is touched, that no name has passed to another object."""

    async def look() -> list[str]:
        found = await asyncio.gather(*(another(kube, namespace, one) for one in things))
        return [one.path for one, other in zip(things, found, strict=True) if other]

    async def check() -> bool:
        if others := await patiently(op, look):
            raise Drifted(
                f"{others[0]} is another one than when this was planned",
                why="it was deleted and made anew in between, so nothing was touched",
                hint="Ask again to see what would happen now",
            )
        return True

    async def never() -> None:
        return None

    await op.step("check that they are the planned ones", check, done=never)


async def _stop(op: Op, kube: KubeClient, namespace: str, sized: Sequence[Doomed]) -> None:
    """Scales to nothing, so that a database ends in order."""

    async def running() -> list[Doomed]:
        left = []
        for one in sized:
            item = await there(kube, namespace, one)
            if item is not None and int(item["spec"].get("replicas", 1)) > 0:
                left.append(one)
        return left

    async def stop() -> list[str]:
        for one in await running():
            await kube.set_scale(kinds_of_room()[one.kind], namespace, one.name, 0)
        return [one.path for one in sized]

    async def act() -> list[str]:
        return await patiently(op, stop)

    async def stopped() -> list[str] | None:
        return None if await patiently(op, running) else [one.path for one in sized]

    await op.step("stop the workloads", act, done=stopped)


async def _wait_stopped(
    op: Op,
    kube: KubeClient,
    namespace: str,
    workloads: Sequence[Doomed],
    claims: Sequence[Doomed],
    timeout: float,
) -> None:
    """Waits until none of the workloads runs, and nobody uses the volumes."""
    from integrations.kubernetes.kinds import PERSISTENT_VOLUME_CLAIM, REPLICA_SET

    kind = kinds_of_room()["Pod"]
    doomed = {one.uid for one in claims}

    async def left() -> list[str]:
        kinds = (REPLICA_SET, kind, PERSISTENT_VOLUME_CLAIM)
        sets, pods, volumes = await asyncio.gather(
            *(list_all(kube, one, namespace, None) for one in kinds)
        )
        named = (one["metadata"] for one in volumes)
        names = {str(meta["name"]) for meta in named if str(meta["uid"]) in doomed}
        uids = {one.uid for one in workloads}
        uids |= {str(one["metadata"]["uid"]) for one in sets if owned_by(one) & uids}
        return [
            str(pod["metadata"]["name"])
            for pod in pods
            if (pod.get("status") or {}).get("phase") not in ENDED
            and (owned_by(pod) & uids or names & set(claims_of(pod).values()))
        ]

    await _until_none(op, kube, kind, namespace, left, "wait until its pods are gone", timeout)


async def _delete(
    op: Op,
    kube: KubeClient,
    namespace: str,
    things: Sequence[Doomed],
    name: str,
    timeout: float,
) -> None:
    """Deletes exactly these, and waits until they are gone."""
    from integrations.kubernetes.errors import Conflict, NotFound

    if not things:
        return
    kinds = kinds_of_room()

    async def left(kind: str = "") -> list[str]:
        some = [one for one in things if kind in ("", one.kind)]
        found = await asyncio.gather(*(there(kube, namespace, one) for one in some))
        return [one.path for one, item in zip(some, found, strict=True) if item is not None]

    async def delete() -> None:
        for one in things:
            try:
                await kube.delete(kinds[one.kind], namespace, one.name, uid=one.uid)
            except (NotFound, Conflict):
                continue

    async def act() -> list[str]:
        await patiently(op, delete)
        for kind in dict.fromkeys(one.kind for one in things):
            await _gone(op, kube, kinds[kind], namespace, partial(left, kind), timeout)
        return [one.path for one in things]

    async def deleted() -> list[str] | None:
        return None if await patiently(op, left) else [one.path for one in things]

    await op.step(name, act, done=deleted)


async def _until_none(
    op: Op,
    kube: KubeClient,
    kind: Kind,
    namespace: str,
    left: Callable[[], Awaitable[list[str]]],
    name: str,
    timeout: float,
) -> None:
    async def wait() -> bool:
        await _gone(op, kube, kind, namespace, left, timeout)
        return True

    async def none() -> bool | None:
        return None if await patiently(op, left) else True

    await op.step(name, wait, done=none, interruptible=True)


async def _gone(
    op: Op,
    kube: KubeClient,
    kind: Kind,
    namespace: str,
    left: Callable[[], Awaitable[list[str]]],
    timeout: float,
) -> None:
    """Waits by watch until nothing is left.

    Raises:
        Failed: With the names of what stays.
    """
    from integrations.kubernetes.watch import watch

    still = await patiently(op, left)
    if not still:
        return
    try:
        async with (
            asyncio.timeout(timeout),
            aclosing(watch(kube, kind, namespace=namespace).events()) as events,
        ):
            async for _ in events:
                still = await patiently(op, left)
                if not still:
                    return
                await op.say(f"{len(still)} left: {listed(still, 3)}")
    except TimeoutError as error:
        raise Failed(
            f"{listed(still, 4)} did not go away within {timeout:.0f} s",
            why="a pod that does not end, one that still uses a volume, or a finalizer holds it",
            hint=f"`kubectl -n {namespace} describe {kind.plural}` tells which",
        ) from error
