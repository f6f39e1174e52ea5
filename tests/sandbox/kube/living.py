"""A living cluster without HTTP: the store and its controllers at a pace of nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sandbox.kube.controllers import Behaviours, Controllers, Pace, start
from sandbox.kube.pods import Runtime
from sandbox.kube.resources import EVENTS, NAMESPACES, PODS, Resource
from sandbox.kube.store import Store

Json = dict[str, Any]


class Cluster:
    """The store, the controllers, and ways to wait for what they do."""

    def __init__(self, store: Store, controllers: Controllers, runtime: Runtime) -> None:
        self.store = store
        self.runtime = runtime
        self.controllers = controllers
        self.world = controllers.world

    async def until(self, condition: Callable[[], Any], seconds: float = 5) -> Any:
        """Wait until the condition holds; it is looked at after every change."""
        changed = asyncio.Event()
        end = self.store.subscribe(lambda _event: changed.set())
        try:
            async with asyncio.timeout(seconds):
                while not (found := condition()):
                    changed.clear()
                    await changed.wait()
        finally:
            end()
        return found

    def get(self, resource: Resource, name: str, namespace: str = "default") -> Json | None:
        return self.store.find(resource, namespace, name)

    def pods(self, namespace: str = "default") -> list[Json]:
        return self.store.list(PODS, namespace)

    def reasons(self, resource_kind: str, name: str) -> list[str]:
        return [
            event["reason"]
            for event in sorted(
                self.store.scan(EVENTS), key=lambda e: int(e["metadata"]["resourceVersion"])
            )
            if (event["involvedObject"]["kind"], event["involvedObject"]["name"])
            == (resource_kind, name)
        ]


def deployment(
    name: str = "web", replicas: int = 3, image: str = "nginx:1.29", **spec: Any
) -> Json:
    labels = {"app": name}
    container = {"name": "app", "image": image}
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            **spec,
        },
    }


def statefulset(name: str = "db", replicas: int = 3, image: str = "nginx:1", **spec: Any) -> Json:
    return {
        **deployment(name, replicas, image, serviceName=name, **spec),
    }


def condition(obj: Json, kind: str) -> Json:
    return next((c for c in obj["status"].get("conditions") or () if c["type"] == kind), {})


def ready(pod: Json) -> bool:
    return bool(condition(pod, "Ready").get("status") == "True")


def waiting(pod: Json) -> str:
    statuses = pod["status"].get("containerStatuses") or [{"state": {}}]
    return str((statuses[0]["state"].get("waiting") or {}).get("reason", ""))


@asynccontextmanager
async def living(pace: Pace) -> AsyncIterator[Cluster]:
    store = Store()
    if store.peek(NAMESPACES, None, "default") is None:
        store.create(NAMESPACES, {"metadata": {"name": "default"}})
    behaviours = Behaviours()
    controllers = start(store, pace=pace, behaviours=behaviours)
    runtime = Runtime(store, behaviours, written=controllers.kubelet.written)
    try:
        yield Cluster(store, controllers, runtime)
        assert not controllers.ctx.work.failed, "a controller raised; see the log"
    finally:
        await controllers.close()
        runtime.close()
