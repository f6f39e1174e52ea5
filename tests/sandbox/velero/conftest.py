"""A cluster with Velero where nothing takes time, and hands that ask for backups and restores."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster import PracticeCluster
from sandbox.kube.controllers import Pace
from sandbox.kube.resources import CONFIGMAPS, NAMESPACES, PERSISTENTVOLUMECLAIMS, PODS, Resource
from sandbox.velero import ObjectStore, PracticeVelero
from sandbox.velero.artefacts import Artefacts
from sandbox.velero.definitions import BACKUPS, RESTORES
from sandbox.velero.objectstore import BUCKET

Json = dict[str, Any]

FINAL = ("Completed", "PartiallyFailed", "Failed", "FailedValidation")
LABELS = {"app": "shop"}


class Hands:
    """One cluster with its Velero."""

    def __init__(self, cluster: PracticeCluster, objects: ObjectStore) -> None:
        assert cluster.velero is not None
        self.cluster, self.objects, self.store = cluster, objects, cluster.store
        self.velero: PracticeVelero = cluster.velero
        self.artefacts = Artefacts(objects, objects.url, BUCKET)

    async def until(self, look: Callable[[], Any], seconds: float = 10) -> Any:
        await self.cluster.wait_for(look, seconds)
        return look()

    def make(self, resource: Resource, name: str, home: str = "shop", **parts: Any) -> Json:
        meta = {"name": name, "labels": LABELS, **parts.pop("metadata", {})}
        if resource.namespaced:
            meta["namespace"] = home
        return self.store.create(resource, {"metadata": meta, **parts})

    def get(self, resource: Resource, name: str, home: str = "shop") -> Json | None:
        return self.store.find(resource, home, name)

    def status(self, resource: Resource, name: str) -> Json:
        found = self.store.peek(resource, "velero", name) or {}
        return dict(found.get("status") or {})

    def ask(self, resource: Resource, name: str, **spec: Any) -> None:
        self.store.create(
            resource, {"metadata": {"name": name, "namespace": "velero"}, "spec": spec}
        )

    async def ended(self, resource: Resource, name: str) -> Json:
        await self.until(lambda: self.status(resource, name).get("phase") in FINAL)
        return self.status(resource, name)

    async def back_up(self, name: str = "b", **spec: Any) -> Json:
        spec.setdefault("includedNamespaces", ["shop"])
        self.ask(BACKUPS, name, **spec)
        return await self.ended(BACKUPS, name)

    async def restore(self, name: str = "r", backup: str = "b", **spec: Any) -> Json:
        self.ask(RESTORES, name, backupName=backup, **spec)
        return await self.ended(RESTORES, name)

    def saved(self, backup: str = "b") -> dict[str, list[str]]:
        found: dict[str, list[str]] = self.artefacts.json("BackupResourceList", backup)
        return found

    def volumes(self, backup: str = "b") -> dict[str, Json]:
        """What is stored of each claim's volume."""
        infos = self.artefacts.json("BackupVolumeInfos", backup)
        return {info["pvcName"]: info for info in infos if "pvcName" in info}

    def warnings(self, restore: str = "r") -> Json:
        found: Json = self.artefacts.json("RestoreResults", restore)["warnings"]
        return found

    async def lose(self, namespace: str = "shop") -> None:
        self.store.delete(NAMESPACES, None, namespace)
        await self.until(lambda: self.store.peek(NAMESPACES, None, namespace) is None)

    async def database(self, **spec: Any) -> None:
        """A pod that runs and writes to its claim ``data``."""
        request = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        self.make(PERSISTENTVOLUMECLAIMS, "data", spec=request)
        container = {
            "name": "db",
            "image": "db:1",
            "volumeMounts": [{"name": "files", "mountPath": "/data"}],
        }
        volume = {"name": "files", "persistentVolumeClaim": {"claimName": "data"}}
        body = {"containers": [container], "volumes": [volume]}
        self.make(PODS, "db", spec=body, metadata=spec)
        await self.running("db")
        self.velero.write_volume("shop", "data", {"orders": 3})

    async def running(self, name: str, home: str = "shop") -> None:
        def look() -> bool:
            found = self.store.peek(PODS, home, name)
            return found is not None and found["status"].get("phase") == "Running"

        await self.until(look)


@pytest.fixture
async def objects() -> AsyncIterator[ObjectStore]:
    store = ObjectStore()
    await store.start()
    yield store
    await store.close()


@pytest.fixture
async def hands(objects: ObjectStore, tmp_path: Path) -> AsyncIterator[Hands]:
    cluster = await PracticeCluster.started(
        "main", tmp_path / "kubeconfig", pace=Pace().scaled(0), objects=objects
    )
    made = Hands(cluster, objects)
    await made.until(lambda: made.velero.ready)
    await made.until(lambda: len(made.store.scan(PODS, "velero")) == 4)
    for pod in made.store.scan(PODS, "velero"):
        await made.running(pod["metadata"]["name"], "velero")
    made.store.create(NAMESPACES, {"metadata": {"name": "shop", "labels": {"team": "a"}}})
    made.make(CONFIGMAPS, "settings", data={"colour": "red"})
    yield made
    await cluster.close()
    assert not cluster.controllers.ctx.work.failed, "a controller raised; see the log"
