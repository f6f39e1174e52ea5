"""Acting as somebody else: the ``Impersonate-`` headers, each of which needs a right of its own.

Follows ``pkg/endpoints/filters/impersonation`` of ``k8s.io/apiserver`` v0.35.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from sandbox.kube.errors import bad_request
from sandbox.kube.rights.attributes import Attributes
from sandbox.kube.rights.authorizer import Authorizer
from sandbox.kube.rights.users import (
    ANONYMOUS,
    AUTHENTICATED,
    UNAUTHENTICATED,
    User,
    account_groups,
    split_account,
)

PREFIX = "impersonate-"
_EXTRA = "impersonate-extra-"
_AUTHN = "authentication.k8s.io"
_AUTHN_VERSION = f"{_AUTHN}/v1"


@dataclass(frozen=True, slots=True)
class Mask:
    """Whom a request wants to act as."""

    user: str = ""
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, str], ...] = ()


def read(headers: Iterable[tuple[str, str]]) -> Mask | None:
    """Read the headers; None when there is nothing of the kind in them.

    Raises:
        ApiError: 400, when they name no user.
    """
    found = [
        (name.lower(), value)
        for name, value in headers
        if name[0] in "iI" and name[:12].lower() == PREFIX and value
    ]
    if not found:
        return None
    mask = Mask(
        next((value for name, value in found if name == "impersonate-user"), ""),
        tuple(value for name, value in found if name == "impersonate-group"),
        next((value for name, value in found if name == "impersonate-uid"), ""),
        tuple((unquote(n.removeprefix(_EXTRA)), v) for n, v in found if n.startswith(_EXTRA)),
    )
    if not mask.user:
        raise bad_request(f"requested [{_listed(mask)}] without impersonating a user")
    return mask


def _listed(mask: Mask) -> str:
    wishes = [f"{{Group  {group}    }}" for group in mask.groups]
    wishes += [f"{{UserExtra  {value}  {_AUTHN_VERSION}  {key}}}" for key, value in mask.extra]
    if mask.uid:
        wishes.append(f"{{UID  {mask.uid}  {_AUTHN_VERSION}  }}")
    return " ".join(wishes)


def put_on(authorizer: Authorizer, user: User, mask: Mask) -> User:
    """Return the user to act as.

    Raises:
        ApiError: 403, when any part of the mask needs a right that the real user lacks.
    """
    account = split_account(mask.user)
    for wish in _wishes(mask, account):
        authorizer.demand(user, wish)
    groups = mask.groups
    if account and not groups:
        groups = account_groups(account[0])
    if mask.user == ANONYMOUS:
        if UNAUTHENTICATED not in groups:
            groups += (UNAUTHENTICATED,)
    elif not {AUTHENTICATED, UNAUTHENTICATED} & set(groups):
        groups += (AUTHENTICATED,)
    extra: dict[str, tuple[str, ...]] = {}
    for key, value in mask.extra:
        extra[key] = (*extra.get(key, ()), value)
    return User(mask.user, mask.uid, groups, extra)


def _wishes(mask: Mask, account: tuple[str, str] | None) -> list[Attributes]:
    def wish(resource: str, name: str, group: str = "", sub: str = "", ns: str = "") -> Attributes:
        return Attributes("impersonate", group, resource, sub, ns, name)

    whom = wish("users", mask.user)
    if account:
        whom = wish("serviceaccounts", account[1], ns=account[0])
    wishes = [whom, *(wish("groups", name) for name in mask.groups)]
    wishes += [wish("userextras", value, _AUTHN, key) for key, value in mask.extra]
    if mask.uid:
        wishes.append(wish("uids", mask.uid, _AUTHN))
    return wishes
