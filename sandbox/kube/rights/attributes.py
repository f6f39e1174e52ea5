"""What a request asks for, as rules are written about it, and how a refusal is worded.

Follows ``pkg/endpoints/request/requestinfo.go`` of ``k8s.io/apiserver`` v0.35: the path alone is
read, so that somebody without rights does not learn which resources there are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sandbox.kube.errors import ApiError, forbidden
from sandbox.kube.rights.users import User

_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_NO = frozenset({"", "0", "false", "f"})
_EXACT = "metadata.name="


@dataclass(frozen=True, slots=True)
class Attributes:
    """One wish: a verb on a resource, or on a path where ``resource`` is empty."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def combined(self) -> str:
        """The resource as rules name it, such as ``deployments/scale``."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def asked(method: str, path: str, query: Mapping[str, str]) -> Attributes:
    """Read what a request asks for."""
    parts = path.strip("/").split("/")
    start = {"api": 2, "apis": 3}.get(parts[0], 0)
    if not start or len(parts) <= start:
        return Attributes(method.lower(), path=path)
    group = parts[1] if start == 3 else ""
    rest, namespace = parts[start:], ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in ("status", "finalize"):
            rest = rest[2:]
    resource, name, subresource, *_ = [*rest, "", "", ""]
    verb = _VERBS.get(method, "")
    if verb == "get" and not name:
        verb = "list" if query.get("watch", "").lower() in _NO else "watch"
        name = _selected(query.get("fieldSelector", ""))
    elif verb == "delete" and not name:
        verb = "deletecollection"
    return Attributes(verb, group, resource, subresource, namespace, name)


def _selected(selector: str) -> str:
    """Return the one name that a list is limited to, if it is."""
    for part in selector.replace("==", "=").split(","):
        if part.startswith(_EXACT) and part.removeprefix(_EXACT) not in (".", ".."):
            return part.removeprefix(_EXACT)
    return ""


def with_verb(wish: Attributes, verb: str) -> Attributes:
    """Return the same wish with another verb."""
    return replace(wish, verb=verb)


def refusal(user: User, wish: Attributes, reason: str = "") -> ApiError:
    """Word the 403 of a wish that is not granted."""
    text = _sentence(user, wish)
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, entity)
    why = f"{text}: {reason}" if reason else text
    if not wish.resource:
        return ApiError(403, "Forbidden", f"forbidden: {why}")
    return forbidden(wish.group, wish.resource, wish.name, why)


def _sentence(user: User, wish: Attributes) -> str:
    who = f"User {quoted(user.name)} cannot {wish.verb}"
    if not wish.resource:
        return f"{who} path {quoted(wish.path)}"
    where = "at the cluster scope"
    if wish.namespace:
        where = f"in the namespace {quoted(wish.namespace)}"
    what = f"resource {quoted(wish.combined)} in API group {quoted(wish.group)}"
    return f"{who} {what} {where}"


def quoted(text: str) -> str:
    """Return text in quotation marks, as the server's sentences have it."""
    return json.dumps(text, ensure_ascii=False)
