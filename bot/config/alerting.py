"""How alerts are taken in and told: the `alerts:` section, but for where they go."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from bot.config.base import Model
from bot.config.mail import EmailConfig
from bot.config.routing import RoutingConfig
from bot.config.values import File, Listen, Seconds


class WatchdogConfig(Model):
    """The alert that always fires, and whose silence means that nobody watches any more.

    Attributes:
        alertname: How it is called; it gets no thread of its own.
        after: Seconds without it after which the silence is told, from the first start on.
    """

    alertname: str = "Watchdog"
    after: Seconds = 900


class StormConfig(Model):
    """When a channel gets one summary in place of many threads.

    Attributes:
        threads: How many new threads a channel takes within `per` seconds; what comes above that
            is summed up.
    """

    threads: Annotated[int, Field(ge=1, le=60)] = 10
    per: Seconds = 60


class AlertsConfig(RoutingConfig):
    """Where Alertmanager's webhooks are taken, and how alerts are told.

    Attributes:
        listen: Where; Alertmanager posts to `/alerts/CLUSTER`.
        token: What Alertmanager must show as its bearer token.
        quiet: Seconds that a group of alerts must be over before it gets another thread.
        lost_after: Seconds that Alertmanager may not know an alert before it counts as lost
            sight of; longer than its `group_interval`, within which it tells of an end.
        email: The second way out, while Slack is away; none when missing.
    """

    listen: Listen = "127.0.0.1:9095"
    token: SecretStr | None = None
    token_file: File | None = None
    quiet: Seconds = 900
    lost_after: Seconds = 900
    watchdog: WatchdogConfig = WatchdogConfig()
    storm: StormConfig = StormConfig()
    email: EmailConfig | None = None
