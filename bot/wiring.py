"""The composition root: the only place that names concrete classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from bot import registry
from bot.alerts import heartbeat, mailing
from bot.alerts.picturing import Studio
from bot.alerts.service import Alerts, assembled
from bot.changes.watching import Onlooker
from bot.changes.watching import Watching as Looking
from bot.clock import now
from bot.config import ClusterConfig, Config, ServerConfig
from bot.context import Asker, Cluster
from bot.desk import Desk, Powers
from bot.engine import Engine, Observer, Parts, Replier
from bot.errors import UsageError
from bot.instance import InstanceLock
from bot.meters import Meters
from bot.recovery.drills.sweeping import Sweeper
from bot.recovery.watch.watching import Watcher, Watching, watched
from bot.redaction import Redactor
from bot.render.plot import Artist
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
from integrations.alertmanager import Alertmanager
from integrations.helm.binary import HelmBinary, find_helm
from integrations.helm.client import Helm
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.sdk import Access
from integrations.prometheus import Prometheus
from integrations.server import Server

log = structlog.get_logger(__name__)

STATE, WORKFLOWS = "onprem.db", "workflows.db"


class LogObserver:
    """The product's observer of steps: the debug log."""

    def boundary(self, request_id: str, step: str, edge: str) -> None:
        """See `bot.engine.Observer`."""
        log.debug("step", request=request_id, step=step, edge=edge)


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
    watcher: Watcher
    sweeper: Sweeper
    onlooker: Onlooker
    alerts: Alerts
    tasks: Tasks
    artist: Artist
    meters: Meters
    lock: InstanceLock
    clock: Callable[[], int]
    current: Callable[[], Config]

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
        await self.alerts.close()
        await self.terminal.close()
        (self.config.state.directory / SOCKET).unlink(missing_ok=True)
        if self.slack is not None:
            await self.slack.close()
        await self.tasks.close()
        await self.artist.close()
        self.engine.close()
        await self.clusters.close()
        await self.store.close()
        self.lock.release()


