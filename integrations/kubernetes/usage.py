"""What nodes and pods use right now, by the resource metrics API (metrics-server or its like).

``metrics.k8s.io/v1beta1``: usage is a quantity averaged over the last seconds
(https://github.com/kubernetes/metrics).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import KubernetesError, NotFound, ServerError
from integrations.kubernetes.kinds import Kind

NODE_METRICS = Kind("metrics.k8s.io/v1beta1", "nodes", "NodeMetrics", namespaced=False)
POD_METRICS = Kind("metrics.k8s.io/v1beta1", "pods", "PodMetrics")

_FACTORS: Mapping[str, Decimal] = {
    "": Decimal(1),
    **{s: Decimal(1000) ** (n - 3) for n, s in enumerate("num")},
    **{s: Decimal(1000) ** n for n, s in enumerate("kMGTPE", 1)},
    **{f"{s}i": Decimal(1024) ** n for n, s in enumerate("KMGTPE", 1)},
}


class MetricsMissing(KubernetesError):
    """The cluster has no working metrics API."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a node or a pod uses: cores and bytes; the namespace is a pod's."""

    name: str
    cpu: float
    memory: float
    namespace: str = ""


def quantity(text: object) -> float:
    """Read a quantity such as ``250m``, ``1Gi``, ``12345678n`` or ``1e3``.

    Raises:
        ValueError: It is none.
    """
    raw = str(text).strip()
    number = raw.rstrip("numkKMGTPEi")
    suffix = raw[len(number) :]
    try:
        found = Decimal(number) * _FACTORS[suffix]
    except (InvalidOperation, KeyError):
        raise ValueError(f"{raw[:40]!r} is not a quantity such as 250m or 1Gi") from None
    if not found.is_finite():
        raise ValueError(f"{raw[:40]!r} is not a quantity such as 250m or 1Gi")
    return float(found)


async def node_usage(client: KubeClient) -> list[Usage]:
    """What each node uses.

    Raises:
        MetricsMissing: The cluster does not know.
    """
    return [
        Usage(str(item["metadata"]["name"]), *_amounts([item.get("usage") or {}]))
        for item in await _items(client, NODE_METRICS, None)
    ]


async def pod_usage(client: KubeClient, namespace: str | None = None) -> list[Usage]:
    """What each pod uses, all its containers together.

    Args:
        client: Where.
        namespace: None for all namespaces.

    Raises:
        MetricsMissing: The cluster does not know.
    """
    found = []
    for item in await _items(client, POD_METRICS, namespace):
        meta, containers = item["metadata"], item.get("containers") or []
        amounts = _amounts([c.get("usage") or {} for c in containers])
        found.append(Usage(str(meta["name"]), *amounts, str(meta.get("namespace") or "")))
    return found


async def _items(client: KubeClient, kind: Kind, namespace: str | None) -> list[Any]:
    try:
        return (await client.list(kind, namespace)).items
    except NotFound as error:
        raise _missing(client, "it has none", error) from error
    except ServerError as error:
        if error.status != 503:
            raise
        raise _missing(client, "it does not answer", error) from error


def _missing(client: KubeClient, why: str, error: KubernetesError) -> MetricsMissing:
    return MetricsMissing(
        f"Cluster {client.cluster} has no usable metrics API (metrics.k8s.io): {why}.",
        hint="Install metrics-server, or see `kubectl get apiservice v1beta1.metrics.k8s.io`.",
        detail=error.detail,
    )


def _amounts(usages: list[Mapping[str, Any]]) -> tuple[float, float]:
    cpu = sum(quantity(usage.get("cpu") or "0") for usage in usages)
    return cpu, sum(quantity(usage.get("memory") or "0") for usage in usages)
