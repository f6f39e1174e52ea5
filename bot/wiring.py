"""The composition root: the only place that names concrete classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from bot import registry
from bot.clock import now
from bot.config import ClusterConfig, Config
from bot.context import Asker, Cluster
from bot.desk import Desk, Powers
from bot.engine import Engine, Observer, Parts, Replier
from bot.errors import UsageError
from bot.instance import InstanceLock
from bot.redaction import Redactor
from bot.slack.replier import Overheard
from bot.slack.surface import SlackSurface
from bot.spec import Command
from bot.store.db import Store
from bot.store.keys import AuditKey
from bot.store.restore import finish_restore
from bot.tasks import Tasks
from bot.terminal.client import SOCKET
from bot.terminal.server import TerminalReplier, TerminalServer
from bot.translation import translate
from integrations import probes
from integrations.helm.binary import HelmBinary, find_helm
from integrations.helm.client import Helm
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.sdk import Access

log = structlog.get_logger(__name__)

STATE, WORKFLOWS = "onprem.db", "workflows.db"


class LogObserver:
    """The product's observer of steps: the debug log."""

    def boundary(self, request_id: str, step: str, edge: str) -> None:
        """See `bot.engine.Observer`."""
        log.debug("step", request=request_id, step=step, edge=edge)


class Clusters:
    """Opens each configured cluster once, when it is first used."""

    def __init__(self, config: Config, helm: HelmBinary, run_directory: Path) -> None:
        self._config, self._helm, self._run = config, helm, run_directory
        self._open: dict[str, Cluster] = {}

    def __call__(self, name: str) -> Cluster:
        """The cluster of that name.

        Raises:
            UsageError: If none is configured under it.
        """
        if name not in self._open:
            settings = self._config.clusters.get(name)
            if settings is None:
                known = ", ".join(sorted(self._config.clusters))
                raise UsageError(f"There is no cluster called {name}", hint=f"Known: {known}")
            self._open[name] = self._connect(name, settings)
        return self._open[name]

    async def close(self) -> None:
        """Closes all connections."""
        for cluster in self._open.values():
            await cluster.kube.close()

    def _connect(self, name: str, settings: ClusterConfig) -> Cluster:
        kubeconfig = settings.kubeconfig
        kube = KubeClient(Access(name, kubeconfig, settings.context, settings.in_cluster))
        helm = Helm(
            self._helm,
            run_directory=self._run,
            kubeconfig=kubeconfig,
            context=settings.context,
            timeout=int(self._config.helm.timeout),
        )
        return Cluster(name, settings, kube, helm)


@dataclass
class Product:
    """Everything, put together; start it once, close it at the end."""

    config: Config
    store: Store
    engine: Engine
    desk: Desk
    clusters: Clusters
    commands: Sequence[Command[Any, Any]]
    terminal: TerminalServer
    slack: SlackSurface | None
    tasks: Tasks
    lock: InstanceLock
    clock: Callable[[], int]

    async def start(self) -> None:
        """Continues what an earlier process left, then listens."""
        if self.slack is not None:
            await self.slack.open()
        await self.engine.start()
        await self.terminal.listen(self.config.state.directory / SOCKET)
        if self.slack is not None:
            await self.slack.listen()

    async def close(self) -> None:
        """Stops in the order of dependence; running operations are continued by the next start."""
        await self.terminal.close()
        (self.config.state.directory / SOCKET).unlink(missing_ok=True)
        if self.slack is not None:
            await self.slack.close()
        await self.tasks.close()
        self.engine.close()
        await self.clusters.close()
        await self.store.close()
        self.lock.release()


async def build(
    config: Config,
    *,
    clock: Callable[[], int] = now,
    observer: Observer | None = None,
    redactor: Redactor | None = None,
    slack: bool = True,
) -> Product:
    """Opens the state and puts the product together; `Product.start` comes next.

    Args:
        config: What to build.
        clock: Microseconds UTC.
        observer: Sees every boundary of a step.
        redactor: Learns the secrets that the configuration holds.
        slack: Whether to connect to Slack, if it is configured.

    Raises:
        OnpremError: The state is in use, unusable, or the configuration names what is not there.
    """
    directory = config.state.directory
    # Its group may reach the socket; every file inside is the bot's alone.
    directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    lock = InstanceLock(directory)
    try:
        hide = redactor or Redactor()
        return await _build(config, lock, clock, observer or LogObserver(), hide, slack)
    except BaseException:
        lock.release()
        raise


