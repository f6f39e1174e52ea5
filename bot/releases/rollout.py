"""Waiting for workloads until they are as asked for, as durable steps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from bot.errors import Failed
from bot.releases.live import Object, describe_workload, release_workloads
from bot.releases.patience import patiently
from bot.releases.words import listed

if TYPE_CHECKING:
    from bot.context import Cluster, Op
    from integrations.errors import IntegrationError
    from integrations.kubernetes.client import KubeClient
    from integrations.kubernetes.follow import FollowResult, Target, WorkloadState

_SOON = 5.0
"""Seconds in which a change of one workload is usually over."""
_CONTROLLER = 30.0


async def wait_for_release(
    op: Op, cluster: Cluster, namespace: str, release: str, name: str, timeout: float
) -> dict[str, Any]:
    """Waits, as a step, until all workloads of a release are rolled out.

    Returns:
        `ok`, and `why` in words when it is not.
    """

    async def follow() -> dict[str, Any]:
        from integrations.kubernetes.follow import workload_targets

        async def read() -> list[Object]:
            return list(await release_workloads(cluster.kube, namespace, release))

        items = await patiently(op, read, timeout=timeout)
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
        soon = await asyncio.gather(*(_settled(cluster, namespace, t) for t in wanted))
        late = [target for target, done in zip(wanted, soon, strict=True) if not done]
        return await _follow(op, cluster, namespace, late, timeout)

    async def look() -> dict[str, Any] | None:
        from integrations.kubernetes.kinds import WORKLOADS

        items = await asyncio.gather(
            *(cluster.kube.get(WORKLOADS[t.kind], namespace, t.name) for t in wanted)
        )
        seen = all(_is_done(item, target) for item, target in zip(items, wanted, strict=True))
        return {"ok": True, "why": ""} if seen else None

    result = await op.step(name, follow, done=look, interruptible=True)
    if not result["ok"]:
        names = listed(f"{kind.lower()}/{workload}" for kind, workload, _ in targets)
        raise Failed(
            f"{names} did not become ready",
            why=str(result["why"]),
            hint=f"`status {targets[0][1]}` shows the pods' state",
        )


async def until_observed(kube: KubeClient, namespace: str, item: Object) -> None:
    """Waits until a workload's controller has seen its newest specification.

    Raises:
        Failed: If it does not within 30 s: then that controller does not run.
    """
    from integrations.kubernetes.kinds import WORKLOADS
    from integrations.kubernetes.rollout import observed
    from integrations.kubernetes.watch import watch

    if observed(item):
        return
    fields = {"metadata.name": str(item["metadata"]["name"])}
    source = watch(kube, WORKLOADS[item["kind"]], namespace=namespace, fields=fields)
    try:
        async with asyncio.timeout(_CONTROLLER), aclosing(source.events()) as events:
            async for event in events:
                if event.object and observed(event.object):
                    return
    except TimeoutError as error:
        raise Failed(
            f"{item['kind']} {fields['metadata.name']} was not taken notice of",
            why=f"its controller has not seen the change after {_CONTROLLER:.0f} s",
            hint="Look at kube-controller-manager",
        ) from error


async def _settled(cluster: Cluster, namespace: str, target: Target) -> bool:
    """Waits a little for one workload, looking at nothing but itself.

    Most changes of one workload are over soon, and hundreds of them at once must not each read
    every pod of their namespace.
    """
    from integrations.kubernetes.kinds import WORKLOADS
    from integrations.kubernetes.watch import watch

    source = watch(
        cluster.kube,
        WORKLOADS[target.kind],
        namespace=namespace,
        fields={"metadata.name": target.name},
        timeout_seconds=30,
    )
    try:
        async with asyncio.timeout(_SOON), aclosing(source.events()) as events:
            async for event in events:
                if event.object and _is_done(event.object, target):
                    return True
    except TimeoutError:
        pass
    return False


def _is_done(item: Object, target: Target) -> bool:
    seen = int(item["metadata"].get("generation") or 0) >= target.generation
    return seen and describe_workload(item).done


async def _follow(
    op: Op, cluster: Cluster, namespace: str, targets: Sequence[Target], timeout: float
) -> dict[str, Any]:
    from integrations.kubernetes.follow import follow_workloads

    async with _telling(op) as tell:
        result: FollowResult = await follow_workloads(
            cluster.kube,
            namespace,
            targets,
            timeout=timeout,
            on_change=tell.picture,
            on_lost=tell.lost,
        )
    return {"ok": result.ok, "why": result.message}


class _Teller:
    """The newest thing to say: how far it is, or why that cannot be seen."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._picture, self._trouble = "", ""

    def picture(self, states: tuple[WorkloadState, ...]) -> None:
        """Takes a picture."""
        self._picture = _progress(states)
        self.changed.set()

    def lost(self, error: IntegrationError | None) -> None:
        """Takes why the cluster is away, or None when it is back."""
        trouble = f"waiting for the cluster: {error.message}" if error else ""
        if trouble != self._trouble:
            self._trouble = trouble
            self.changed.set()

    @property
    def words(self) -> str:
        """What to say now."""
        return self._trouble or self._picture


@contextlib.asynccontextmanager
async def _telling(op: Op) -> AsyncIterator[_Teller]:
    """Says under the running step how far it is, always the newest picture only."""
    teller = _Teller()

    async def say() -> None:
        while True:
            await teller.changed.wait()
            teller.changed.clear()
            await op.say(teller.words)

    task = asyncio.create_task(say())
    try:
        yield teller
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _progress(states: tuple[WorkloadState, ...]) -> str:
    """`parse-server 1/2, parse-mongodb 3/3`, and the first trouble."""
    parts = [f"{s.target.name} {s.rollout.ready}/{s.rollout.wanted}" for s in states if s.rollout]
    trouble = next((p.message for s in states for p in s.problems), "")
    return ", ".join(parts) + (f" – {trouble}" if trouble else "")
