"""Where notifications go, and when."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Route:
    """How alerts are grouped and how long is waited; usually as in `deploy/alertmanager.yaml`.

    Attributes:
        group_by: Labels that alerts of one group share.
        group_wait: Seconds from a group's first alert to its first notification.
        group_interval: Seconds between two looks at a group.
        repeat_interval: Seconds after which a group that has not changed is told again.
        backoff: Seconds before the second try of a notification; each is 1.5 times as long.
        backoff_limit: The longest such wait.
        maintenance: Seconds that an empty group remains.
    """

    group_by: tuple[str, ...] = ("alertname", "namespace")
    group_wait: float = 30.0
    group_interval: float = 300.0
    repeat_interval: float = 4 * 3600.0
    backoff: float = 0.5
    backoff_limit: float = 60.0
    maintenance: float = 30.0

    def scaled(self, factor: float) -> Route:
        """The same with all times multiplied."""
        times = {
            field.name: getattr(self, field.name) * factor
            for field in fields(self)
            if field.name != "group_by"
        }
        return Route(self.group_by, **times)


HEARTBEAT = Route(("alertname",), group_wait=0.0, group_interval=60.0, repeat_interval=60.0)
"""The route of the Watchdog."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A webhook.

    Attributes:
        url: Where it is posted to; nobody is told when empty.
        token: Sent as bearer token; none when empty.
        name: Of the receiver.
        max_alerts: More than so many are left out of a notification; 0 for no limit.
    """

    url: str = ""
    token: str = ""
    name: str = "onprem"
    max_alerts: int = 0
