"""The shape of `onprem.yaml`: frozen models, checked one value at a time.

What concerns several values at once (an app naming an unknown cluster, a missing token) is in
`checks`, so that one start reports every problem.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, SecretStr, ValidationInfo, model_validator

from bot.config.alerting import AlertsConfig
from bot.config.base import Model
from bot.config.graphs import GraphConfig
from bot.config.servers import PrometheusConfig, ServerConfig
from bot.config.values import (
    Actor,
    Channel,
    Chart,
    Collection,
    Cron,
    File,
    Least,
    Listen,
    Module,
    Name,
    Namespace,
    ObjectName,
    OptionalName,
    OptionalObjectName,
    Seconds,
    Selector,
    Slash,
    Url,
    UrlPath,
    ValuePath,
    Workload,
)


class StateConfig(Model):
    """Where the bot keeps its own state."""

    directory: File
    audit_key: File | None = None
    backups: File | None = None

    @property
    def key_file(self) -> Path:
        """The audit chain's key, never inside the database."""
        return self.audit_key or self.directory / "keys" / "audit.key"

    @property
    def backup_directory(self) -> Path:
        """Where nightly copies of the state go."""
        return self.backups or self.directory / "backups"


class ChannelConfig(Model):
    """What a channel stands for; `commands` empty allows all."""

    cluster: Name | None = None
    commands: tuple[str, ...] = ()


class SlackConfig(Model):
    """The connection to Slack. Secrets come from here, a file, or the environment."""

    mode: Literal["socket", "http"] = "socket"
    bot_token: SecretStr | None = None
    bot_token_file: File | None = None
    app_token: SecretStr | None = None
    app_token_file: File | None = None
    signing_secret: SecretStr | None = None
    signing_secret_file: File | None = None
    api_url: Url = "https://slack.com/api/"
    listen: Listen = "127.0.0.1:3000"
    path: UrlPath = "/slack/events"
    ops_channel: Channel | None = None
    channels: dict[Channel, ChannelConfig] = {}


class RancherConfig(Model):
    """A Rancher server that knows the cluster."""

    url: Url
    token: SecretStr | None = None
    token_file: File | None = None


class ClusterConfig(Model):
    """How to reach a cluster; without kubeconfig and in_cluster, as kubectl would."""

    kubeconfig: File | None = None
    context: str | None = None
    in_cluster: bool = False
    prometheus: PrometheusConfig | None = None
    alertmanager: ServerConfig | None = None
    velero_namespace: Namespace = "velero"
    rancher: RancherConfig | None = None


class AliasConfig(Model):
    """A short word for a workload, and where the chart keeps its size.

    Attributes:
        workload: `statefulset/parse-mongodb`.
        replicas_value: The chart value of its replica count; scaling is remembered there.
        autoscaling_value: The chart value that holds its autoscaling's minimum and maximum.
        members: `mongodb` when scaling must change a replica set's members too.
    """

    workload: Workload
    replicas_value: ValuePath | None = None
    autoscaling_value: ValuePath | None = None
    members: Literal["mongodb"] | None = None


class CredentialsConfig(Model):
    """A Secret that the bot makes once: `secret` is its name, `value` the chart value for it."""

    kind: Literal["parse-server"] = "parse-server"
    secret: OptionalObjectName = ""
    value: ValuePath = "existingSecret"


class DrillConfig(Model):
    """How a restore of the app is proved.

    Attributes:
        cron: When it is done without being asked: five fields, or `@weekly`; never when empty.
        timeout: Seconds until the copy must be ready.
        database: The alias whose pods are asked for document counts.
        counts: `database.collection` of each; a drill fails where the copy has none.
    """

    cron: Cron = ""
    timeout: Seconds = 900
    database: OptionalName = ""
    counts: tuple[Collection, ...] = ()


class BackupConfig(Model):
    """How the app's backups are called and what belongs to them.

    Attributes:
        name: Backups are called this and the time, as in `parseserver-backup-20261122101500`.
        selector: The label that every object of the app carries.
        ttl: Seconds that a backup is kept.
        storage: Velero's storage location; its default one when empty.
        recovery_point: Seconds of work that may be lost: the oldest that the newest may be.
        volumes: How the data of volumes is saved: copied by Velero's node agent, by snapshots of
            the storage, or not at all.
        drill: How a restore is proved.
    """

    name: ObjectName
    selector: Selector | None = None
    ttl: Seconds = 30 * 86400
    storage: OptionalObjectName = ""
    recovery_point: Seconds = 86400
    volumes: Literal["copy", "snapshot", "none"] = "copy"
    drill: DrillConfig = DrillConfig()


