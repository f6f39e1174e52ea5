"""The practice world: clusters and a Slack on free loopback ports, and a bot's configuration.

Everything a bot needs to be run is written into one directory: kubeconfigs, tokens and an
`onprem.yaml`. Nothing here runs the bot; the configuration is for any `onprem run`.
"""

from __future__ import annotations

import getpass
import json
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.alertmanager import Receiver
from sandbox.cluster import PracticeCluster, write_private
from sandbox.completing import completer
from sandbox.control import Control
from sandbox.kube.controllers import Pace
from sandbox.slack import Limits, SlackServer, practice_workspace
from sandbox.trouble import Trouble
from sandbox.velero import ObjectStore

PACES = {"fast": Pace().scaled(0.1), "real": Pace()}
NAMES = ("main", "spare")
COMMAND = "/onprem"
ADMIN = "adam"
WEBHOOK_FILE = "alerts-token"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts listen on 127.0.0.1; 0 takes a free port.

    Attributes:
        spare: The Kubernetes API of the second cluster.
        prometheus: That of the first cluster, as `alertmanager`.
        alerts: Where a bot in this world takes alerts.
    """

    kubernetes: int = 0
    spare: int = 0
    slack: int = 0
    control: int = 0
    objects: int = 0
    prometheus: int = 0
    alertmanager: int = 0
    alerts: int = 0


class World:
    """A practice world that runs; make it with `World.start`.

    Attributes:
        directory: Holds everything it wrote; a temporary one goes with the world.
        clusters: One, or two when asked: `main` and `spare`.
        slack: The practice Slack.
        control: Takes failures over HTTP.
        objects: Where all clusters' Velero stores backups.
    """

    def __init__(
        self,
        directory: Path,
        clusters: Sequence[PracticeCluster],
        slack: SlackServer,
        control: Control,
        objects: ObjectStore,
    ) -> None:
        self.directory, self.clusters = directory, list(clusters)
        self.slack, self.control, self.objects = slack, control, objects
        self._alerts, self._token = "", secrets.token_urlsafe(18)

    @property
    def config(self) -> Path:
        """The bot's configuration for this world."""
        return self.directory / "onprem.yaml"

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        *,
        clusters: int = 1,
        pace: Pace | None = None,
        watch: Pace | None = None,
        directory: Path | None = None,
        ports: Ports | None = None,
        limits: Limits | None = None,
    ) -> AsyncIterator[World]:
        """Starts a world, and ends it with the block.

        Args:
            clusters: One or two.
            pace: How fast its workloads live; `fast` unless given.
            watch: How fast Prometheus and Alertmanager live; as its workloads unless given.
            directory: Where its files go, and stay; without one they go with the world.
            ports: Where to listen.
            limits: Slack's limits; its own unless given.

        Raises:
            OSError: A port is taken, or the directory cannot be written.
        """
        chosen = ports or Ports()
        async with AsyncExitStack() as stack:
            home = _directory(stack, directory)
            objects = ObjectStore()
            stack.push_async_callback(objects.close)
            await objects.start(chosen.objects)
            started: list[PracticeCluster] = []
            kube_ports = (chosen.kubernetes, chosen.spare)
            watch_ports = {NAMES[0]: (chosen.prometheus, chosen.alertmanager), NAMES[1]: (0, 0)}
            for name, port in list(zip(NAMES, kube_ports, strict=True))[:clusters]:
                cluster = await PracticeCluster.started(
                    name,
                    home / f"kubeconfig-{name}",
                    pace=pace or PACES["fast"],
                    port=port,
                    objects=objects,
                )
                stack.push_async_callback(cluster.close)
                seen_at = watch or pace or PACES["fast"]
                await cluster.watched(pace=seen_at, ports=watch_ports[name])
                started.append(cluster)
            slack = _slack(limits)
            stack.push_async_callback(slack.close)
            await slack.start(chosen.slack)
            control = Control(started, slack, objects)
            stack.push_async_callback(control.close)
            await control.start(chosen.control)
            world = cls(home, started, slack, control, objects)
            world._listen_for_alerts(chosen.alerts or _free_port())
            world._write()
            yield world

    async def trouble(self, faults: Iterable[Trouble]) -> None:
        """Puts failures in force.

        Raises:
            NoSuchFault: One names what does not exist.
        """
        for fault in faults:
            await fault.apply(self.clusters, self.slack, self.objects)

    def describe(self) -> dict[str, Any]:
        """Addresses, tokens and files, so that any program can use this world."""
        slack = self.slack.describe()
        return {
            "kubeconfig": str(self.clusters[0].kubeconfig),
            "kubeconfigs": {c.name: str(c.kubeconfig) for c in self.clusters},
            "config": str(self.config),
            "page": slack["page"],
            "control": self.control.url,
            "objects": self.objects.url,
            "prometheus": {c.name: c.prometheus.url for c in self.clusters if c.prometheus},
            "alertmanager": {c.name: c.alertmanager.url for c in self.clusters if c.alertmanager},
            "slack": {
                "api_url": slack["api"],
                **{k: slack[k] for k in ("bot_token", "app_token", "signing_secret", "team_id")},
            },
        }

    def _listen_for_alerts(self, port: int) -> None:
        """Has every Alertmanager tell the bot, which will be there or not."""
        self._alerts = f"127.0.0.1:{port}"
        for cluster in self.clusters:
            if cluster.alertmanager is not None:
                url = f"http://{self._alerts}/alerts/{cluster.name}"
                cluster.alertmanager.receiver = Receiver(url, self._token, max_alerts=200)

    def _write(self) -> None:
        """Writes the tokens and the configuration; from then on the page completes its names."""
        for name in ("bot_token", "app_token", "signing_secret"):
            write_private(self.directory / name.replace("_", "-"), getattr(self.slack, name))
        write_private(self.directory / WEBHOOK_FILE, self._token)
        settings = self._settings()
        self.slack.complete = completer(COMMAND, settings)
        text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
        write_private(self.config, f"# A practice world; it ends with it.\n{text}")

    def _settings(self) -> dict[str, Any]:
        workspace = self.slack.workspace
        team, me = workspace.team_id, f"os:{socket.gethostname()}/{getpass.getuser()}"
        people = [u for u in workspace.users.values() if u.role and not u.is_stranger]
        actors = {u.name: f"slack:{team}/{u.id}" for u in people}
        names = [cluster.name for cluster in self.clusters]
        return {
            "state": {"directory": str(self.directory / "state")},
            "slack": {
                "bot_token_file": "bot-token",
                "app_token_file": "app-token",
                "api_url": self.slack.api_url,
                "ops_channel": workspace.channel("ops").id,
            },
            "clusters": {c.name: _access(c) for c in self.clusters},
            "default_cluster": names[0],
            "alerts": {"listen": self._alerts, "token_file": WEBHOOK_FILE},
            "apps": {"parse": parse_app(names)},
            "persons": {
                name: [actor, me] if name == ADMIN else [actor] for name, actor in actors.items()
            },
            "admins": [actors[ADMIN], me],
        }


