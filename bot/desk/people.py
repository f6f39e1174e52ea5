"""Roles, grants and rules: reading and changing them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bot.context import Asker, Scope
from bot.desk.base import DeskBase
from bot.errors import UsageError

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.store.roles import Grant, RoleRow, Rule

_MENTION = re.compile(r"<(@|!subteam\^)([A-Z0-9]+)(\|[^>]*)?>")


def subject_of(scope: Scope, word: str) -> str:
    """Turns a mention, an actor or a person's name into a subject of grants and rules.

    Raises:
        UsageError: If the word is nobody.
    """
    if match := _MENTION.fullmatch(word):
        kind, ident = match[1], match[2]
        origin, _, rest = scope.asker.actor.partition(":")
        team = rest.partition("/")[0]
        if origin == "slack" and team:
            return f"{'slack' if kind == '@' else 'slack-group'}:{team}/{ident}"
    if word in scope.config.persons:
        return f"person:{word}"
    if re.fullmatch(r"(slack|slack-group|os):[^/\s]+/[^/\s]+|person:\S+", word):
        return word
    raise UsageError(
        f"{word} is nobody that I know",
        hint="Mention somebody or a user group, or write slack:TEAM/USER, slack-group:TEAM/ID, "
        "os:HOST/NAME, or a name from `persons` in the configuration",
    )


class PeopleDesk(DeskBase):
    """Who has which role, and what the rules say."""

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
                rule = roles.Rule(name, None, command, actor=actor, person=person, created_at=now)
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
