"""What pods and nodes use at this moment, by Prometheus, where the cluster itself cannot tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bot import promql
from bot.graphs.catalogue import EVERYTHING, load
from integrations.kubernetes.usage import Usage

if TYPE_CHECKING:
    from bot.config.graphs import JobKind
    from bot.graphs.catalogue import AppPods
    from integrations.prometheus import Prometheus

_CONTAINERS = 'namespace=~$namespace,pod=~$pods,container!="",container!="POD"'
CPU = (
    "sum by (namespace, pod) (max by (namespace, pod, container) "
    f"(rate(container_cpu_usage_seconds_total{{{_CONTAINERS}}}[5m])))"
)
MEMORY = (
    "sum by (namespace, pod) (max by (namespace, pod, container) "
    f"(container_memory_working_set_bytes{{{_CONTAINERS}}}))"
)
"""The catalogue's graphs of an app's pods, over all namespaces."""


def queries(pods: AppPods | None) -> tuple[str, str]:
    """What is asked for processor time and for memory; nothing can leave its label."""
    places = {
        "namespace": promql.quote(promql.escape(pods.namespace) if pods else EVERYTHING),
        "pods": promql.quote(pods.pattern if pods else EVERYTHING),
    }
    return promql.fill(CPU, places), promql.fill(MEMORY, places)


async def pod_usage(prometheus: Prometheus, pods: AppPods | None) -> list[Usage]:
    """What each pod uses.

    Args:
        prometheus: Who is asked.
        pods: Only these; all when None.

    Raises:
        PrometheusError: It gave no answer.
    """
    cpu, memory = [await _values(prometheus, q, "namespace", "pod") for q in queries(pods)]
    return [
        Usage(key[1], cpu.get(key, math.nan), memory.get(key, math.nan), key[0])
        for key in sorted({*cpu, *memory})
    ]


async def node_shares(
    prometheus: Prometheus, jobs: Mapping[JobKind, str] | None
) -> dict[str, tuple[float, float]]:
    """Node → which share of its cores and of its memory is used, 1.0 for all of it.

    Args:
        prometheus: Who is asked.
        jobs: What it calls scrape jobs, where not as usual.

    Raises:
        PrometheusError: It gave no answer.
    """
    catalogue = load()
    cpu, memory = [
        await _values(prometheus, catalogue.find(name).promql(jobs=jobs), "nodename")
        for name in ("cpu", "memory")
    ]
    nan = math.nan
    return {
        key[0]: (cpu.get(key, nan) / 100, memory.get(key, nan) / 100)
        for key in sorted({*cpu, *memory})
    }


async def _values(prometheus: Prometheus, query: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The newest value of each series, by some of its labels."""
    found = await prometheus.query(query)
    return {
        tuple(str((row.get("metric") or {}).get(label, "")) for label in labels): float(
            row["value"][1]
        )
        for row in found.result
        if math.isfinite(float(row["value"][1]))
    }
