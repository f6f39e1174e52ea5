"""What the bot itself finds wrong goes the way of alerts: by labels, which it carries too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bot.alerts import routing
from bot.alerts.routing import Route

if TYPE_CHECKING:
    from bot.alerts.condition import Condition
    from bot.config import Config

NAMES: Mapping[str, str] = {
    "deploys": "OnpremDeployFailed",
    "audit": "OnpremAuditBroken",
    "notifications": "OnpremNotificationRefused",
    "receiver": "OnpremNotificationRefused",
    "alertmanager": "OnpremNoHeartbeat",
    "contact": "OnpremBackupsUnwatched",
    "drills": "OnpremDrillLeft",
    "velero": "OnpremVelero",
    "velero/failed": "OnpremBackupFailed",
    "velero/expiry": "OnpremBackupExpires",
    "velero/recovery-point": "OnpremBackupTooOld",
    "velero/volumes": "OnpremBackupIncomplete",
    "velero/schedule": "OnpremBackupSchedule",
    "velero/location": "OnpremBackupStore",
}
"""The first word of a source, or that and the first of a key → the label `alertname`."""
_SEVERITIES = {"bad": "critical", "warn": "warning"}


class Ways:
    """Labels conditions, and says where labels lead.

    Args:
        config: The configuration in force; without its part `alerts` all goes to the ops channel.
        clock: Microseconds UTC.
    """

    def __init__(self, config: Callable[[], Config], clock: Callable[[], int]) -> None:
        self._config, self._clock = config, clock

    def labels(self, source: str, condition: Condition, cluster: str) -> dict[str, str]:
        """What a condition is routed by.

        Args:
            source: Who found it, and where: `velero/main`.
            condition: What is wrong.
            cluster: Which cluster it concerns; empty when it is the bot itself.
        """
        kind, key = source.partition("/")[0], condition.key.partition("/")[0]
        app = self._config().apps.get(condition.app)
        severity = condition.severity or _SEVERITIES.get(condition.tone, "info")
        return {
            "alertname": NAMES.get(f"{kind}/{key}") or NAMES.get(kind, f"Onprem{kind.title()}"),
            "severity": severity,
            "cluster": cluster,
            "app": condition.app,
            "namespace": app.namespace if app else "",
        }

    def route(self, labels: Mapping[str, str]) -> Route:
        """Where a condition belongs now; no channel means the ops channel."""
        settings = self._config().alerts
        return routing.route(settings, labels, self._clock()) if settings else Route("")
