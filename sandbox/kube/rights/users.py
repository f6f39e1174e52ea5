"""Who a request comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.kube.jsonutil import Json

ANONYMOUS = "system:anonymous"
AUTHENTICATED = "system:authenticated"
MASTERS = "system:masters"
UNAUTHENTICATED = "system:unauthenticated"
_ACCOUNT = "system:serviceaccount:"
_ACCOUNTS = "system:serviceaccounts"


@dataclass(frozen=True, slots=True)
class User:
    """An identity; its groups are all that are held, in the order the server lists them."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def master(self) -> bool:
        """Whether every right is held, whatever the roles say."""
        return MASTERS in self.groups

    def to_json(self) -> Json:
        """Return the ``UserInfo`` of reviews."""
        body: Json = {"username": self.name}
        if self.uid:
            body["uid"] = self.uid
        body["groups"] = list(self.groups)
        if self.extra:
            body["extra"] = {key: list(values) for key, values in self.extra.items()}
        return body


ADMIN = User("sandbox-admin", groups=(MASTERS, AUTHENTICATED))
"""Whom the kubeconfig's token stands for."""

NOBODY = User(ANONYMOUS, groups=(UNAUTHENTICATED,))
"""Who shows no token, where none is needed."""


def account_name(namespace: str, name: str) -> str:
    """Return the user name of a service account."""
    return f"{_ACCOUNT}{namespace}:{name}"


def account_groups(namespace: str) -> tuple[str, ...]:
    """Return the groups that each service account of a namespace is in."""
    return _ACCOUNTS, f"{_ACCOUNTS}:{namespace}"


def split_account(user: str) -> tuple[str, str] | None:
    """Read namespace and name out of a service account's user name; None for other names."""
    namespace, _, name = user.removeprefix(_ACCOUNT).partition(":")
    if user.startswith(_ACCOUNT) and namespace and name and ":" not in name:
        return namespace, name
    return None