def _access(cluster: PracticeCluster) -> dict[str, Any]:
    """How a bot reaches a cluster and what watches it."""
    found = {"kubeconfig": str(cluster.kubeconfig)}
    if cluster.prometheus is not None and cluster.alertmanager is not None:
        found["prometheus"] = cluster.prometheus.url
        found["alertmanager"] = cluster.alertmanager.url
    return found


def parse_app(clusters: Sequence[str]) -> dict[str, Any]:
    """The example app: Parse Server on a MongoDB replica set."""
    return {
        "description": "Parse Server with its MongoDB replica set",
        "namespace": "parse",
        "chart": "builtin:parse-server",
        "clusters": list(clusters),
        "credentials": {"kind": "parse-server"},
        "aliases": {
            "mongodb": {
                "workload": "statefulset/parse-mongodb",
                "replicas_value": "mongodb.replicaCount",
                "members": "mongodb",
            },
            "server": {"workload": "deployment/parse-server", "replicas_value": "replicaCount"},
        },
        "timeout": 120,
        "backup": {
            "name": "parseserver-backup",
            "selector": "app=parseserver",
            "drill": {"database": "mongodb", "counts": ["parse._User"]},
        },
        "probes": [{"name": "health", "service": "parse-server", "path": "/parse/health"}],
    }


def _directory(stack: AsyncExitStack, given: Path | None) -> Path:
    if given is not None:
        given.mkdir(mode=0o700, parents=True, exist_ok=True)
        return given.resolve()
    made = Path(tempfile.mkdtemp(prefix="onprem-sandbox-"))
    stack.callback(shutil.rmtree, made, ignore_errors=True)
    return made


def _free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _slack(limits: Limits | None) -> SlackServer:
    workspace = practice_workspace()
    workspace.app.commands, workspace.app.escape_commands = {COMMAND}, True
    workspace.add_channel("parse", ["alice", "vera", "adam"], topic="The Parse Server product")
    return SlackServer(workspace, limits=limits)


def line(world: World) -> str:
    """The one line of JSON that `onprem sandbox` prints."""
    return json.dumps(world.describe())
