"""From an alert's id as it is typed to what it means, for every command about alerts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from bot.errors import Refused
from bot.releases.targets import WorkloadRef, check_cluster, owner_target
from bot.releases.words import stamp

if TYPE_CHECKING:
    from bot.context import Ctx, Scope, Target
    from bot.store.alerts import Episode
    from integrations.alertmanager import Alertmanager


class _Placed(Protocol):
    @property
    def cluster(self) -> str: ...
    @property
    def namespace(self) -> str: ...


def check_id(value: Any) -> str | None:
    """Accepts what may be an alert's or a silence's id."""
    if not value or re.fullmatch(r"[0-9A-Za-z-]{1,40}", str(value)):
        return None
    return "an alert's id is a few letters and digits; `alerts` lists them"


def check_severity(value: Any) -> str | None:
    """Accepts what may be the value of the label `severity`."""
    if not value or re.fullmatch(r"[0-9A-Za-z_-]{1,40}", str(value)):
        return None
    return "write a severity as alerts have it: critical, warning, info"


def alert_target(scope: Scope, p: _Placed) -> Target:
    """`target=` of commands about alerts: the app that owns the namespace, or what was named.

    Only the flags count: which alert an id means is in the state, and a target is found without.
    """
    cluster = check_cluster(scope.config, p.cluster or scope.cluster)
    return owner_target(WorkloadRef("", cluster, p.namespace), scope.config)


async def episode_of(ctx: Ctx, name: str) -> Episode:
    """The episode of an id, where the command says it is.

    Raises:
        Refused: There is none, or it is elsewhere: then other rights would count.
    """
    episode = await ctx.desk.episode(name)
    if episode is None:
        raise Refused(f"There is no alert {name}", hint="`alerts` lists what stands")
    if episode.cluster != ctx.target.cluster:
        raise Refused(
            f"Alert {episode.id} is on cluster {episode.cluster}, not on {ctx.target.cluster}",
            hint=f"Add `--cluster {episode.cluster}`",
        )
    if ctx.target.namespace and episode.shared.get("namespace") != ctx.target.namespace:
        raise Refused(
            f"Alert {episode.id} is not about the namespace {ctx.target.namespace}",
            hint="Leave `--namespace` out",
        )
    return episode


async def open_episode(ctx: Ctx, name: str) -> Episode:
    """The same for one that still fires.

    Raises:
        Refused: As above, or it is over.
    """
    episode = await episode_of(ctx, name)
    if episode.closed_at is not None:
        raise Refused(
            f"Alert {episode.id} is over",
            why=f"nothing of it has fired since {stamp(episode.closed_at)}",
            hint="`alerts` lists what stands",
        )
    return episode


def server_of(ctx: Ctx) -> Alertmanager:
    """The Alertmanager of the target's cluster.

    Raises:
        Refused: None is configured.
    """
    cluster = ctx.cluster
    if cluster.alertmanager is None:
        raise Refused(
            f"No Alertmanager is configured for {cluster.name}",
            hint=f"Set `clusters.{cluster.name}.alertmanager` in the configuration",
        )
    return cluster.alertmanager
