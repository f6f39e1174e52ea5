"""A practice cluster with Velero and an app that is not made by helm, for commands of recovery."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.config import Config
from bot.context import Cluster
from integrations.helm.binary import find_helm
from integrations.helm.client import Helm
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.kinds import (
    CONFIG_MAP,
    NAMESPACE,
    SECRET,
    STATEFUL_SET,
    Kind,
)
from integrations.kubernetes.sdk import Access
from integrations.velero.client import Velero
from sandbox.cluster import PracticeCluster
from sandbox.velero import ObjectStore, PracticeVelero
from tests.commands.world import QUICK

LABELS = {"app": "shop"}


@dataclass
class Recovery:
    """The cluster, its Velero, and the clients."""

    practice: PracticeCluster
    objects: ObjectStore
    cluster: Cluster

    @property
    def kube(self) -> KubeClient:
        return self.cluster.kube

    @property
    def server(self) -> PracticeVelero:
        """The practice Velero, for failures and volumes."""
        assert self.practice.velero is not None
        return self.practice.velero

    @property
    def velero(self) -> Velero:
        return Velero(self.kube)

    async def shop(self, **pod: Any) -> None:
        """Makes the app: a StatefulSet with a volume, settings, and a Secret without the label."""
        await self.kube.create(NAMESPACE, None, {"metadata": {"name": "shop"}})
        await self.make(CONFIG_MAP, "settings", LABELS, data={"a": "b"})
        await self.make(SECRET, "forgotten", {}, stringData={"a": "b"})
        await self.make(
            SECRET,
            "sh.helm.release.v1.shop.v1",
            {"owner": "helm", "name": "shop", "status": "deployed", "version": "1"},
            type="helm.sh/release.v1",
            stringData={"release": ""},
        )
        await self.make(STATEFUL_SET, "db", LABELS, spec=_set(**pod))
        await self.settled("db-0")

    async def make(
        self, kind: Kind, name: str, labels: dict[str, str], namespace: str = "shop", **body: Any
    ) -> None:
        meta = {"name": name, "namespace": namespace, "labels": labels}
        await self.kube.create(kind, namespace, {"metadata": meta, **body})

    async def settled(self, pod: str, namespace: str = "shop") -> None:
        """Waits until a pod is ready."""
        from sandbox.kube.resources import PODS

        def ready() -> bool:
            found = self.practice.store.peek(PODS, namespace, pod)
            conditions = ((found or {}).get("status") or {}).get("conditions") or ()
            return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

        await self.practice.wait_for(ready, 20)


def _set(annotations: dict[str, str] | None = None, **pod: Any) -> dict[str, Any]:
    container = {
        "name": "db",
        "image": "example.com/db:1",
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "dump", "mountPath": "/dump"},
        ],
    }
    claim = {
        "metadata": {"name": "data", "labels": LABELS},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    return {
        "replicas": 1,
        "serviceName": "db",
        "selector": {"matchLabels": LABELS},
        "volumeClaimTemplates": [claim],
        "template": {
            "metadata": {"labels": LABELS, "annotations": annotations or {}},
            "spec": {
                "containers": [container],
                "volumes": [{"name": "dump", "emptyDir": {}}],
                **pod,
            },
        },
    }


@asynccontextmanager
async def open_recovery(
    folder: Path, config: Config, name: str = "main", objects: ObjectStore | None = None
) -> AsyncIterator[Recovery]:
    """Starts a cluster with Velero; two of them may share their store."""
    store = objects or ObjectStore()
    if objects is None:
        await store.start()
    path = folder / f"kubeconfig-{name}"
    practice = await PracticeCluster.started(name, path, pace=QUICK, objects=store)
    kube = KubeClient(Access(name, path))
    helm = Helm(
        await find_helm(), run_directory=folder / f"helm-{name}", kubeconfig=path, timeout=30
    )
    try:
        made = Recovery(practice, store, Cluster(name, config.clusters[name], kube, helm))
        await practice.wait_for(lambda: made.server.ready, 10)
        yield made
    finally:
        await kube.close()
        await practice.close()
        if objects is None:
            await store.close()


def shop_config(folder: Path, **backup: Any) -> Config:
    """One app `shop`, backed up as `shop-backup`."""
    settings = {"name": "shop-backup", "selector": "app=shop", **backup}
    body = {
        "state": {"directory": str(folder / "state")},
        "clusters": {"main": {}},
        "admins": ["slack:T1/ANN"],
        "apps": {
            "shop": {"namespace": "shop", "chart": "builtin:parse-server", "backup": settings},
            "bare": {"namespace": "bare", "chart": "builtin:parse-server"},
        },
    }
    return Config.model_validate(json.loads(json.dumps(body)), context={"base": folder})
