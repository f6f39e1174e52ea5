"""A practice Prometheus beside a practice cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from bot.context import Cluster
from integrations.prometheus import Prometheus
from sandbox.prometheus import PracticePrometheus
from tests.commands.world import QUICK, World, deployment, namespace

RAW = {
    "raw": {
        "title": "Pods",
        "query": "kube_pod_info{namespace=~$namespace}",
        "legend": "{{pod}}",
        "needs": "kube-state-metrics",
    }
}
"""A graph of one's own, which adds nothing up."""


@asynccontextmanager
async def open_measured(world: World) -> AsyncIterator[tuple[Cluster, PracticePrometheus]]:
    """Opens it when two namespaces have a Deployment `web` each."""
    for name in ("parse", "other"):
        await world.apply(namespace(name), deployment("web", name))
        await world.settled(name, "Deployment", "web")
    practice = PracticePrometheus.of(world.store, world.controllers, pace=QUICK)
    await practice.start()
    client = Prometheus(practice.url)
    try:
        yield replace(world.cluster, prometheus=client), practice
    finally:
        client.close()
        await practice.close()
