"""Who may do what. Pure: data in, a decision with its reason out.

Nothing is allowed unless a role or a rule allows it; rules only ever allow, so their order means
nothing. A built-in role allows every command whose declaration asks for it or for less; a custom
role allows what its rules say. Guests and people of other workspaces get nothing from roles: only a
rule whose subject is their own actor lets them in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from bot import conditions
from bot.errors import UsageError
from bot.spec import Role
from bot.store.roles import Grant, Rule

LEVELS = {"viewer": Role.VIEWER, "operator": Role.OPERATOR, "admin": Role.ADMIN}


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks.

    Attributes:
        actor: `slack:TEAM/USER`, `os:HOST/NAME` or `system:NAME`.
        person: The name behind the actor, by the configuration; the actor when it maps none.
        groups: `slack-group:TEAM/ID` of each user group.
        guest: A guest of the workspace.
        external: Of another workspace.
    """

    actor: str
    person: str = ""
    groups: tuple[str, ...] = ()
    guest: bool = False
    external: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Every form in which a grant or a rule may name them."""
        return (self.actor, *((f"person:{self.person}",) if self.person else ()), *self.groups)


@dataclass(frozen=True, slots=True)
class Ask:
    """What they want to do, and from where."""

    command: str
    cluster: str = ""
    namespace: str = ""
    app: str = ""
    channel: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict.

    Attributes:
        allowed: Whether it may be done.
        reason: A sentence that names the role or rule that allows it, or why none does.
        rule: Number of the rule that allows it, else None.
        would_allow: What would allow it: roles to be given, rules whose limits were missed.
    """

    allowed: bool
    reason: str
    rule: int | None = None
    would_allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything a decision rests on. Made by `build`."""

    commands: Mapping[str, Role]
    grants: Mapping[str, frozenset[str]]
    rules: tuple[tuple[Rule, conditions.Condition], ...]
    first_admins: frozenset[str]

    @classmethod
    def build(
        cls,
        commands: Mapping[str, Role],
        grants: Iterable[Grant] = (),
        rules: Iterable[Rule] = (),
        first_admins: Iterable[str] = (),
    ) -> Policy:
        """Puts a policy together.

        Args:
            commands: Name → least built-in role, from the declarations.
            grants: Who has which role.
            rules: As stored; their conditions were checked when they were added.
            first_admins: Subjects that the configuration makes admins.
        """
        by_subject: dict[str, set[str]] = {}
        for grant in grants:
            by_subject.setdefault(grant.subject, set()).add(grant.role)
        return cls(
            commands=dict(commands),
            grants={subject: frozenset(roles) for subject, roles in by_subject.items()},
            rules=tuple((rule, conditions.parse(rule.condition)) for rule in rules),
            first_admins=frozenset(first_admins),
        )

    def roles_of(self, subject: Subject) -> dict[str, str]:
        """Role → what it comes from, such as a group or `the configuration`."""
        found: dict[str, str] = {}
        for name in subject.names:
            if name in self.first_admins and not _outsider(subject, name):
                found.setdefault("admin", "the configuration")
            for role in sorted(self.grants.get(name, ())):
                if not (subject.guest or subject.external):
                    found.setdefault(role, name)
        return found


def decide(policy: Policy, subject: Subject, ask: Ask) -> Decision:
    """Whether this subject may do this now, and why."""
    least = policy.commands.get(ask.command)
    if least is None:
        return Decision(False, f"There is no command `{ask.command}`.")
    if least is Role.ANYONE and not (subject.guest or subject.external):
        return Decision(True, f"Everybody may run `{ask.command}`.")
    roles = policy.roles_of(subject)
    for name in sorted(roles, key=lambda name: -LEVELS.get(name, Role.ANYONE)):
        if name in LEVELS and LEVELS[name] >= least:
            return Decision(True, f"Role {name} (from {roles[name]}) may run `{ask.command}`.")
    for rule, condition in policy.rules:
        if _is_for(rule, subject, roles) and _covers(rule, ask) and condition.holds(ask.params):
            return Decision(True, f"Rule {rule.id} allows it: {describe(rule)}.", rule.id)
    return _denied(policy, subject, ask, least, roles)


def visible(
    policy: Policy, subject: Subject, names: Iterable[str] | None = None, *, channel: str = ""
) -> list[str]:
    """The commands that the subject may run on some target with some arguments, for help.

    Args:
        policy: The policy.
        subject: Who looks.
        names: Which commands to look at, in this order; all when None.
        channel: Where they look; rules for other channels do not count.
    """
    roles = policy.roles_of(subject)
    globs = [
        rule.command
        for rule, _ in policy.rules
        if _is_for(rule, subject, roles) and fnmatchcase(channel, rule.channel)
    ]
    levels = [LEVELS[name] for name in roles if name in LEVELS]
    insider = not (subject.guest or subject.external)
    mine = max(levels, default=Role.ANYONE)
    return [
        name
        for name in (policy.commands if names is None else names)
        if ((insider or levels) and policy.commands[name] <= mine)
        or any(fnmatchcase(name, glob) for glob in globs)
    ]


def check_rule(
    rule: Rule, params: Mapping[str, Mapping[str, type]], commands: Mapping[str, Role]
) -> str:
    """Checks a rule before it is added.

    Args:
        rule: The new rule.
        params: Command → its arguments' names and types.
        commands: Command → least built-in role.

    Returns:
        A sentence when the rule adds nothing to a built-in role, else an empty one.

    Raises:
        UsageError: If it matches no command, or its condition does not fit every one it matches.
    """
    names = [name for name in commands if fnmatchcase(name, rule.command)]
    if not names:
        raise UsageError(
            "The rule cannot be added",
            why=f"no command is named {rule.command!r}",
            hint="Name a command as `help` shows it; * stands for anything",
        )
    for name in names:
        conditions.parse(rule.condition, params[name])
    level = LEVELS.get(rule.role or "")
    if level is not None and all(commands[name] <= level for name in names):
        return f"Role {rule.role} may do that already, without limits; rules only ever add."
    return ""


def describe(rule: Rule) -> str:
    """A rule in words: `role deployer may run scale in cluster lab when replicas <= 10`."""
    who = f"role {rule.role}" if rule.role is not None else rule.subject
    scope = [
        f" in {word} {value}"
        for word, value in (
            ("cluster", rule.cluster),
            ("namespace", rule.namespace),
            ("app", rule.app),
            ("channel", rule.channel),
        )
        if value != "*"
    ]
    when = f" when {rule.condition}" if rule.condition else ""
    return f"{who} may run {rule.command}{''.join(scope)}{when}"


class PolicyCache:
    """Keeps the policy until roles, grants or rules change.

    Args:
        load: Reads grants and rules and builds the policy.
    """

    def __init__(self, load: Callable[[], Policy]) -> None:
        self._load = load
        self._version: int | None = None
        self._policy: Policy | None = None

    def get(self, version: int) -> Policy:
        """The policy of that version (`bot.store.roles.version`)."""
        if self._policy is None or version != self._version:
            self._policy, self._version = self._load(), version
        return self._policy


def _outsider(subject: Subject, name: str) -> bool:
    """A guest counts as a first admin only under their own actor, not through a group."""
    return (subject.guest or subject.external) and name != subject.actor


def _is_for(rule: Rule, subject: Subject, roles: Mapping[str, str]) -> bool:
    if rule.role is not None:
        return rule.role in roles
    if subject.guest or subject.external:
        return rule.subject == subject.actor
    return rule.subject in subject.names


def _covers(rule: Rule, ask: Ask) -> bool:
    return all(
        fnmatchcase(value, glob)
        for value, glob in (
            (ask.command, rule.command),
            (ask.cluster, rule.cluster),
            (ask.namespace, rule.namespace),
            (ask.app, rule.app),
            (ask.channel, rule.channel),
        )
    )


def _denied(
    policy: Policy, subject: Subject, ask: Ask, least: Role, roles: Mapping[str, str]
) -> Decision:
    matching = [pair for pair in policy.rules if fnmatchcase(ask.command, pair[0].command)]
    would = [
        f"rule {rule.id} within its limits ({describe(rule)})"
        for rule, _ in matching
        if _is_for(rule, subject, roles)
    ]
    if subject.guest or subject.external:
        kind = "a guest" if subject.guest else "of another workspace"
        why = f"You are {kind}, and no rule for you alone covers `{ask.command}`"
        would.append(f"a rule for {subject.actor}")
    else:
        have = f"you have {_words(sorted(roles))}" if roles else "you have none"
        why = f"`{ask.command}` needs role {least.name.lower()}, and {have}"
        would.append(f"role {least.name.lower()}")
        would += sorted(
            f"role {rule.role}"
            for rule, condition in matching
            if rule.role not in (None, *roles, least.name.lower())
            and _covers(rule, ask)
            and condition.holds(ask.params)
        )
    would = list(dict.fromkeys(would))
    other = f"It would be allowed by {_words(would, 'or')}."
    if would == [f"role {least.name.lower()}"]:
        other = "Ask an admin for that role."
    return Decision(False, f"{why}. {other}", None, tuple(would))


def _words(items: Sequence[str], last: str = "and") -> str:
    return f" {last} ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))
