"""What the tests of Velero may ask of either world, and the small things they share."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations.kubernetes import kinds as kube_kinds
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import NotFound
from integrations.kubernetes.kinds import Kind
from integrations.velero import kinds
from integrations.velero.client import Velero
from tests.contract.client import PATIENCE

Json = dict[str, Any]
Act = Callable[[], Awaitable[None]]

APP = {"app": "parseserver"}


@dataclass(frozen=True)
class World:
    """A cluster with Velero and a store.

    Attributes:
        name: ``sandbox`` or ``lab``.
        kubeconfig: An administrator's.
        namespace: Velero's.
        store_away: The object store cannot be reached from now on.
        store_back: It can be again, with all that it had.
        server_stop: Velero's server processes nothing from now on.
        server_start: It goes on, as after a restart: it looks at everything at once.
        soon: Seconds until somebody is told that a server or the store is away: ten are promised;
            real servers, which take processor time from each other, get twice that.
    """

    name: str
    kubeconfig: Path
    namespace: str
    store_away: Act
    store_back: Act
    server_stop: Act
    server_start: Act

    @property
    def soon(self) -> float:
        return 10 if self.name == "sandbox" else 20


class Hands:
    """Velero of one world and a namespace of the test's own.

    Attributes:
        world: Where.
        velero: Its client.
        kube: The cluster's client.
        namespace: For the test's objects; its name also makes names unique in the bucket.
    """

    def __init__(self, world: World, kube: KubeClient, namespace: str) -> None:
        self.world, self.kube, self.namespace = world, kube, namespace
        self.velero = Velero(kube, world.namespace)

    def name(self, what: str) -> str:
        """A name that nobody else uses in the bucket."""
        return f"{self.namespace}-{what}"

    async def config_map(
        self, name: str, data: Mapping[str, str], labels: Mapping[str, str] | None = APP
    ) -> None:
        meta = {"name": name, "labels": dict(labels or {})}
        await self.kube.create(
            kube_kinds.CONFIG_MAP, self.namespace, {"metadata": meta, "data": dict(data)}
        )

    async def app(self, *, replicas: int = 1) -> None:
        """A labelled Deployment, ConfigMap and Secret, and a ConfigMap without the label."""
        await self.config_map("settings", {"colour": "red"})
        await self.config_map("unlabelled", {"colour": "grey"}, labels=None)
        secret = {"metadata": {"name": "keys", "labels": APP}, "data": {"key": _encoded("value")}}
        await self.kube.create(kube_kinds.SECRET, self.namespace, secret)
        pod = {
            "metadata": {"labels": APP},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "main", "image": "example.com/web:1"}],
            },
        }
        spec = {"replicas": replicas, "selector": {"matchLabels": APP}, "template": pod}
        meta = {"name": "server", "labels": APP}
        await self.kube.create(
            kube_kinds.DEPLOYMENT, self.namespace, {"metadata": meta, "spec": spec}
        )

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Json | None:
        """An object, or None."""
        try:
            return await self.kube.get(kind, namespace or self.namespace, name)
        except NotFound:
            return None

    async def delete_namespace(self, name: str = "") -> None:
        """Delete a namespace and wait until it is gone."""
        name = name or self.namespace
        await self.kube.delete(kube_kinds.NAMESPACE, None, name)

        async def gone() -> bool:
            try:
                await self.kube.get(kube_kinds.NAMESPACE, None, name)
            except NotFound:
                return True
            return False

        await eventually(gone)

    async def look(self) -> None:
        """Have the server look at its storage now: a change of the spec makes it."""
        spec = (await self.kube.get(kinds.LOCATION, self.world.namespace, "default"))["spec"]
        wanted = "2s" if spec.get("validationFrequency") == "1s" else "1s"
        body = {"spec": {"validationFrequency": wanted}}
        await self.kube.patch(kinds.LOCATION, self.world.namespace, "default", body)


async def eventually(
    true: Callable[[], Awaitable[Any]], timeout: float = PATIENCE, pause: float = 0.1
) -> Any:
    """Ask again until the answer is true; returns it."""
    async with asyncio.timeout(timeout):
        while True:
            found = await true()
            if found:
                return found
            await asyncio.sleep(pause)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
