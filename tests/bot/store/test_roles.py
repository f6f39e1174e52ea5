"""Roles, grants and rules as data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.errors import UsageError
from bot.store import roles
from bot.store.roles import Rule

BY = {"actor": "os:h/root", "person": "root", "now": 5}


def make(db, name="deployer"):
    return roles.create(db, name, description="Deploys", **BY)


def test_the_built_in_roles_are_there_and_stay(db):
    assert [(role.name, role.level) for role in roles.listed(db)] == [
        ("viewer", 1),
        ("operator", 2),
        ("admin", 3),
    ]
    assert not roles.delete(db, "admin")


def test_a_custom_role_goes_with_its_grants_and_rules(db):
    assert make(db)
    assert not make(db)
    roles.grant(db, "person:ada", "deployer", **BY)
    rule = roles.add_rule(db, Rule("deployer", None, "deploy", created_at=5))
    assert rule.id == 1
    assert roles.delete(db, "deployer")
    assert (roles.grants(db), roles.rules(db)) == ([], [])


def test_every_change_raises_the_version_and_nothing_else_does(db):
    seen = [roles.version(db)]

    def after(result):
        seen.append(roles.version(db))
        return result

    after(make(db))
    after(roles.grant(db, "slack:T1/U1", "deployer", **BY))
    rule = after(roles.add_rule(db, Rule("deployer", None, "deploy")))
    after(roles.remove_rule(db, rule.id))
    after(roles.revoke(db, "slack:T1/U1", "deployer"))
    after(roles.delete(db, "deployer"))
    assert seen == sorted(set(seen)), "each one moved it"
    last = seen[-1]
    assert not roles.revoke(db, "slack:T1/U1", "deployer")
    assert not roles.remove_rule(db, rule.id)
    roles.listed(db)
    assert roles.version(db) == last


def test_a_grant_is_given_once_and_remembers_who_gave_it(db):
    assert roles.grant(db, "slack-group:T1/S1", "viewer", **BY)
    assert not roles.grant(db, "slack-group:T1/S1", "viewer", **BY)
    (kept,) = roles.grants(db)
    assert (kept.actor, kept.person, kept.created_at) == ("os:h/root", "root", 5)


@pytest.mark.parametrize("subject", ["ada", "slack:U1", "slack:T1/U 1", "person:", "", "mail:a/b"])
def test_only_a_subject_can_be_granted_anything(db, subject):
    with pytest.raises(UsageError, match="is nobody"):
        roles.grant(db, subject, "viewer", **BY)
    with pytest.raises(UsageError, match="is nobody"):
        roles.add_rule(db, Rule(None, subject, "deploy"))


def test_an_unknown_role_names_the_known_ones(db):
    with pytest.raises(UsageError, match="viewer, operator, admin"):
        roles.grant(db, "person:ada", "deployer", **BY)
    with pytest.raises(UsageError, match="no role 'deployer'"):
        roles.add_rule(db, Rule("deployer", None, "deploy"))


@pytest.mark.parametrize("name", ["", "Deployer", "a b", "-x", "x" * 41])
def test_a_bad_name_is_refused(db, name):
    with pytest.raises(UsageError, match="lower-case"):
        make(db, name)


def test_a_rule_is_for_a_role_or_a_subject(db):
    rule = Rule("viewer", None, "scale", "lab", "ns", "app", "C1", "replicas <= 3", "a", "p", 9)
    kept = roles.add_rule(db, rule)
    assert roles.rules(db) == [kept] == [replace(rule, id=kept.id)]
    for bad in (replace(rule, subject="person:ada"), replace(rule, role=None)):
        with pytest.raises(UsageError, match="a role or a subject"):
            roles.add_rule(db, bad)


def test_numbers_of_rules_are_never_used_again(db):
    first = roles.add_rule(db, Rule("viewer", None, "scale"))
    roles.remove_rule(db, first.id)
    assert roles.add_rule(db, Rule("viewer", None, "scale")).id == first.id + 1
