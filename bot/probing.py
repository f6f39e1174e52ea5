"""Asks every system that the configuration names, for `check`."""

from __future__ import annotations

from bot.alerts import heartbeat, mailing
from bot.config import Config
from bot.connecting import Clusters, server_of
from bot.recovery.watch.watching import watched
from bot.store.db import Store
from integrations import probes
from integrations.helm.binary import HelmBinary

Row = tuple[str, str, str]
"""A system, `works` or `fails`, and that in words."""


async def probe_chat(config: Config, sockets: int | None) -> list[Row]:
    """Asks Slack, where it is configured.

    Args:
        config: The configuration of the start.
        sockets: How many are open; None when this process talks to no Slack.
    """
    if config.slack is None:
        return []
    from bot.manifest import SCOPES
    from bot.slack.probe import probe_slack

    ok, detail = await probe_slack(config.slack, SCOPES, sockets=sockets)
    return [("Slack", "works" if ok else "fails", detail)]


async def probe_all(config: Config, clusters: Clusters, helm: HelmBinary) -> list[Row]:
    """Asks every other system that the configuration names."""
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


async def heard(config: Config, store: Store) -> list[Row]:
    """When each cluster's alerting was heard last."""
    return await store.read(lambda db: heartbeat.rows(db, config, store.clock()))


def _row(probe: probes.Probe) -> Row:
    state = "works" if probe.ok else "fails"
    return probe.system, state, f"{probe.message} {probe.hint}".strip()
