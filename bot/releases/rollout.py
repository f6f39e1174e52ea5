"""Waiting for workloads until they are as asked for, as durable steps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from bot.errors import Failed
from bot.releases.live import describe_workload, release_workloads
from bot.releases.words import listed

if TYPE_CHECKING:
    from bot.context import Cluster, Op
    from integrations.kubernetes.follow import FollowResult, Target, WorkloadState


async def wait_for_release(
    op: Op, cluster: Cluster, namespace: str, release: str, name: str, timeout: float
) -> dict[str, Any]:
    """Waits, as a step, until all workloads of a release are rolled out.

    Returns:
        `ok`, and `why` in words when it is not.
    """

    async def follow() -> dict[str, Any]:
        from integrations.kubernetes.follow import workload_targets

        items = await release_workloads(cluster.kube, namespace, release)
        return await _follow(op, cluster, namespace, workload_targets(items), timeout)

    async def look() -> dict[str, Any] | None:
        items = await release_workloads(cluster.kube, namespace, release)
        states = [describe_workload(item) for item in items]
        return {"ok": True, "why": ""} if all(state.done for state in states) else None

    result: dict[str, Any] = await op.step(name, follow, done=look, interruptible=True)
    return result


async def wait_for_workloads(
    op: Op,
    cluster: Cluster,
    namespace: str,
    targets: Sequence[tuple[str, str, int]],
    name: str,
    timeout: float,
) -> None:
    """Waits, as a step, until these workloads are rolled out.

    Args:
        op: The operation.
        cluster: Where.
        namespace: Of all of them.
        targets: Kind as in `Deployment`, name, and the generation that must have been seen.
        name: The step's name.
        timeout: Seconds.

    Raises:
        Failed: With what is wrong in words.
    """
    from integrations.kubernetes.follow import Target

    wanted = [Target(kind, workload, generation) for kind, workload, generation in targets]

    async def follow() -> dict[str, Any]:
        return await _follow(op, cluster, namespace, wanted, timeout)

    async def look() -> dict[str, Any] | None:
        from integrations.kubernetes.kinds import WORKLOADS

        items = await asyncio.gather(
            *(cluster.kube.get(WORKLOADS[t.kind], namespace, t.name) for t in wanted)
        )
        seen = all(
            describe_workload(item).done
            and int(item["metadata"].get("generation") or 0) >= target.generation
            for item, target in zip(items, wanted, strict=True)
        )
        return {"ok": True, "why": ""} if seen else None

    result = await op.step(name, follow, done=look, interruptible=True)
    if not result["ok"]:
        names = listed(f"{kind.lower()}/{workload}" for kind, workload, _ in targets)
        raise Failed(
            f"{names} did not become ready",
            why=str(result["why"]),
            hint=f"`status {targets[0][1]}` shows the pods' state",
        )


async def _follow(
    op: Op, cluster: Cluster, namespace: str, targets: Sequence[Target], timeout: float
) -> dict[str, Any]:
    from integrations.kubernetes.follow import follow_workloads

    async with _telling(op) as tell:
        result: FollowResult = await follow_workloads(
            cluster.kube, namespace, targets, timeout=timeout, on_change=tell
        )
    return {"ok": result.ok, "why": result.message}


@contextlib.asynccontextmanager
async def _telling(op: Op) -> AsyncIterator[Any]:
    """Says under the running step how far it is, always the newest picture only."""
    newest: list[str] = [""]
    changed = asyncio.Event()

    def tell(states: tuple[WorkloadState, ...]) -> None:
        newest[0] = _progress(states)
        changed.set()

    async def say() -> None:
        while True:
            await changed.wait()
            changed.clear()
            await op.say(newest[0])

    task = asyncio.create_task(say())
    try:
        yield tell
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _progress(states: tuple[WorkloadState, ...]) -> str:
    """`parse-server 1/2, parse-mongodb 3/3`, and the first trouble."""
    parts = [f"{s.target.name} {s.rollout.ready}/{s.rollout.wanted}" for s in states if s.rollout]
    trouble = next((p.message for s in states for p in s.problems), "")
    return ", ".join(parts) + (f" – {trouble}" if trouble else "")
