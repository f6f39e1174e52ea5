"""Alertmanager's API v2: alerts, silences, status. It knows no threads and no people."""

from integrations.alertmanager.client import Alertmanager
from integrations.alertmanager.errors import (
    AlertmanagerError,
    AlertmanagerRefused,
    AlertmanagerUnreachable,
    SilenceNotFound,
)
from integrations.alertmanager.models import (
    Alert,
    AlertGroup,
    AlertState,
    Matcher,
    Silence,
    SilenceState,
    Status,
    stamp,
)

__all__ = [
    "Alert",
    "AlertGroup",
    "AlertState",
    "Alertmanager",
    "AlertmanagerError",
    "AlertmanagerRefused",
    "AlertmanagerUnreachable",
    "Matcher",
    "Silence",
    "SilenceNotFound",
    "SilenceState",
    "Status",
    "stamp",
]
