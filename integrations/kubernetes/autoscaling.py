"""A workload's HorizontalPodAutoscaler: while it is there, it sets the size, not we."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.kinds import HORIZONTAL_POD_AUTOSCALER


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """One autoscaler.

    Attributes:
        minimum: Least replicas.
        maximum: Most replicas.
        current: Replicas now, as it last saw them.
        active: Whether it can compute a size (False: usually no metrics-server).
        message: Its words when it is not active.
    """

    name: str
    minimum: int
    maximum: int
    current: int
    active: bool
    message: str = ""


async def find_autoscaler(
    client: KubeClient, namespace: str, kind: str, name: str
) -> Autoscaler | None:
    """Return the autoscaler that targets this workload, or None."""
    found = await client.list(HORIZONTAL_POD_AUTOSCALER, namespace)
    for item in found.items:
        target = (item.get("spec") or {}).get("scaleTargetRef") or {}
        if target.get("kind") == kind and target.get("name") == name:
            return _autoscaler(item)
    return None


async def set_bounds(
    client: KubeClient,
    namespace: str,
    name: str,
    *,
    minimum: int,
    maximum: int,
    dry_run: bool = False,
) -> Autoscaler:
    """Change an autoscaler's bounds.

    Raises:
        Invalid: The server refuses them (minimum above maximum, or below 1).
    """
    body = {"spec": {"minReplicas": minimum, "maxReplicas": maximum}}
    return _autoscaler(
        await client.patch(HORIZONTAL_POD_AUTOSCALER, namespace, name, body, dry_run=dry_run)
    )


def _autoscaler(item: Mapping[str, Any]) -> Autoscaler:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    conditions = {str(c.get("type")): c for c in status.get("conditions") or []}
    scaling = conditions.get("ScalingActive") or {}
    active = scaling.get("status") != "False"
    return Autoscaler(
        name=str(item["metadata"]["name"]),
        minimum=int(spec.get("minReplicas") or 1),
        maximum=int(spec.get("maxReplicas") or 1),
        current=int(status.get("currentReplicas") or 0),
        active=active,
        message="" if active else str(scaling.get("message") or ""),
    )
