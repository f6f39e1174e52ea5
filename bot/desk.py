"""The product's own state as commands see it: jobs, roles, rules, audit, locks, overrides.

A facade over `bot.store` and the permission check, so that commands know neither SQL nor
transactions. Every change here writes its audit row in the same transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.context import Asker, Scope, Target
from bot.errors import UsageError

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.config import Config
    from bot.permissions import Decision, Policy, Subject
    from bot.spec import Command
    from bot.store.audit import AuditRow
    from bot.store.db import Store
    from bot.store.overrides import Override, OverrideSet
    from bot.store.requests import Request
    from bot.store.roles import Grant, RoleRow, Rule
    from bot.store.steps import Step
    from bot.store.sticky_locks import StickyLock
    from bot.store.verify import Verification

    AnyCommand = Command[Any, Any]

EXPORT_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Powers:
    """What the desk asks of its neighbours; made by the composition root.

    Attributes:
        commands: Every command, in the order of help.
        config: The configuration in force.
        cancel: Asks a running job to stop; False when there is nothing to stop.
        probe: Asks every system that the configuration names: what, `works` or `fails`, in words.
    """

    commands: Sequence[AnyCommand]
    config: Callable[[], Config]
    cancel: Callable[[str, Asker], Awaitable[bool]]
    probe: Callable[[], Awaitable[Sequence[tuple[str, str, str]]]]


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody has: role → where it comes from; rule → what it allows."""

    roles: tuple[tuple[str, str], ...]
    rules: tuple[tuple[str, str], ...]


