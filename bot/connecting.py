"""Opens the clients of each configured cluster when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bot.config import ClusterConfig, Config, ServerConfig
from bot.context import Cluster
from bot.errors import UsageError
from integrations.alertmanager import Alertmanager
from integrations.helm.binary import HelmBinary
from integrations.helm.client import Helm
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.sdk import Access
from integrations.prometheus import Prometheus
from integrations.server import Server


class Clusters:
    """Opens each configured cluster when it is first used, and anew when its settings change."""

    def __init__(self, config: Callable[[], Config], helm: HelmBinary, run_directory: Path) -> None:
        self._config, self._helm, self._run = config, helm, run_directory
        self._open: dict[str, Cluster] = {}
        self._left: list[Cluster] = []

    def __call__(self, name: str) -> Cluster:
        """The cluster of that name.

        Raises:
            UsageError: If none is configured under it.
        """
        configured = self._config().clusters
        settings = configured.get(name)
        if settings is None:
            known = ", ".join(sorted(configured))
            raise UsageError(f"There is no cluster called {name}", hint=f"Known: {known}")
        cluster = self._open.get(name)
        if cluster is None or cluster.config != settings:
            self._left += [cluster] if cluster else []  # operations may still use it
            cluster = self._open[name] = self._connect(name, settings)
        return cluster

    def staleness(self) -> dict[tuple[str, str], float]:
        """Cluster and kind → seconds since its stalest watch heard of the API server."""
        found: dict[tuple[str, str], float] = {}
        for name, cluster in self._open.items():
            for watch in cluster.kube.watches:
                place = (name, watch.kind)
                found[place] = max(found.get(place, 0.0), watch.staleness())
        return found

    async def close(self) -> None:
        """Closes all connections."""
        for cluster in (*self._open.values(), *self._left):
            await cluster.kube.close()
            if cluster.prometheus is not None:
                cluster.prometheus.close()
            if cluster.alertmanager is not None:
                await cluster.alertmanager.close()

    def _connect(self, name: str, settings: ClusterConfig) -> Cluster:
        kubeconfig = settings.kubeconfig
        kube = KubeClient(Access(name, kubeconfig, settings.context, settings.in_cluster))
        helm = Helm(
            self._helm,
            run_directory=self._run,
            kubeconfig=kubeconfig,
            context=settings.context,
            timeout=int(self._config().helm.timeout),
        )
        return Cluster(
            name,
            settings,
            kube,
            helm,
            Prometheus(server_of(settings.prometheus)) if settings.prometheus else None,
            Alertmanager(server_of(settings.alertmanager)) if settings.alertmanager else None,
        )


def server_of(settings: ServerConfig) -> Server:
    """How a configured server is reached."""
    token, password = (
        s.get_secret_value() if s else "" for s in (settings.token, settings.password)
    )
    return Server(
        settings.url, token, settings.username, password, settings.ca_file, settings.verify
    )
