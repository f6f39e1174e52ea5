"""What a command's functions are handed, and what its plan hands back.

Three stages see three things. `target` sees a `Scope`: configuration and asker, no network, because
it runs before Slack's acknowledgement. `plan` and reads see a `Ctx`: the clusters and the state.
The run of a change sees an `Op` besides: durable steps.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from bot.config import ClusterConfig, Config
    from bot.desk import Desk
    from bot.render.document import Document
    from bot.render.plot import Artist
    from integrations.alertmanager import Alertmanager
    from integrations.helm.client import Helm
    from integrations.kubernetes.client import KubeClient
    from integrations.prometheus import Prometheus


@dataclass(frozen=True, slots=True)
class Target:
    """What a command touches: the scope of its permission and of its lock."""

    cluster: str
    namespace: str = ""
    app: str = ""

    @property
    def path(self) -> str:
        """`cluster[/namespace[/app]]`."""
        return "/".join(part for part in (self.cluster, self.namespace, self.app) if part)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks.

    Attributes:
        actor: `slack:TEAM/USER`, `os:HOST/NAME` or `system:NAME`.
        person: The person behind the actor, by the configuration; the actor when it maps none.
        name: How to call them.
        groups: Their user groups, as `slack-group:TEAM/ID`.
        guest: A guest of the workspace.
        external: Of another workspace (Slack Connect).
        timezone: IANA name, for times in answers.
    """

    actor: str
    person: str
    name: str
    groups: tuple[str, ...] = ()
    guest: bool = False
    external: bool = False
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Scope:
    """All that is known without any network: for `target`, which must be pure."""

    config: Config
    cluster: str
    asker: Asker
    channel: str = ""


class Weight(enum.IntEnum):
    """How much a change asks of the person before it runs."""

    RUN = 0
    CONFIRM = 1
    TYPE = 2


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that will differ: `replicas`, `3`, `2`."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is → what will be.

    Attributes:
        summary: One line: `Scale parse-mongodb from 3 to 2`.
        changes: Before and after, for people.
        warnings: Sentences that a person should read first.
        facts: JSON values that fix the intended effect (target uid, before → after, digests). With
            the command and its parameters they are the fingerprint, and the run gets them as
            `op.facts`, after a crash too. Never status, resourceVersion or rendered text.
        weight: What the plan itself asks for; the policy may ask for more, never for less.
        typed: What to type when the weight is TYPE.
        details: More to show, such as a diff.
        nothing: There is nothing to do; the run is skipped and the summary says so.
    """

    summary: str
    facts: Mapping[str, Any]
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    weight: Weight = Weight.RUN
    typed: str = ""
    details: Document | None = None
    nothing: bool = False

    def fingerprint(self, command: str, params: Mapping[str, Any]) -> str:
        """The hash that binds a confirmation to exactly this change."""
        body = json.dumps([command, params, self.facts], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(body.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster and the clients that reach it; None for a system that is not configured."""

    name: str
    config: ClusterConfig
    kube: KubeClient
    helm: Helm
    prometheus: Prometheus | None = None
    alertmanager: Alertmanager | None = None


@dataclass(frozen=True, slots=True)
class Ctx:
    """What `plan`, reads and runs may use.

    Attributes:
        scope: Configuration, asker, channel.
        target: What the command touches.
        clusters: Opens a cluster by name; raises `UsageError` for an unknown one.
        desk: The product's own state: jobs, roles, rules, audit, locks, overrides.
        clock: Microseconds UTC.
        artist: Draws pictures.
    """

    scope: Scope
    target: Target
    clusters: Callable[[str], Cluster]
    desk: Desk
    clock: Callable[[], int]
    artist: Artist
    request_id: str = ""

    @property
    def config(self) -> Config:
        """The configuration this request was admitted under."""
        return self.scope.config

    @property
    def asker(self) -> Asker:
        """Who asks."""
        return self.scope.asker

    @property
    def cluster(self) -> Cluster:
        """The target's cluster."""
        return self.clusters(self.target.cluster)


Look = Callable[[], Awaitable[Any]]


class Op(Protocol):
    """A running change: named steps that survive `kill -9`."""

    @property
    def id(self) -> str:
        """The request's id; goes into helm's description and environment."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """The plan's facts, as they were confirmed."""

    async def step(
        self,
        name: str,
        do: Look,
        *,
        done: Look,
        interruptible: bool = False,
        always: bool = False,
    ) -> Any:
        """Runs one step and returns its JSON result, the same one after a restart.

        Args:
            name: For people and for the record; unique within the operation.
            do: Acts, and returns a JSON value. A mapping whose `ok` is false is shown as failed,
                and the operation goes on with it.
            done: Looks whether the world already shows the result: its JSON value, or None for
                "not yet". Asked first whenever the step may have been begun before.
            interruptible: Only waits (a roll-out, say), so `cancel` may end it in the middle. A
                step that has called `helm_started` is ended as well, helm first.
            always: Clears up, and so begins although a person asked to stop.

        Raises:
            Cancelled: A person asked to stop, and this step has not begun.
        """

    async def say(self, detail: str) -> None:
        """Shows a passing detail under the running step. Not durable."""

    async def helm_started(self, pid: int, start_time: int) -> None:
        """Stores a child process, so that cancel and a restart can find it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished change reports: data for machines, a document for people."""

    data: Any
    document: Document
    facts: Mapping[str, Any] = field(default_factory=dict)
