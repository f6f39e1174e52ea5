"""What can go wrong with Alertmanager.

AlertmanagerError
├── AlertmanagerUnreachable   no usable answer: network, credentials, a proxy, its own health
├── AlertmanagerRefused       it does not take what was asked
└── SilenceNotFound           there is none of that id
"""

from __future__ import annotations

from integrations.errors import IntegrationError


class AlertmanagerError(IntegrationError):
    """Base of Alertmanager's errors."""


class AlertmanagerUnreachable(AlertmanagerError):
    """It gave no usable answer."""


class AlertmanagerRefused(AlertmanagerError):
    """It does not take what was asked."""


class SilenceNotFound(AlertmanagerError):
    """There is no such silence, or it has been forgotten since it expired."""