class ProbeConfig(Model):
    """An HTTP question that tells whether the app works.

    Attributes:
        service: The Service that is asked, through the API server.
        port: Its port's number; its first one when 0.
        path: What is asked for.
        status: The answer of an app that works.
    """

    name: str
    path: UrlPath
    service: OptionalObjectName = ""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    status: Annotated[int, Field(ge=100, le=599)] = 200


class AppConfig(Model):
    """A product that the bot deploys.

    Attributes:
        clusters: Where it lives; empty means the default cluster.
        release: The Helm release; the app's name unless given.
        chart: An absolute path, `builtin:NAME`, `oci://…`, or a chart's name in `repo`.
        version_value: The chart value that `--version` sets.
        secret_values: Chart values that are never shown and that `--set` refuses.
        timeout: Seconds a deploy may take.
    """

    namespace: Namespace
    chart: Chart
    clusters: tuple[Name, ...] = ()
    release: OptionalName = ""
    repo: Url | None = None
    chart_version: str | None = None
    values: dict[str, Any] = {}
    values_files: tuple[File, ...] = ()
    version_value: ValuePath = "image.tag"
    secret_values: tuple[ValuePath, ...] = ()
    credentials: CredentialsConfig | None = None
    aliases: dict[Name, AliasConfig] = {}
    rollback_on_failure: bool = True
    timeout: Seconds = 600
    backup: BackupConfig | None = None
    probes: tuple[ProbeConfig, ...] = ()
    description: str = ""

    @model_validator(mode="before")
    @classmethod
    def _accept_one_cluster(cls, data: Any) -> Any:
        if isinstance(data, dict) and "cluster" in data and "clusters" not in data:
            data = {k: v for k, v in data.items() if k != "cluster"} | {
                "clusters": (data["cluster"],)
            }
        return data

    @model_validator(mode="after")
    def _anchor_chart(self, info: ValidationInfo) -> AppConfig:
        base = info.context.get("base") if isinstance(info.context, Mapping) else None
        if base and self.repo is None and not self.chart.startswith(("builtin:", "oci://")):
            chart = Path(base) / Path(self.chart).expanduser()
            self.__dict__["chart"] = str(chart)
        return self


class FreezeConfig(Model):
    """A time in which nothing may change; `target` empty means everywhere."""

    start: AwareDatetime
    end: AwareDatetime
    reason: str
    target: str = ""


class MetricsConfig(Model):
    """Where the bot's own metrics are shown, at `/metrics`."""

    listen: Listen = "127.0.0.1:9096"


class HelmConfig(Model):
    """Which helm runs (else PATH, else the bundled one) and for how many seconds."""

    executable: str | None = None
    timeout: Seconds = 300


class Config(Model):
    """All of `onprem.yaml`.

    Attributes:
        command: The slash command's name.
        default_cluster: Used when nobody names one; the only one when there is one.
        persons: A person's name → all actors that are this person.
        admins: Actors that are admin from the start.
        policy: Command → the least that it asks of a person; it only raises.
        graphs: More graphs for the catalogue; one of a shipped name replaces that one.
        commands: Dotted modules with users' own commands.
    """

    state: StateConfig
    clusters: Annotated[dict[Name, ClusterConfig], Field(min_length=1)]
    command: Slash = "/onprem"
    slack: SlackConfig | None = None
    default_cluster: str = ""
    apps: dict[Name, AppConfig] = {}
    persons: dict[str, tuple[Actor, ...]] = {}
    admins: tuple[Actor, ...] = ()
    policy: dict[str, Least] = {}
    freezes: tuple[FreezeConfig, ...] = ()
    graphs: dict[Name, GraphConfig] = {}
    commands: tuple[Module, ...] = ()
    helm: HelmConfig = HelmConfig()
    alerts: AlertsConfig | None = None
    metrics: MetricsConfig | None = None

    @model_validator(mode="after")
    def _fill_in(self) -> Config:
        """Completes what follows from elsewhere: default cluster, release and Secret names."""
        if not self.default_cluster and len(self.clusters) == 1:
            self.__dict__["default_cluster"] = next(iter(self.clusters))
        self.__dict__["apps"] = {name: _named(name, app) for name, app in self.apps.items()}
        return self

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits that change with any setting; secrets are not part of it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def clusters_of(self, app: str) -> tuple[str, ...]:
        """The clusters an app lives in, the default one when it names none.

        Raises:
            KeyError: If there is no such app.
        """
        return self.apps[app].clusters or (self.default_cluster,)

    def person_of(self, actor: str) -> str:
        """The person behind an actor; the actor itself when no person lists it."""
        return next((name for name, actors in self.persons.items() if actor in actors), actor)


def _named(name: str, app: AppConfig) -> AppConfig:
    release = app.release or name
    credentials = app.credentials
    if credentials and not credentials.secret:
        credentials = credentials.model_copy(update={"secret": f"{release}-credentials"})
    return app.model_copy(update={"release": release, "credentials": credentials})
