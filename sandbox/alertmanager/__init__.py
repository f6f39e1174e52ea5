"""A practice Alertmanager: groups, waits, repeats, silences and webhooks as the real one's."""

from sandbox.alertmanager.server import PracticeAlertmanager
from sandbox.alertmanager.timing import HEARTBEAT, Receiver, Route

__all__ = ["HEARTBEAT", "PracticeAlertmanager", "Receiver", "Route"]
