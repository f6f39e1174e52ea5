"""What no single value can tell: names that must exist, tokens a mode needs, files on this host."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path

from bot.config.mail import EmailConfig
from bot.config.models import AppConfig, ClusterConfig, Config, SlackConfig
from bot.config.servers import ServerConfig
from bot.data import shipped

Finding = tuple[tuple[str, ...], str]
_HERE = ("localhost", "127.0.0.1", "::1")
_PREFIX = {"bot_token": "xoxb-", "app_token": "xapp-"}
_ASKED_FOR = (("graphs", "graph", "graph"), ("apps", "restore", "app"))
"""Where names are given, the command that takes one, and what it is a name of."""


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`; did you mean “…”?`, or what there is when nothing is near."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean “{near[0]}”?"
    return f"; there is {', '.join(sorted(known))}" if known else ""


def findings(config: Config, clusters: Collection[str]) -> Iterator[Finding]:
    """Yields every problem between values, with its path.

    Args:
        config: The valid part of the configuration.
        clusters: All cluster names as written, also those whose settings are wrong.
    """
    yield from _default(config, clusters)
    for name, cluster in config.clusters.items():
        yield from _cluster(("clusters", name), cluster)
    if config.slack:
        yield from _slack(config.slack, clusters)
    if config.alerts and not config.alerts.token:
        yield ("alerts", "token"), "give the token that Alertmanager shows, or token_file"
    if config.alerts and config.alerts.email:
        yield from _email(("alerts", "email"), config.alerts.email)
    for name, app in config.apps.items():
        yield from _app(("apps", name), app, clusters)
    yield from _twice(config)
    for index, freeze in enumerate(config.freezes):
        at = ("freezes", str(index))
        if freeze.end <= freeze.start:
            yield (*at, "end"), "a freeze must end after it starts"
        if freeze.target and freeze.target.split("/")[0] not in clusters:
            yield (*at, "target"), _unknown(freeze.target.split("/")[0], clusters)


def command_findings(config: Config, known: Collection[str]) -> Iterator[Finding]:
    """Yields settings that name a command which does not exist, or whose name is half of one."""
    for name in config.policy:
        if name not in known:
            yield ("policy", name), f"there is no command “{name}”" + did_you_mean(name, known)
    for channel, settings in (config.slack.channels if config.slack else {}).items():
        for index, name in enumerate(settings.commands):
            if name not in known:
                at = ("slack", "channels", channel, "commands", str(index))
                yield at, f"there is no command “{name}”" + did_you_mean(name, known)
    for section, word, kind in _ASKED_FOR:
        for name in getattr(config, section):
            if f"{word} {name}" in known:
                said = f"“{word} {name}” is a command of its own: give this {kind} another name"
                yield (section, name), said


def _unknown(cluster: str, clusters: Collection[str]) -> str:
    return f"there is no cluster “{cluster}”" + did_you_mean(cluster, clusters)


def _default(config: Config, clusters: Collection[str]) -> Iterator[Finding]:
    if config.default_cluster and config.default_cluster not in clusters:
        yield ("default_cluster",), _unknown(config.default_cluster, clusters)
    elif not config.default_cluster and len(clusters) > 1:
        yield (), f"say which is the default_cluster: {', '.join(sorted(clusters))}"


def _cluster(at: tuple[str, ...], cluster: ClusterConfig) -> Iterator[Finding]:
    if cluster.in_cluster and (cluster.kubeconfig or cluster.context):
        yield (*at, "in_cluster"), "give in_cluster, or kubeconfig and context, not both"
    if cluster.kubeconfig and not cluster.kubeconfig.is_file():
        yield (*at, "kubeconfig"), f"there is no file {cluster.kubeconfig}"
    if cluster.rancher and not cluster.rancher.token:
        yield (*at, "rancher"), "give its token or token_file"
    for kind in ("prometheus", "alertmanager"):
        yield from _server((*at, kind), getattr(cluster, kind))


def _server(at: tuple[str, ...], server: ServerConfig | None) -> Iterator[Finding]:
    if server is None:
        return
    if server.token and server.username:
        yield (*at, "username"), "give a token, or username and password, not both"
    if bool(server.username) != bool(server.password or server.password_file):
        yield (*at, "username"), "username and password belong together"
    if server.ca_file and not server.ca_file.is_file():
        yield (*at, "ca_file"), f"there is no file {server.ca_file}"
    if server.ca_file and not server.verify:
        yield (*at, "verify"), "with a ca_file, certificates are checked: leave verify out"


def _email(at: tuple[str, ...], email: EmailConfig) -> Iterator[Finding]:
    if bool(email.username) != bool(email.password or email.password_file):
        yield (*at, "username"), "username and password belong together"
    if email.username and email.tls == "none" and email.host not in _HERE:
        yield (*at, "tls"), "a password would go over the network unencrypted: use starttls or tls"
    if email.ca_file and not email.ca_file.is_file():
        yield (*at, "ca_file"), f"there is no file {email.ca_file}"


def _slack(slack: SlackConfig, clusters: Collection[str]) -> Iterator[Finding]:
    needed = ("bot_token", "app_token" if slack.mode == "socket" else "signing_secret")
    for key in needed:
        value = getattr(slack, key)
        if value is None:
            if getattr(slack, f"{key}_file") is None:
                yield (
                    ("slack",),
                    f"mode {slack.mode} needs {key}: give {key}, {key}_file or the environment "
                    f"variable ONPREM_SLACK__{key.upper()}",
                )
        elif not value.get_secret_value().startswith(_PREFIX.get(key, "")):
            yield ("slack", key), f"this is no {key.replace('_', ' ')}: one begins {_PREFIX[key]}"
    if int(slack.listen.rpartition(":")[2]) > 65535:
        yield ("slack", "listen"), "a port is at most 65535"
    for channel, settings in slack.channels.items():
        if settings.cluster and settings.cluster not in clusters:
            at = ("slack", "channels", channel, "cluster")
            yield at, _unknown(settings.cluster, clusters)


def _app(at: tuple[str, ...], app: AppConfig, clusters: Collection[str]) -> Iterator[Finding]:
    for index, cluster in enumerate(app.clusters):
        if cluster not in clusters:
            yield (*at, "clusters", str(index)), _unknown(cluster, clusters)
    if problem := _chart(app):
        yield (*at, "chart"), problem
    for index, file in enumerate(app.values_files):
        if not file.is_file():
            yield (*at, "values_files", str(index)), f"there is no file {file}"


def _chart(app: AppConfig) -> str | None:
    if app.repo or app.chart.startswith("oci://"):
        return None
    if app.chart.startswith("builtin:"):
        name = app.chart.removeprefix("builtin:")
        known = {p.parent.name for p in shipped("charts").glob("*/Chart.yaml")}
        if name in known:
            return None
        return f"there is no builtin chart “{name}”" + did_you_mean(name, known)
    path = Path(app.chart)
    if (path / "Chart.yaml").is_file() or path.is_file():
        return None
    return f"there is no chart at {path}; for a chart of a repository give repo: too"


def _twice(config: Config) -> Iterator[Finding]:
    places: dict[tuple[str, str, str], str] = {}
    for name, app in config.apps.items():
        for cluster in config.clusters_of(name):
            other = places.setdefault((cluster, app.namespace, app.release), name)
            if other != name:
                release = f"release {app.release} in {cluster}/{app.namespace}"
                yield ("apps", name), f"{release} is app “{other}” already"
    owners: dict[str, str] = {}
    for person, actors in config.persons.items():
        for index, actor in enumerate(actors):
            other = owners.setdefault(actor, person)
            if other != person:
                yield ("persons", person, str(index)), f"{actor} is person “{other}” already"
