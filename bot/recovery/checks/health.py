"""Whether what was restored works: a run that is `Completed` says nothing about pods."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import Cancelled, OnpremError
from bot.recovery.checks.claims import homeless
from bot.recovery.checks.probing import ask_probes
from bot.releases.live import Object, describe_workload, newest_revision
from bot.releases.patience import patiently
from bot.releases.rollout import wait_for_workloads
from bot.releases.words import short_image

if TYPE_CHECKING:
    from bot.config import ProbeConfig
    from bot.context import Cluster, Op


@dataclass(frozen=True, slots=True)
class Health:
    """Whether what was restored works.

    Attributes:
        why: What is wrong, a clause; empty when all is ready.
        workloads: Path, `ready/wanted` and image of each.
        probes: What each probe of the app was told: its name, whether that is well, and a clause.
    """

    why: str = ""
    workloads: tuple[tuple[str, str, str], ...] = ()
    probes: tuple[tuple[str, bool, str], ...] = ()

    @property
    def ok(self) -> bool:
        """All workloads are ready, and all probes answer as they should."""
        return not self.why and not self.failing

    @property
    def failing(self) -> str:
        """The first probe that fails and what it was told, a clause; empty when there is none."""
        return next((f"probe {name}: {said}" for name, ok, said in self.probes if not ok), "")


async def check_health(
    op: Op,
    cluster: Cluster,
    namespace: str,
    *,
    labels: Mapping[str, str] | None,
    timeout: float,
    probes: Sequence[ProbeConfig] = (),
    suffix: str = "",
) -> Health:
    """Waits, in steps, until the workloads of a namespace are ready; then asks the app's probes.

    What cannot be looked at is told as not well: the restore itself stays done.

    Args:
        op: The operation.
        cluster: Where.
        namespace: Of the workloads.
        labels: Those that they carry; None for all in the namespace.
        timeout: Seconds.
        probes: Of the app; asked once all is ready.
        suffix: Behind the names of the steps, where there are several namespaces.

    Raises:
        Cancelled: Somebody stopped it.
    """
    why = ""
    told: tuple[tuple[str, bool, str], ...] = ()
    try:
        targets = await _targets(op, cluster, namespace, labels, f"see what came back{suffix}")
        if not targets:
            return Health()
        step = f"wait until it is ready{suffix}"
        await wait_for_workloads(op, cluster, namespace, targets, step, timeout)
        if probes:
            told = await _asked(op, cluster, namespace, probes, f"ask the probes{suffix}")
    except Cancelled:
        raise
    except OnpremError as error:
        why = (error.why or error.what).rstrip(".")
        if found := await homeless(cluster.kube, namespace):
            why = f"{why}; {found.why}. {found.hint}"
    return Health(why, await _picture(cluster, namespace, labels), told)


async def known_to_helm(cluster: Cluster, namespace: str, release: str) -> int:
    """The newest revision that Helm knows of a release; 0 when it knows none."""
    return await newest_revision(cluster.kube, namespace, release)


async def workloads(
    cluster: Cluster, namespace: str, labels: Mapping[str, str] | None
) -> list[Object]:
    """The workloads of a namespace, by labels; whoever owns them."""
    from integrations.kubernetes.kinds import WORKLOADS

    lists = await asyncio.gather(
        *(cluster.kube.list(kind, namespace, labels=labels) for kind in WORKLOADS.values())
    )
    return [item for found in lists for item in found.items]


async def _targets(
    op: Op, cluster: Cluster, namespace: str, labels: Mapping[str, str] | None, step: str
) -> list[tuple[str, str, int]]:
    """Kind, name and generation of what has to become ready."""

    async def see() -> list[list[Any]]:
        items = await patiently(op, lambda: workloads(cluster, namespace, labels))
        return [
            [str(i["kind"]), str(i["metadata"]["name"]), int(i["metadata"].get("generation") or 0)]
            for i in items
        ]

    async def never() -> None:
        return None

    found = await op.step(step, see, done=never)
    return [(str(kind), str(name), int(number)) for kind, name, number in found]


async def _asked(
    op: Op, cluster: Cluster, namespace: str, probes: Sequence[ProbeConfig], step: str
) -> tuple[tuple[str, bool, str], ...]:
    async def ask() -> dict[str, Any]:
        said = await patiently(op, lambda: ask_probes(cluster, namespace, probes))
        return {"ok": all(one["ok"] for one in said), "said": said}

    async def never() -> None:
        return None

    told = await op.step(step, ask, done=never)
    return tuple((str(x["name"]), bool(x["ok"]), str(x["said"])) for x in told["said"])


async def _picture(
    cluster: Cluster, namespace: str, labels: Mapping[str, str] | None
) -> tuple[tuple[str, str, str], ...]:
    """Nothing when the cluster does not answer just then: what was done stays done."""
    from integrations.errors import IntegrationError

    try:
        items = await workloads(cluster, namespace, labels)
    except IntegrationError:
        return ()
    states = [describe_workload(item) for item in items]
    return tuple((s.path, f"{s.ready}/{s.wanted}", short_image(s.image)) for s in states)
