"""The composition root: with `connecting`, the only place that names concrete classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot import registry
from bot.alerts.picturing import Studio
from bot.alerts.service import Alerts, assembled
from bot.changes.watching import Onlooker
from bot.changes.watching import Watching as Looking
from bot.clock import now
from bot.config import Config
from bot.connecting import Clusters
from bot.context import Asker
from bot.desk import Desk, Powers
from bot.engine import Engine, Observer, Parts, Replier
from bot.instance import InstanceLock
from bot.meters import Meters
from bot.probing import heard, probe_all, probe_chat
from bot.recovery.drills.sweeping import Sweeper
from bot.recovery.watch.watching import Watcher, Watching
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
from integrations.helm.binary import HelmBinary, find_helm

log = structlog.get_logger(__name__)

STATE, WORKFLOWS = "onprem.db", "workflows.db"


class LogObserver:
    """The product's observer of steps: the debug log."""

    def boundary(self, request_id: str, step: str, edge: str) -> None:
        """See `bot.engine.Observer`."""
        log.debug("step", request=request_id, step=step, edge=edge)


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
        rows = await probe_chat(config, surface.sockets_open if surface else None)
        return [*rows, *await probe_all(current(), clusters, helm), *await heard(current(), store)]

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