async def _build(
    config: Config,
    lock: InstanceLock,
    clock: Callable[[], int],
    observer: Observer,
    redactor: Redactor,
    slack: bool,
) -> Product:
    directory = config.state.directory
    redactor.register(*secret_values(config))
    commands = registry.load(config.commands).all
    helm = await find_helm(config.helm.executable)
    finish_restore({name: directory / name for name in (STATE, WORKFLOWS)})
    store = await Store.open(
        directory / STATE,
        clock=clock,
        audit_key=AuditKey.load_or_create(config.state.key_file),
        backup_dir=config.state.backup_directory,
        redactor=redactor,
        anchor=config.state.key_file.with_name("audit.head"),
    )
    clusters = Clusters(config, helm, directory / "run")
    repliers: dict[str, Replier] = {}
    tasks = Tasks()

    async def cancel(request_id: str, by: Asker) -> bool:
        return bool(await engine.cancel(request_id, by))

    async def probe() -> Sequence[tuple[str, str, str]]:
        rows = await probe_all(config, clusters, helm)
        if config.slack is not None:
            from bot.manifest import SCOPES
            from bot.slack.probe import probe_slack

            sockets = surface.sockets_open if surface else None
            ok, detail = await probe_slack(config.slack, SCOPES, sockets=sockets)
            rows.insert(0, ("Slack", "works" if ok else "fails", detail))
        return rows

    surface: SlackSurface | None = None
    desk = Desk(store, Powers(commands, lambda: config, cancel, probe))
    parts = Parts(
        store=store,
        audit=store.audit,
        commands=commands,
        config=lambda: config,
        clusters=clusters,
        desk=desk,
        decide=desk.decide,
        translate=translate,
        redact=redactor.text,
        repliers=repliers,
        observer=observer,
        clock=clock,
        tasks=tasks,
    )
    engine = Engine(parts, directory / WORKFLOWS)
    teller = TerminalReplier()
    repliers["terminal"] = teller
    terminal = TerminalServer(engine, teller, config.person_of, clock)
    if slack and config.slack is not None:
        surface = SlackSurface(lambda: config, config.slack, store, engine, clock)
        repliers["slack"] = surface.replier
        repliers["terminal"] = Overheard(teller, surface.ops)
    return Product(
        config, store, engine, desk, clusters, commands, terminal, surface, tasks, lock, clock
    )


def secret_values(config: Config) -> list[str]:
    """Secrets that the configuration holds, for the redactor."""
    slack = config.slack
    held = [slack.bot_token, slack.app_token, slack.signing_secret] if slack else []
    held += [c.rancher.token for c in config.clusters.values() if c.rancher]
    return [secret.get_secret_value() for secret in held if secret is not None]


async def probe_all(
    config: Config, clusters: Clusters, helm: HelmBinary
) -> list[tuple[str, str, str]]:
    """Asks every system that the configuration names: what, `works` or `fails`, in words."""
    rows = [("helm", "works", f"{helm.version}, {helm.path.name}")]
    for name, settings in sorted(config.clusters.items()):
        kube = clusters(name).kube
        found = [await probes.probe_kubernetes(kube)]
        if found[0].ok and "velero_namespace" in settings.model_fields_set:
            found.append(await probes.probe_velero(kube, settings.velero_namespace))
        if settings.prometheus:
            found.append(await probes.probe_prometheus(settings.prometheus))
        if settings.alertmanager:
            found.append(await probes.probe_alertmanager(settings.alertmanager))
        if settings.rancher:
            found.append(await probes.probe_rancher(settings.rancher.url))
        rows += [
            (p.system, "works" if p.ok else "fails", f"{p.message} {p.hint}".strip()) for p in found
        ]
    return rows
