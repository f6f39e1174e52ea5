"""Paths and query parameters into typed requests; what is not known is named and refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.kube.errors import bad_request, method_not_allowed, not_implemented, path_not_found
from sandbox.kube.resources import Registry, Resource
from sandbox.kube.rights.users import ADMIN, User

_COMMON = frozenset({"pretty", "timeout"})
_LIST = _COMMON | {
    "labelSelector",
    "fieldSelector",
    "limit",
    "continue",
    "resourceVersion",
    "resourceVersionMatch",
    "timeoutSeconds",
    "watch",
    "allowWatchBookmarks",
    "sendInitialEvents",
    "includeObject",
}
_WRITE = _COMMON | {"dryRun", "fieldManager", "fieldValidation"}
_DELETE = _COMMON | {"dryRun", "gracePeriodSeconds", "propagationPolicy", "orphanDependents"}
ALLOWED: dict[str, frozenset[str]] = {
    "get": _COMMON | {"resourceVersion", "includeObject"},
    "list": _LIST,
    "watch": _LIST,
    "create": _WRITE,
    "update": _WRITE,
    "patch": _WRITE | {"force"},
    "delete": _DELETE,
    "deletecollection": _LIST | _DELETE,
    "log": _COMMON
    | {
        "container",
        "follow",
        "previous",
        "sinceSeconds",
        "sinceTime",
        "timestamps",
        "tailLines",
        "limitBytes",
        "insecureSkipTLSVerifyBackend",
    },
    "exec": _COMMON | {"command", "container", "stdin", "stdout", "stderr", "tty"},
}
_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Target:
    """What a path means.

    Attributes:
        resource: The resource.
        namespace: None for cluster-wide resources and for all namespaces.
        name: Empty for a collection.
        subresource: Empty for the object itself.
    """

    resource: Resource
    namespace: str | None
    name: str = ""
    subresource: str = ""


def parse_path(path: str, registry: Registry) -> Target:
    """Read a resource path below ``/api/v1`` or ``/apis/GROUP/VERSION``.

    Raises:
        ApiError: 404, when no such resource is served; 501 for an unknown subresource.
    """
    parts = path.strip("/").split("/")
    if parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    else:
        group, version, rest = parts[1], parts[2], parts[3:]
    namespace = None
    if len(rest) >= 3 and rest[0] == "namespaces":
        inner = registry.by_path(group, version, rest[2])
        if inner is not None and inner.namespaced:
            namespace, rest = rest[1], rest[2:]
        elif rest[2] not in ("status", "finalize"):
            raise path_not_found()
    resource = registry.by_path(group, version, rest[0]) if rest else None
    if resource is None:
        raise path_not_found()
    name = rest[1] if len(rest) > 1 else ""
    subresource = "/".join(rest[2:])
    if subresource and subresource not in resource.subresources:
        raise not_implemented(f"the path {path!r} (subresource {subresource!r})")
    if name and resource.namespaced and namespace is None:
        raise path_not_found()
    return Target(resource, namespace, name, subresource)


def verb_of(method: str, target: Target, query: Mapping[str, str]) -> str:
    """Return the API verb of a request.

    Raises:
        ApiError: 405, when the resource does not have it.
    """
    verb = _VERBS.get(method, "")
    if verb == "get" and not target.name:
        verb = "watch" if flag(query, "watch") else "list"
    elif verb == "delete" and not target.name:
        verb = "deletecollection"
    if target.subresource in ("log", "exec"):
        return target.subresource
    fits = bool(target.name) == (verb in ("get", "update", "patch", "delete"))
    if target.subresource in ("eviction", "token"):
        fits = verb == "create"
    if not fits or (not target.subresource and verb not in target.resource.verbs):
        raise method_not_allowed(target.resource.group, target.resource.plural)
    return verb


def check_parameters(query: Mapping[str, str], verb: str) -> None:
    """Refuse parameters that this verb does not know.

    Raises:
        ApiError: 501 naming the parameter.
    """
    for name in query:
        if name not in ALLOWED[verb]:
            raise not_implemented(f"the query parameter {name!r} of {verb}")


def flag(query: Mapping[str, str], name: str) -> bool:
    """Read a boolean parameter; missing means no, ``1`` and ``true`` mean yes.

    Raises:
        ApiError: 400 for other words.
    """
    text = query.get(name, "").lower()
    if text in ("", "false", "0", "f"):
        return False
    if text in ("true", "1", "t"):
        return True
    raise bad_request(f"{name}: invalid boolean {text!r}")


def number(query: Mapping[str, str], name: str) -> int | None:
    """Read an integer parameter, None when it is missing.

    Raises:
        ApiError: 400, when it is no integer.
    """
    text = query.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise bad_request(f'{name}: strconv.ParseInt: parsing "{text}": invalid syntax') from None


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """The options of create, update and patch, and who writes."""

    dry_run: bool
    manager: str
    validation: str
    force: bool
    user: User = ADMIN


def write_options(query: Mapping[str, str], user_agent: str, user: User = ADMIN) -> WriteOptions:
    """Read the options of a write; an unnamed manager is named after the user agent.

    Raises:
        ApiError: 400 for values that are not allowed.
    """
    validation = query.get("fieldValidation") or "Warn"
    if validation not in ("Ignore", "Warn", "Strict"):
        raise bad_request(f"fieldValidation: Unsupported value: {validation!r}")
    agent = user_agent.partition("/")[0] or "unknown"
    return WriteOptions(
        dry_run(query),
        query.get("fieldManager") or agent[:128],
        validation,
        flag(query, "force"),
        user,
    )


def dry_run(query: Mapping[str, str]) -> bool:
    """Read ``dryRun``.

    Raises:
        ApiError: 400, when it is given and not ``All``.
    """
    text = query.get("dryRun", "")
    if text not in ("", "All"):
        raise bad_request(f'dryRun: Unsupported value: "{text}": supported values: "All"')
    return text == "All"