async def build(
    config: Config,
    *,
    current: Callable[[], Config] | None = None,
    clock: Callable[[], int] = now,
    observer: Observer | None = None,
    redactor: Redactor | None = None,
    slack: bool = True,
) -> Product:
    """Opens the state and puts the product together; `Product.start` comes next.

    Args:
        config: What to build. State, Slack and own commands hold until the next start.
        current: The configuration in force, when it may be reloaded: apps, clusters, persons,
            admins, policy, freezes, channels.
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
        hide.register(*secret_values(config))
        store = await _open_store(config, clock, hide)
        helm = await find_helm(config.helm.executable)
        return _put_together(
            config,
            current or (lambda: config),
            store,
            helm,
            lock,
            observer or LogObserver(),
            hide,
            slack,
        )
    except BaseException:
        lock.release()
        raise


async def _open_store(config: Config, clock: Callable[[], int], redactor: Redactor) -> Store:
    directory = config.state.directory
    finish_restore({name: directory / name for name in (STATE, WORKFLOWS)})
    return await Store.open(
        directory / STATE,
        clock=clock,
        audit_key=AuditKey.load_or_create(config.state.key_file),
        backup_dir=config.state.backup_directory,
        redactor=redactor,
        anchor=config.state.key_file.with_name("audit.head"),
    )


def _put_together(
    config: Config,
    current: Callable[[], Config],
    store: Store,
    helm: HelmBinary,
    lock: InstanceLock,
    observer: Observer,
    redactor: Redactor,
    slack: bool,
) -> Product:
    directory, clock = config.state.directory, store.clock
    commands = registry.load(config.commands).all
    clusters = Clusters(current, helm, directory / "run")
    teller, tasks = TerminalReplier(), Tasks()
    repliers: dict[str, Replier] = {"terminal": teller}
    surface: SlackSurface | None = None
    meters = Meters()

    async def cancel(request_id: str, by: Asker) -> bool:
        return bool(await engine.cancel(request_id, by))

    async def probe() -> Sequence[tuple[str, str, str]]:
        rows = await _probe_slack(config, surface.sockets_open if surface else None)
        return [*rows, *await probe_all(current(), clusters, helm), *await _heard(current, store)]

    desk = Desk(store, Powers(commands, current, cancel, probe, lambda: alerts))
    artist = Artist(directory / "drawing")
    parts = Parts(
        store=store,
        audit=store.audit,
        commands=commands,
        config=current,
        clusters=clusters,
        desk=desk,
        decide=desk.decide,
        translate=translate,
        redact=redactor.text,
        repliers=repliers,
        observer=observer,
        clock=clock,
        tasks=tasks,
        artist=artist,
    )
    engine = Engine(parts, directory / WORKFLOWS)
    terminal = TerminalServer(engine, teller, lambda actor: current().person_of(actor), clock)
    if slack and config.slack is not None:
        surface = SlackSurface(current, config.slack, store, engine, clock, meters=meters)
        repliers["slack"] = surface.replier
        repliers["terminal"] = Overheard(teller, surface.ops)
    repliers["system"] = repliers["terminal"]  # nobody listens but the ops channel
    names = {name for c in commands for name in (c.name, *c.aliases)}
    ops = surface.ops if surface else None
    alerts = assembled(current, clusters, store, ops, names, Studio(desk, artist))
    threads = alerts.threads
    watcher = Watcher(Watching(current, clusters, store, threads, names, clock))
    sweeper = Sweeper(current, clusters, store, threads, clock)
    onlooker = Onlooker(Looking(current, clusters, store, clock))
    asked = (config, store, engine, desk, clusters, commands, terminal, surface)
    unasked = (watcher, sweeper, onlooker, alerts)
    return Product(*asked, *unasked, tasks, artist, meters, lock, clock, current)


async def _probe_slack(config: Config, sockets: Any) -> list[tuple[str, str, str]]:
    if config.slack is None:
        return []
    from bot.manifest import SCOPES
    from bot.slack.probe import probe_slack

    ok, detail = await probe_slack(config.slack, SCOPES, sockets=sockets)
    return [("Slack", "works" if ok else "fails", detail)]


def secret_values(config: Config) -> list[str]:
    """Secrets that the configuration holds, for the redactor."""
    slack = config.slack
    held = [slack.bot_token, slack.app_token, slack.signing_secret] if slack else []
    for cluster in config.clusters.values():
        held += [cluster.rancher.token] if cluster.rancher else []
        for server in (cluster.prometheus, cluster.alertmanager):
            held += [server.token, server.password] if server else []
    held += [config.alerts.token] if config.alerts else []
    held += [config.alerts.email.password] if config.alerts and config.alerts.email else []
    return [secret.get_secret_value() for secret in held if secret is not None]


def server_of(settings: ServerConfig) -> Server:
    """How a configured server is reached."""
    token, password = (
        s.get_secret_value() if s else "" for s in (settings.token, settings.password)
    )
    return Server(
        settings.url, token, settings.username, password, settings.ca_file, settings.verify
    )


async def probe_all(
    config: Config, clusters: Clusters, helm: HelmBinary
) -> list[tuple[str, str, str]]:
    """Asks every system that the configuration names: what, `works` or `fails`, in words."""
    rows = [("helm", "works", f"{helm.version}, {helm.path.name}")]
    for name, settings in sorted(config.clusters.items()):
        kube = clusters(name).kube
        found = [await probes.probe_kubernetes(kube)]
        if found[0].ok and watched(config, name):
            found.append(await probes.probe_velero(kube, settings.velero_namespace))
        if settings.prometheus:
            found.append(await probes.probe_prometheus(server_of(settings.prometheus)))
        if settings.alertmanager:
            found.append(await probes.probe_alertmanager(server_of(settings.alertmanager)))
        if settings.rancher:
            found.append(await probes.probe_rancher(settings.rancher.url))
        rows += map(_row, found)
    if config.alerts and config.alerts.email:
        rows.append(_row(await probes.probe_mail(mailing.server_of(config.alerts.email))))
    return rows


async def _heard(current: Callable[[], Config], store: Store) -> list[tuple[str, str, str]]:
    return await store.read(lambda db: heartbeat.rows(db, current(), store.clock()))


def _row(probe: probes.Probe) -> tuple[str, str, str]:
    state = "works" if probe.ok else "fails"
    return probe.system, state, f"{probe.message} {probe.hint}".strip()
