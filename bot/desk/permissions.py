"""Who may do what, asked by surfaces and commands alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.context import Asker, Scope, Target
from bot.desk.base import DeskBase, Powers
from bot.errors import UsageError

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.desk.base import AnyCommand
    from bot.permissions import Decision, Policy, Subject
    from bot.store.db import Store
    from bot.store.requests import Request
    from bot.store.roles import Rule

OWN_ACTOR, OWN_COMMAND = "system:onprem", "restore drill"
"""What the bot may do in its own name: drills that the configuration schedules."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody has: role → where it comes from; rule → what it allows."""

    roles: tuple[tuple[str, str], ...]
    rules: tuple[tuple[str, str], ...]


class PermissionDesk(DeskBase):
    """The permission check over the stored roles and rules."""

    def __init__(self, store: Store, powers: Powers) -> None:
        from bot.permissions import PolicyCache

        super().__init__(store, powers)
        self._cache = PolicyCache(self._load_policy)

    def decide(
        self, asker: Asker, command: AnyCommand, params: Any, target: Target, channel: str
    ) -> Decision:
        """Whether somebody may run this now; the same answer for every surface."""
        from bot.permissions import Ask, decide

        given = {p.name: getattr(params, p.name) for p in command.params}
        place = (target.cluster, target.namespace, target.app)
        return decide(self.policy, _subject(asker), Ask(command.name, *place, channel, given))

    def may(self, asker: Asker, channel: str = "") -> tuple[AnyCommand, ...]:
        """The commands that somebody may run on some target with some arguments."""
        from bot.permissions import visible

        names = visible(self.policy, _subject(asker), channel=channel)
        return tuple(c for c in self.commands if c.name in names)

    def explain(
        self, scope: Scope, words: str | Sequence[str]
    ) -> tuple[AnyCommand, Target, Decision]:
        """Decides about a command, as it would be typed, without running it.

        Raises:
            UsageError: If the words do not form a command.
        """
        from bot.grammar import parse

        parsed = parse(words, self.commands, prefix=f"{scope.config.command} ")
        if parsed.params is None:
            raise UsageError(f"`{parsed.command.name}` alone is no whole command")
        target = parsed.command.target(scope, parsed.params)
        decision = self.decide(scope.asker, parsed.command, parsed.params, target, scope.channel)
        return parsed.command, target, decision

    def decide_stored(self, scope: Scope, request: Request) -> Decision | None:
        """Whether somebody may do what a stored request does; None for an unknown command."""
        command = self.command(request.command)
        if command is None:
            return None
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in request.params.items()}
        target = Target(request.cluster, request.namespace, request.app)
        params = command.params_type(**values)
        return self.decide(scope.asker, command, params, target, scope.channel)

    def standing(self, asker: Asker) -> Standing:
        """The roles and rules that somebody has, and where the roles come from."""
        from bot.permissions import describe

        subject, policy = _subject(asker), self.policy
        roles = policy.roles_of(subject)
        insider = not (subject.guest or subject.external)
        names = subject.names if insider else (subject.actor,)
        rules = tuple(
            (str(rule.id), describe(rule))
            for rule, _ in policy.rules
            if rule.role in roles or rule.subject in names
        )
        return Standing(tuple(roles.items()), rules)

    def check_rule(self, rule: Rule) -> str:
        """A sentence when the rule adds nothing to a built-in role, else an empty one.

        Raises:
            UsageError: If it matches no command, or its condition does not fit those it matches.
        """
        from bot.permissions import check_rule

        params = {c.name: {p.name: p.type for p in c.params} for c in self.commands}
        return check_rule(rule, params, {c.name: c.role for c in self.commands})

    def check_allowed(self, role: str, command: str) -> None:
        """Checks a command, or a pattern of commands, that a new role is to allow.

        Raises:
            UsageError: If it matches no command.
        """
        from bot.store.roles import Rule

        self.check_rule(Rule(role, None, command))

    def describe_rule(self, rule: Rule) -> str:
        """A rule in words."""
        from bot.permissions import describe

        return describe(rule)

    @property
    def policy(self) -> Policy:
        """Roles, grants and rules in force."""
        from bot.store import roles

        version = self._store.read_now(roles.version)
        return self._cache.get(hash((version, self._powers.config().version)))

    def _load_policy(self) -> Policy:
        from bot.permissions import Policy
        from bot.store import roles

        def work(db: Database) -> Policy:
            levels = {c.name: c.role for c in self.commands}
            admins = self._powers.config().admins
            own = roles.Rule(None, OWN_ACTOR, OWN_COMMAND)
            return Policy.build(levels, roles.grants(db), (*roles.rules(db), own), admins)

        return self._store.read_now(work)


def _subject(asker: Asker) -> Subject:
    from bot.permissions import Subject

    return Subject(asker.actor, asker.person, asker.groups, asker.guest, asker.external)
