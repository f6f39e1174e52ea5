"""Where alerts go, who is called, and when not: the part of `alerts:` that routes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from bot.config.base import Model
from bot.config.values import Channel, Mention, Seconds, TimeOfDay, Timezone

Values = str | Annotated[tuple[str, ...], Field(min_length=1)]
Match = dict[str, Values]
Mentions = dict[str, tuple[Mention, ...]]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class RouteConfig(Model):
    """Alerts with certain labels go to a channel of their own.

    Attributes:
        match: Label → its value, or several of which one must fit; `*` stands for anything. A
            label that is missing is empty. `cluster` is the bot's name for the cluster.
        channel: Where they go; as without this route when it is missing.
        mentions: Severity → who is called; as without this route when it is missing.
    """

    match: Annotated[Match, Field(min_length=1)]
    channel: Channel | None = None
    mentions: Mentions | None = None


class QuietConfig(Model):
    """Hours in which alerts are posted, but nobody is called.

    Attributes:
        start: `22:00`; an end at or before the start is on the next day.
        end: `07:00`, or `24:00`.
        days: The days on which the hours begin; every day when empty.
        timezone: Whose clock; an IANA name.
        critical: Critical alerts call nobody either.
    """

    start: TimeOfDay
    end: TimeOfDay
    days: tuple[Day, ...] = ()
    timezone: Timezone = "UTC"
    critical: bool = False


class MaintenanceConfig(Model):
    """A time in which alerts with certain labels are expected: they are listed, not posted.

    Attributes:
        match: As in a route; everything when empty.
    """

    start: AwareDatetime
    end: AwareDatetime
    reason: str
    match: Match = {}

    @model_validator(mode="after")
    def _in_order(self) -> MaintenanceConfig:
        if self.end <= self.start:
            raise ValueError("a maintenance must end after it starts")
        return self


class EscalationConfig(Model):
    """Whom to call when nobody has taken an alert.

    Attributes:
        after: Seconds that it may stand without an owner.
        mentions: Who is called then.
        severities: Alerts that are escalated.
    """

    after: Seconds
    mentions: Annotated[tuple[Mention, ...], Field(min_length=1)]
    severities: tuple[str, ...] = ("critical",)


class RoutingConfig(Model):
    """Where alerts go.

    Attributes:
        channel: Where an alert goes that no route takes elsewhere; the ops channel when missing.
        routes: The first one that fits counts.
        mentions: Severity → who is called when an alert opens.
        quiet_hours: When nobody is called.
        maintenance: What is not posted, and when.
        escalate: What happens when nobody takes an alert; nothing when missing.
    """

    channel: Channel | None = None
    routes: tuple[RouteConfig, ...] = ()
    mentions: Mentions = {}
    quiet_hours: tuple[QuietConfig, ...] = ()
    maintenance: tuple[MaintenanceConfig, ...] = ()
    escalate: EscalationConfig | None = None
