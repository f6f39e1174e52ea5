"""Roles, grants and rules: who may do what, as data. What they mean is in `bot.permissions`.

Subjects are text: `slack:TEAM/USER`, `slack-group:TEAM/ID`, `os:HOST/NAME`, `person:NAME`.
Every change raises `version`, so that a cached policy knows when it is old.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from bot.errors import UsageError
from bot.store.rows import changed, every, first

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
SUBJECT = re.compile(
    r"slack:[^/\s]+/[^/\s]+|slack-group:[^/\s]+/[^/\s]+|os:[^/\s]+/[^/\s]+|person:\S+"
)


@dataclass(frozen=True, slots=True)
class RoleRow:
    """A role; `level` is 1, 2, 3 for viewer, operator, admin, and None for a custom one."""

    name: str
    description: str
    level: int | None
    actor: str
    person: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Grant:
    """A subject has a role."""

    subject: str
    role: str
    actor: str
    person: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Rule:
    """Allows a role, or one subject, to run commands.

    Attributes:
        role: Name of a role, or None.
        subject: A subject instead of a role, or None.
        command: Glob over command names, such as `deploy` or `node *`; the next four likewise.
        condition: On the arguments, such as `replicas <= 10`; empty for none.
        id: Given by `add_rule`.
    """

    role: str | None
    subject: str | None
    command: str
    cluster: str = "*"
    namespace: str = "*"
    app: str = "*"
    channel: str = "*"
    condition: str = ""
    actor: str = ""
    person: str = ""
    created_at: int = 0
    id: int = 0


def version(db: Database) -> int:
    """Grows with every change of roles, grants and rules."""
    row = first(db, "SELECT value FROM counters WHERE name = 'policy'")
    return int(row["value"]) if row else 0


def _changed(db: Database, sql: str, params: Sequence[Any]) -> bool:
    if not changed(db, sql, params):
        return False
    changed(db, "UPDATE counters SET value = value + 1 WHERE name = 'policy'")
    return True


def create(db: Database, name: str, *, description: str, actor: str, person: str, now: int) -> bool:
    """Makes a custom role; False when the name is taken.

    Raises:
        UsageError: If the name is not lower-case letters, digits and dashes.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a role",
            why="a role is named with lower-case letters, digits and dashes",
            hint="Try a name such as deployer",
        )
    return _changed(
        db,
        """INSERT INTO roles (name, description, level, actor, person, created_at)
        VALUES (?, ?, NULL, ?, ?, ?) ON CONFLICT (name) DO NOTHING""",
        [name, description, actor, person, now],
    )


def delete(db: Database, name: str) -> bool:
    """Removes a custom role with its grants and rules; False when there is no such one."""
    return _changed(db, "DELETE FROM roles WHERE name = ? AND level IS NULL", [name])


def listed(db: Database) -> list[RoleRow]:
    """All roles, the built-in ones first."""
    rows = every(db, "SELECT * FROM roles ORDER BY level IS NULL, level, name")
    return [RoleRow(**row) for row in rows]


def grant(db: Database, subject: str, role: str, *, actor: str, person: str, now: int) -> bool:
    """Gives a role to a subject; False when it already has it.

    Raises:
        UsageError: If the role does not exist, or the subject is not one.
    """
    check_subject(subject)
    _check_role(db, role)
    return _changed(
        db,
        """INSERT INTO grants (subject, role, actor, person, created_at)
        VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING""",
        [subject, role, actor, person, now],
    )


def revoke(db: Database, subject: str, role: str) -> bool:
    """Takes a role away; False when the subject does not have it."""
    return _changed(db, "DELETE FROM grants WHERE subject = ? AND role = ?", [subject, role])


def grants(db: Database) -> list[Grant]:
    """All grants, by subject."""
    return [Grant(**row) for row in every(db, "SELECT * FROM grants ORDER BY subject, role")]


def add_rule(db: Database, rule: Rule) -> Rule:
    """Stores a rule and returns it with its number. The condition was validated by the caller.

    Raises:
        UsageError: If it names no role or subject, both, or a role that does not exist.
    """
    if (rule.role is None) == (rule.subject is None):
        raise UsageError("The rule cannot be added", why="it needs a role or a subject, not both")
    if rule.role is not None:
        _check_role(db, rule.role)
    if rule.subject is not None:
        check_subject(rule.subject)
    _changed(
        db,
        """INSERT INTO rules (role, subject, command, cluster, namespace, app, channel, condition,
            actor, person, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            *(rule.role, rule.subject, rule.command, rule.cluster, rule.namespace, rule.app),
            *(rule.channel, rule.condition, rule.actor, rule.person, rule.created_at),
        ],
    )
    row = first(db, "SELECT * FROM rules ORDER BY id DESC LIMIT 1")
    return Rule(**row) if row else rule


def remove_rule(db: Database, rule_id: int) -> bool:
    """Deletes a rule; False when there is none of that number. Numbers are never used again."""
    return _changed(db, "DELETE FROM rules WHERE id = ?", [rule_id])


def rules(db: Database) -> list[Rule]:
    """All rules by number; their order means nothing."""
    return [Rule(**row) for row in every(db, "SELECT * FROM rules ORDER BY id")]


def check_subject(subject: str) -> None:
    """Raises `UsageError` unless the text is a subject."""
    if not SUBJECT.fullmatch(subject):
        raise UsageError(
            f"{subject!r} is nobody",
            why="a subject is slack:TEAM/USER, slack-group:TEAM/ID, os:HOST/NAME or person:NAME",
            hint="Mention a person or a user group, or write it in one of these forms",
        )


def _check_role(db: Database, role: str) -> None:
    names = [row.name for row in listed(db)]
    if role not in names:
        raise UsageError(
            f"There is no role {role!r}",
            hint=f"Choose {', '.join(names)}, or make it with `role create`",
        )
