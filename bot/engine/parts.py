"""What the engine is made of, handed over once by the composition root."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.context import Asker, Cluster, Ctx, Plan, Scope, Target
from bot.engine.offers import Offers
from bot.engine.ports import Notice, Observer, Replier
from bot.errors import OnpremError
from bot.spec import Command
from bot.store.audit import AuditEvent, Kind

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.config import Config
    from bot.desk import Desk
    from bot.permissions import Decision
    from bot.render.plot import Artist
    from bot.store.audit import AuditLog
    from bot.store.db import Store
    from bot.store.requests import Request
    from bot.tasks import Tasks

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Parts:
    """Collaborators of the engine.

    Attributes:
        config: The configuration in force; it may be reloaded.
        decide: Authorizes `(asker, command, params, target, channel)`.
        translate: Turns any exception into one told to a person; logs what it cannot name.
        redact: Removes secrets from text that will be kept.
        repliers: By the origin's `kind`.
        artist: Draws what commands show as a picture.
        offers: What the buttons below answers to reads mean.
        ended: Set when an operation has ended, for one who looks at what ran; cleared by that one.
    """

    store: Store
    audit: AuditLog
    commands: Sequence[Command[Any, Any]]
    config: Callable[[], Config]
    clusters: Callable[[str], Cluster]
    desk: Desk
    decide: Callable[[Asker, Command[Any, Any], Any, Target, str], Decision]
    translate: Callable[[Exception], OnpremError]
    redact: Callable[[str], str]
    repliers: Mapping[str, Replier]
    observer: Observer
    clock: Callable[[], int]
    tasks: Tasks
    artist: Artist
    offers: Offers = field(default_factory=Offers)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def scope(self, asker: Asker, origin: Mapping[str, Any]) -> Scope:
        """What is known without any network about a request from this place."""
        config = self.config()
        channel = str(origin.get("channel", ""))
        place = config.slack.channels.get(channel) if config.slack else None
        cluster = (place.cluster if place else None) or config.default_cluster
        return Scope(config, cluster, asker, channel)

    def ctx(
        self,
        command: Command[Any, Any],
        params: Any,
        asker: Asker,
        origin: Mapping[str, Any],
        request_id: str = "",
    ) -> Ctx:
        """The context of a plan, a read or a run."""
        scope = self.scope(asker, origin)
        target = command.target(scope, params)
        where = (scope, target, self.clusters, self.desk, self.clock)
        return Ctx(*where, self.artist, request_id)

    def replier(self, request: Request) -> Replier:
        """The surface that a request came from."""
        return self.repliers[str(request.origin["kind"])]

    def note(self, db: Database, event: AuditEvent) -> None:
        """Appends to the audit log, in the caller's transaction."""
        self.audit.append(db, event)

    def publish(self, db: Database, request: Request, notice: Notice) -> None:
        """Stores one state of a message, in the caller's transaction."""
        self.replier(request).store(db, request, notice)

    def rebuild(self, request: Request) -> tuple[Command[Any, Any], Any] | None:
        """The command and parameters of a stored request; None if this version lacks them."""
        command = next((c for c in self.commands if c.name == request.command), None)
        if command is None:
            return None
        try:
            values = {k: tuple(v) if isinstance(v, list) else v for k, v in request.params.items()}
            return command, command.params_type(**values)
        except TypeError:
            return None


def asker_of(request: Request) -> Asker:
    """Who asked, as stored with the request."""
    body = dict(request.origin["asker"])
    return Asker(**{**body, "groups": tuple(body.get("groups", ()))})


def place_of(what: Request | Target) -> str:
    """The audit log's target: `namespace/app`, as far as there are any."""
    return "/".join(part for part in (what.namespace, what.app) if part)


def event_of(
    kind: Kind, request: Request, who: Asker, body: Mapping[str, Any] = _NOTHING
) -> AuditEvent:
    """A row of the audit log about a request."""
    place, act = place_of(request), request.command
    return AuditEvent(kind, who.actor, who.person, act, request.cluster, place, request.id, body)


def origin_of(asker: Asker, origin: Mapping[str, Any], **given: Any) -> dict[str, Any]:
    """The stored form: where to answer, who asked, what was given with the words."""
    return {**origin, "asker": dataclasses.asdict(asker), "given": given}


def plan_json(plan: Plan) -> dict[str, Any]:
    """What is kept of a plan."""
    return {
        "summary": plan.summary,
        "facts": dict(plan.facts),
        "changes": [[c.what, c.before, c.after] for c in plan.changes],
        "warnings": list(plan.warnings),
        "typed": plan.typed,
    }
