"""One practice cluster: its objects, what brings them to life, and the API in front."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.alertmanager import HEARTBEAT, PracticeAlertmanager, Route
from sandbox.alertmanager.matchers import Matcher
from sandbox.kube.controllers import Behaviours, Controllers, Pace, start
from sandbox.kube.faults import Faults
from sandbox.kube.metrics import MetricsApi
from sandbox.kube.pods import Runtime
from sandbox.kube.runtime import ExecResult
from sandbox.kube.server import KubeServer
from sandbox.kube.store import Store
from sandbox.prometheus import PracticePrometheus
from sandbox.velero import ObjectStore, PracticeVelero


class PracticeCluster:
    """A Kubernetes API on loopback with living workloads; make it with `started`.

    Attributes:
        name: What the configuration calls it.
        server: The API.
        store: The objects behind it.
        controllers: What brings workloads to life; `controllers.world` is for faults.
        kubeconfig: The file for clients.
        velero: Its Velero, if it was asked for.
        prometheus: Its Prometheus, if it was asked for.
        alertmanager: What that tells of alerts, if it was asked for.
    """

    def __init__(
        self,
        name: str,
        server: KubeServer,
        controllers: Controllers,
        runtime: Runtime,
        kubeconfig: Path,
    ) -> None:
        self.name, self.server, self.controllers = name, server, controllers
        self.store = server.store
        self.kubeconfig = kubeconfig
        self.velero: PracticeVelero | None = None
        self.prometheus: PracticePrometheus | None = None
        self.alertmanager: PracticeAlertmanager | None = None
        self._runtime = runtime

    @classmethod
    async def started(
        cls,
        name: str,
        kubeconfig: Path,
        *,
        pace: Pace,
        port: int = 0,
        objects: ObjectStore | None = None,
    ) -> PracticeCluster:
        """Starts a cluster on 127.0.0.1 and writes its kubeconfig, for its owner only.

        Args:
            name: What the configuration calls it.
            kubeconfig: Where that file goes.
            pace: How fast its workloads live.
            port: Where it listens; 0 takes a free port.
            objects: A started object store; with one the cluster has a Velero that uses it.

        Raises:
            OSError: The port is taken, or the file cannot be written.
        """
        store, behaviours = Store(), Behaviours()
        controllers = start(store, pace=pace, behaviours=behaviours)
        runtime = Runtime(store, behaviours, written=controllers.kubelet.written)
        server = KubeServer(
            *(store, runtime),
            token=secrets.token_urlsafe(18),
            faults=Faults(),
            metrics=MetricsApi(store, controllers.ctx.load, store.clock),
        )
        cluster = cls(name, server, controllers, runtime, kubeconfig)
        try:
            await server.start(port)
            if objects is not None:
                cluster.velero = PracticeVelero.installed(
                    store, runtime, behaviours, objects, pace=pace
                )
            write_private(kubeconfig, json.dumps(server.kubeconfig(), indent=1))
        except BaseException:
            await cluster.close()
            raise
        return cluster

    async def watched(
        self, *, pace: Pace, ports: tuple[int, int] = (0, 0)
    ) -> tuple[PracticePrometheus, PracticeAlertmanager]:
        """Gives it a Prometheus that follows it from now on, and an Alertmanager for its alerts.

        Args:
            pace: How fast they live.
            ports: Where they listen on 127.0.0.1; 0 takes a free port.

        Raises:
            OSError: A port is taken.
        """
        self.prometheus = PracticePrometheus.of(
            self.store, self.controllers, pace=pace, cluster=self.name
        )
        factor = self.prometheus.tempo.factor
        self.alertmanager = PracticeAlertmanager(
            Route().scaled(factor),
            children=[(Matcher("alertname", "Watchdog"), HEARTBEAT.scaled(factor))],
            clock=lambda: self.store.clock(),
        )
        await self.alertmanager.start(ports[1])
        await self.prometheus.start(ports[0], self.alertmanager.take)
        return self.prometheus, self.alertmanager

    async def wait_for(self, look: Callable[[], object], timeout: float) -> None:
        """Waits until `look` says something true; asked again after every change.

        Raises:
            TimeoutError: Not within so many seconds.
        """
        changed = asyncio.Event()
        end = self.store.subscribe(lambda _: changed.set())
        try:
            async with asyncio.timeout(timeout):
                while not look():
                    changed.clear()
                    await changed.wait()
        finally:
            end()

    async def exec(self, pod: dict[str, Any], container: str, command: list[str]) -> ExecResult:
        """Runs a command in a container of a pod, as `kubectl exec` does."""
        return await self._runtime.exec(pod, container, command, None)

    async def close(self) -> None:
        """Ends API and controllers."""
        if self.prometheus is not None:
            await self.prometheus.close()
        if self.alertmanager is not None:
            await self.alertmanager.close()
        if self.velero is not None:
            await self.velero.close()
        await self.server.close()
        await self.controllers.close()
        self._runtime.close()


def write_private(path: Path, content: str) -> None:
    """Writes a file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(content)
