"""RBAC over the roles and bindings of a store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.kube.jsonutil import Json
from sandbox.kube.resources import (
    CLUSTERROLEBINDINGS,
    CLUSTERROLES,
    ROLEBINDINGS,
    ROLES,
    Resource,
)
from sandbox.kube.rights.attributes import Attributes, quoted, refusal
from sandbox.kube.rights.rules import allows
from sandbox.kube.rights.users import User, account_name
from sandbox.kube.store import Store


@dataclass(frozen=True, slots=True)
class Grant:
    """One binding that a user is in: the rules it gives, or the role that is not there."""

    binding: Json
    subject: Json
    rules: list[Json]
    lost: tuple[Resource, str] | None = None

    @property
    def source(self) -> str:
        """Where the rules come from, in words."""
        meta, reference = self.binding["metadata"], self.binding["roleRef"]
        here, whom = meta.get("namespace", ""), self.subject["name"]
        name = f"{meta['name']}/{here}" if here else meta["name"]
        if self.subject["kind"] == "ServiceAccount":
            whom = f"{whom}/{self.subject.get('namespace') or here}"
        role = f"{reference['kind']} {quoted(reference['name'])}"
        kind = self.subject["kind"]
        return f"{self.binding['kind']} {quoted(name)} of {role} to {kind} {quoted(whom)}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a wish is granted, and by what; or what was in the way of finding out."""

    allowed: bool
    grant: Grant | None = None
    error: str = ""

    @property
    def reason(self) -> str:
        """In words; empty for an administrator, and where nothing speaks for it."""
        return f"RBAC: allowed by {self.grant.source}" if self.grant else self.error


class Authorizer:
    """Decides from what is stored right now; nothing is remembered."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def decide(self, user: User, wish: Attributes) -> Verdict:
        """Say whether a user may do something."""
        if user.master:
            return Verdict(True)
        lost = []
        for grant in self.grants(user, wish.namespace):
            if any(allows(rule, wish) for rule in grant.rules):
                return Verdict(True, grant)
            if grant.lost:
                kind, name = grant.lost
                lost.append(f"{kind.singular}.{kind.group} {quoted(name)} not found")
        return Verdict(False, error=f"RBAC: {joined(lost)}" if lost else "")

    def demand(self, user: User, wish: Attributes) -> None:
        """Refuse what a user may not do.

        Raises:
            ApiError: 403.
        """
        verdict = self.decide(user, wish)
        if not verdict.allowed:
            raise refusal(user, wish, verdict.reason)

    def grants(self, user: User, namespace: str) -> Iterator[Grant]:
        """Yield the grants that hold everywhere, then those of the namespace, if one is given."""
        yield from self._bound(user, CLUSTERROLEBINDINGS, "")
        if namespace:
            yield from self._bound(user, ROLEBINDINGS, namespace)

    def role_rules(self, reference: Json, namespace: str) -> list[Json] | None:
        """Return the rules of the role that a binding names; None when it is not there."""
        resource = _referred(reference)
        home = namespace if resource.namespaced else None
        role = self._store.peek(resource, home, str(reference.get("name", "")))
        return None if role is None else role.get("rules") or []

    def _bound(self, user: User, bindings: Resource, namespace: str) -> Iterator[Grant]:
        for binding in self._store.scan(bindings, namespace):
            subject = _subject_of(user, binding, namespace)
            if subject is None:
                continue
            reference = binding["roleRef"]
            rules = self.role_rules(reference, namespace)
            if rules is None:
                yield Grant(binding, subject, [], (_referred(reference), reference["name"]))
            else:
                yield Grant(binding, subject, rules)


def joined(sentences: list[str]) -> str:
    """Word several errors as one, each once."""
    different = list(dict.fromkeys(sentences))
    return different[0] if len(different) == 1 else f"[{', '.join(different)}]"


def _referred(reference: Json) -> Resource:
    return ROLES if reference.get("kind") == "Role" else CLUSTERROLES


def _subject_of(user: User, binding: Json, namespace: str) -> Json | None:
    for subject in binding.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name")
        if kind == "User":
            fits = name == user.name
        elif kind == "Group":
            fits = name in user.groups
        else:
            home = subject.get("namespace") or namespace
            fits = bool(home) and user.name == account_name(home, name)
        if fits:
            found: Json = subject
            return found
    return None