class Desk:
    """State for commands.

    Args:
        store: The state database.
        powers: The parts of the product above the store.
    """

    def __init__(self, store: Store, powers: Powers) -> None:
        from bot.permissions import PolicyCache

        self._store, self._powers = store, powers
        self._by_name = {n: c for c in powers.commands for n in (c.name, *c.aliases)}
        self._cache = PolicyCache(self._load_policy)

    @property
    def commands(self) -> tuple[AnyCommand, ...]:
        """Every command once."""
        return tuple(self._powers.commands)

    def command(self, name: str) -> AnyCommand | None:
        """A command by its name or alias."""
        return self._by_name.get(name)

    async def probe(self) -> Sequence[tuple[str, str, str]]:
        """Asks every system that the configuration names: what, `works` or `fails`, in words."""
        return await self._powers.probe()

    # Permissions

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
            return Policy.build(levels, roles.grants(db), roles.rules(db), admins)

        return self._store.read_now(work)

    # Jobs

    async def jobs(self, since: int | None, limit: int = 50) -> list[Request]:
        """The newest operations: those that have not ended, and those made since a moment."""
        from bot.store import requests

        def work(db: Database) -> list[Request]:
            rows = requests.find(db, limit=limit)
            open_ = requests.find(db, states=requests.PENDING, limit=limit)
            recent = [r for r in rows if since is None or r.created_at >= since]
            known = {r.id for r in recent}
            both = recent + [r for r in open_ if r.id not in known]
            return sorted(both, key=lambda r: (r.created_at, r.id), reverse=True)

        return await self._store.read(work)

    async def job(self, request_id: str) -> Request | None:
        """One operation."""
        from bot.store import requests

        return await self._store.read(lambda db: requests.get(db, request_id))

    async def steps(self, request_id: str) -> list[Step]:
        """The steps that an operation has begun."""
        from bot.store import steps

        return await self._store.read(lambda db: steps.listed(db, request_id))

    async def cancel(self, request_id: str, asker: Asker) -> bool:
        """Asks an operation to stop before its next step."""
        return await self._powers.cancel(request_id, asker)

    # Roles and rules

    async def roles(self) -> list[RoleRow]:
        """All roles, the built-in ones first."""
        from bot.store import roles

        return await self._store.read(roles.listed)

    async def grants(self) -> list[Grant]:
        """Who has which role."""
        from bot.store import roles

        return await self._store.read(roles.grants)

    async def rules(self) -> list[Rule]:
        """All rules by number."""
        from bot.store import roles

        return await self._store.read(roles.rules)

    async def create_role(
        self, by: Asker, name: str, description: str, commands: Iterable[str], request_id: str
    ) -> bool:
        """Makes a custom role with a rule for each command; False when the name is taken."""
        from bot.store import roles

        allowed = tuple(commands)

        def work(db: Database) -> bool:
            now = self._store.clock()
            actor, person = by.actor, by.person
            if not roles.create(
                db, name, description=description, actor=actor, person=person, now=now
            ):
                return False
            for command in allowed:
                rule = roles.Rule(
                    name, None, command, actor=actor, person=person, created_at=now
                )
                roles.add_rule(db, rule)
            body = {"name": name, "allow": list(allowed)}
            self._note(db, "role", by, "role create", body, request_id)
            return True

        return await self._store.write(work)

    async def grant(self, by: Asker, subject: str, role: str, request_id: str) -> bool:
        """Gives a role; False when the subject has it."""
        from bot.store import roles

        def work(db: Database) -> bool:
            now = self._store.clock()
            given = roles.grant(db, subject, role, actor=by.actor, person=by.person, now=now)
            if given:
                body = {"subject": subject, "role": role}
                self._note(db, "role", by, "role grant", body, request_id)
            return given

        return await self._store.write(work)

    async def revoke(self, by: Asker, subject: str, role: str, request_id: str) -> bool:
        """Takes a role away; False when the subject does not have it."""
        from bot.store import roles

        def work(db: Database) -> bool:
            taken = roles.revoke(db, subject, role)
            if taken:
                body = {"subject": subject, "role": role}
                self._note(db, "role", by, "role revoke", body, request_id)
            return taken

        return await self._store.write(work)

    async def add_rule(self, by: Asker, rule: Rule, request_id: str) -> Rule:
        """Stores a rule and returns it with its number."""
        from dataclasses import asdict, replace

        from bot.store import roles

        def work(db: Database) -> Rule:
            now = self._store.clock()
            made = replace(rule, actor=by.actor, person=by.person, created_at=now)
            kept = roles.add_rule(db, made)
            self._note(db, "rule", by, "rule add", asdict(kept), request_id)
            return kept

        return await self._store.write(work)

    async def remove_rule(self, by: Asker, rule_id: int, request_id: str) -> bool:
        """Deletes a rule; False when there is none of that number."""
        from bot.store import roles

        def work(db: Database) -> bool:
            gone = roles.remove_rule(db, rule_id)
            if gone:
                self._note(db, "rule", by, "rule remove", {"id": rule_id}, request_id)
            return gone

        return await self._store.write(work)

    # Audit

    async def audit_search(self, **filters: Any) -> list[AuditRow]:
        """The newest matching rows; the filters are those of `bot.store.audit.search`."""
        from bot.store import audit

        return await self._store.read(lambda db: audit.search(db, **filters))

    async def audit_verify(self) -> Verification:
        """Reads the whole log and names the first broken row."""
        from bot.store import verify

        key = self._store.audit.key
        return await self._store.read(lambda db: verify.verify(db, key))

    async def audit_rows_between(self, since: int | None, until: int | None) -> list[AuditRow]:
        """Rows in their order, from a moment up to another (microseconds UTC)."""
        from bot.store import audit

        def work(db: Database) -> list[AuditRow]:
            rows: list[AuditRow] = []
            after = 0
            while page := audit.page(db, after, EXPORT_PAGE):
                after = page[-1].seq
                rows += [
                    r for r in page if (since or 0) <= r.at and (until is None or r.at < until)
                ]
            return rows

        return await self._store.read(work)

    async def audit_export(self, fmt: str, since: int | None, until: int | None) -> tuple[str, int]:
        """Rows as CSV or JSON Lines, and how many they are."""
        from bot.store import export

        rows = await self.audit_rows_between(since, until)
        return "".join(export.export(rows, fmt)), len(rows)

    # Locks

    async def lock_on(self, target: Target) -> StickyLock | None:
        """A person's lock on exactly this place."""
        from bot.store import sticky_locks

        path, now = _path(target), self._store.clock()
        return await self._store.read(lambda db: sticky_locks.get(db, path, now))

    async def lock(
        self, by: Asker, target: Target, reason: str, expires_at: int | None, request_id: str
    ) -> StickyLock | None:
        """Puts a lock on a place; returns the one that is there already, if any."""
        from bot.store import sticky_locks

        def work(db: Database) -> StickyLock | None:
            now = self._store.clock()
            new = sticky_locks.StickyLock(
                _path(target), target.cluster, by.actor, by.person, reason, now, expires_at
            )
            there = sticky_locks.lock(db, new)
            if there is None:
                body = {"reason": reason, "expires_at": expires_at}
                self._note(db, "lock", by, "lock", body, request_id, target)
            return there

        return await self._store.write(work)

    async def unlock(self, by: Asker, target: Target, request_id: str) -> bool:
        """Takes a person's lock off exactly this place; False when there was none."""
        from bot.store import sticky_locks

        def work(db: Database) -> bool:
            gone = sticky_locks.unlock(db, _path(target))
            if gone:
                self._note(db, "lock", by, "unlock", {}, request_id, target)
            return gone

        return await self._store.write(work)

    # Overrides

    async def overrides(self, target: Target, revision: int | None = None) -> OverrideSet:
        """An app's overrides now, or as they held at a release revision."""
        from bot.store import overrides

        cluster, app = target.cluster, target.app
        return await self._store.read(lambda db: overrides.at_revision(db, cluster, app, revision))

    async def recorded_revisions(self, target: Target, numbers: Iterable[int]) -> set[int]:
        """Those of these revisions whose success is on record."""
        from bot.store import overrides

        cluster, app, asked = target.cluster, target.app, tuple(numbers)

        def work(db: Database) -> set[int]:
            return {n for n in asked if overrides.at_revision(db, cluster, app, n).revision == n}

        return await self._store.read(work)

    @staticmethod
    def is_request_id(word: str) -> bool:
        """Whether a word looks like the id of a request of ours."""
        from bot.store.requests import ALPHABET

        return len(word) == 14 and set(word) <= set(ALPHABET)

    async def save_overrides(
        self, target: Target, revision: int, items: Iterable[Override]
    ) -> None:
        """Records exactly these for a revision."""
        from bot.store import overrides

        kept = tuple(items)
        cluster, app = target.cluster, target.app
        await self._store.write(lambda db: overrides.save(db, cluster, app, revision, kept))

    async def put_overrides(self, target: Target, items: Iterable[Override]) -> None:
        """Adds or replaces single ones at the newest recorded revision."""
        from bot.store import overrides

        new = tuple(items)
        cluster, app = target.cluster, target.app

        def work(db: Database) -> None:
            newest = overrides.current(db, cluster, app).revision
            overrides.put(db, cluster, app, newest, *new)

        await self._store.write(work)

    async def carry_overrides(self, target: Target, source: int, revision: int) -> None:
        """Gives a new revision the overrides of an older one."""
        from bot.store import overrides

        cluster, app = target.cluster, target.app
        await self._store.write(lambda db: overrides.carry(db, cluster, app, source, revision))

    async def forget_overrides(self, target: Target) -> None:
        """Drops all overrides of an app."""
        from bot.store import overrides

        cluster, app = target.cluster, target.app
        await self._store.write(lambda db: overrides.forget(db, cluster, app))

    def _note(
        self,
        db: Database,
        kind: str,
        by: Asker,
        action: str,
        body: Mapping[str, Any],
        request_id: str,
        target: Target | None = None,
    ) -> None:
        from bot.store.audit import AuditEvent

        place = target or Target("")
        where = "/".join(part for part in (place.namespace, place.app) if part)
        self._store.audit.append(
            db,
            AuditEvent(kind, by.actor, by.person, action, place.cluster, where, request_id, body),
        )


def _subject(asker: Asker) -> Subject:
    from bot.permissions import Subject

    return Subject(asker.actor, asker.person, asker.groups, asker.guest, asker.external)


def _path(target: Target) -> str:
    from bot.locks import LockPath

    return LockPath.of(target.cluster, target.namespace, target.app).text
