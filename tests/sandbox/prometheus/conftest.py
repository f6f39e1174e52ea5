"""A practice cluster that is watched, with a clock that a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.alertmanager import PracticeAlertmanager
from sandbox.cluster import PracticeCluster
from sandbox.kube.controllers import Pace
from sandbox.kube.resources import DEPLOYMENTS, HPAS, PODS, STATEFULSETS
from sandbox.prometheus import PracticePrometheus
from sandbox.prometheus.promql import Vector
from sandbox.trouble import Trouble

Json = dict[str, Any]

INSTANT = Pace().scaled(0)
LIVE = Pace().scaled(0.1)
NAMESPACE = "default"


@dataclass
class Clock:
    """The present, as far as it was put ahead."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, seconds: float) -> None:
        """Let that much time have passed."""
        self.ahead += timedelta(seconds=seconds)


@dataclass
class Watched:
    """A cluster, its Prometheus and its Alertmanager."""

    cluster: PracticeCluster
    prometheus: PracticePrometheus
    alertmanager: PracticeAlertmanager
    clock: Clock

    def rows(self, query: str, ago: float = 0.0) -> list[tuple[dict[str, str], float]]:
        """What a query gives so many seconds ago."""
        found = self.prometheus.query(query, self.prometheus.now() - round(ago * 1000))
        assert isinstance(found, Vector)
        return [
            (dict(labels), float(value))
            for labels, (value,), (there,) in zip(
                found.labels, found.values, found.present, strict=True
            )
            if there
        ]

    def value(self, query: str, ago: float = 0.0) -> float | None:
        """The only value that a query gives; None if it gives none."""
        rows = self.rows(query, ago)
        assert len(rows) < 2, rows
        return rows[0][1] if rows else None

    async def word(self, word: str) -> None:
        """Ask for a failure, or end one."""
        await Trouble.parse(word).apply([self.cluster], _Nothing(), _Nothing())  # type: ignore[arg-type]

    async def deploy(self, name: str = "web", replicas: int = 2, image: str = "web:1") -> None:
        """A Deployment, once all its pods are running or crash."""
        container = {
            "name": "main",
            "image": image,
            "resources": {
                "requests": {"cpu": "500m", "memory": "256Mi"},
                "limits": {"cpu": "1", "memory": "512Mi"},
            },
        }
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        meta = {"name": name, "namespace": NAMESPACE}
        self.cluster.store.create(DEPLOYMENTS, {"metadata": meta, "spec": spec})
        await self.pods(name, replicas)

    async def pods(self, name: str, number: int) -> None:
        """Wait until a workload has so many pods that have started."""
        await self.cluster.wait_for(lambda: len(self._started(name)) == number, 20)

    def _started(self, name: str) -> list[Json]:
        return [
            pod
            for pod in self.cluster.store.scan(PODS, NAMESPACE)
            if pod["metadata"]["name"].startswith(f"{name}-")
            and (pod.get("status") or {}).get("containerStatuses")
            and pod["status"]["containerStatuses"][0].get("containerID")
        ]

    async def database(self) -> None:
        """A StatefulSet with a claim, and an autoscaler for the Deployment `web`."""
        claim = {
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "10Gi"}},
            },
        }
        mount = {"name": "data", "mountPath": "/data"}
        container = {"name": "main", "image": "db:1", "volumeMounts": [mount]}
        labels = {"app": "db"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {
            "replicas": 1,
            "serviceName": "db",
            "selector": {"matchLabels": labels},
            "template": template,
            "volumeClaimTemplates": [claim],
        }
        meta = {"name": "db", "namespace": NAMESPACE}
        self.cluster.store.create(STATEFULSETS, {"metadata": meta, "spec": spec})
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        scaler = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 5}
        meta = {"name": "web", "namespace": NAMESPACE}
        self.cluster.store.create(HPAS, {"metadata": meta, "spec": scaler})
        await self.pods("db", 1)


class _Nothing:
    async def away(self) -> None: ...

    async def back(self) -> None: ...


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    clock = Clock()
    cluster = await PracticeCluster.started("main", tmp_path / "kubeconfig", pace=INSTANT)
    cluster.store.clock = clock
    prometheus, alertmanager = await cluster.watched(pace=LIVE)
    yield Watched(cluster, prometheus, alertmanager, clock)
    await cluster.close()
