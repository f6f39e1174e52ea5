"""The wall around a drill's copy and the door in it, as the cluster's NetworkPolicies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bot.recovery.checks.probing import services_of
from bot.recovery.drills import isolation

if TYPE_CHECKING:
    from bot.config import ProbeConfig
    from bot.context import Cluster
    from integrations.kubernetes.kinds import Kind

Object = Mapping[str, Any]


def network_policies() -> Kind:
    """The kind of a drill's walls."""
    from integrations.kubernetes.kinds import Kind

    return Kind("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy")


async def open_door(
    cluster: Cluster, namespace: str, job: str, probes: Sequence[ProbeConfig]
) -> None:
    """Opens a door in the wall of a drill's copy: for the ports that probes ask, and no others."""
    found = await services_of(cluster, namespace, probes)
    await _open(cluster, namespace, job, [f for f in found if not isinstance(f, str)])


async def _open(
    cluster: Cluster, namespace: str, job: str, found: Sequence[tuple[Object, Mapping[str, Any]]]
) -> None:
    from integrations.kubernetes.errors import Conflict

    ports = sorted({p.get("targetPort") or p["port"] for _, p in found}, key=str)
    if not ports:
        return
    try:
        await cluster.kube.create(
            network_policies(), namespace, isolation.door(namespace, job, ports)
        )
    except Conflict:  # ours, of a run that was cut
        return
