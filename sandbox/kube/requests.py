"""Paths and query parameters into typed requests; what is not known is named and refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.kube.causes import Found, forbidden, required, unsupported
from sandbox.kube.causes import invalid as wrong
from sandbox.kube.errors import (
    Cause,
    bad_request,
    invalid,
    method_not_allowed,
    not_implemented,
    path_not_found,
)
from sandbox.kube.jsonutil import Json
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
_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_PROPAGATIONS = ("Background", "Foreground", "Orphan")
_DELETE_FIELDS: dict[str, tuple[type, str]] = {
    "gracePeriodSeconds": (int, "int64"),
    "propagationPolicy": (str, "string"),
    "orphanDependents": (bool, "bool"),
    "preconditions": (dict, "v1.Preconditions"),
    "dryRun": (list, "[]string"),
}
_LONGEST_MANAGER = 128
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
    if rest[:1] == ["watch"]:
        raise not_implemented(f"the path {path!r}; ask for the list with watch=true")
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
    """Refuse parameters that this verb does not know, and what is given twice.

    Raises:
        ApiError: 501 naming the parameter.
    """
    names = [name for name, _ in query.items()]
    for name in names:
        if name not in ALLOWED[verb]:
            raise not_implemented(f"the query parameter {name!r} of {verb}")
        if name != "command" and names.count(name) > 1:
            raise not_implemented(f"the query parameter {name!r} more than once")


def flag(query: Mapping[str, str], name: str) -> bool:
    """Read a boolean parameter; as in the real server all is yes but ``false`` and ``0``."""
    return query.get(name, "false").lower() not in ("false", "0")


def number(query: Mapping[str, str], name: str) -> int | None:
    """Read an integer parameter, None when it is missing.

    Raises:
        ApiError: 400, when it is no integer.
    """
    text = query.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise bad_request(f"strconv.ParseInt: parsing {json.dumps(text)}: invalid syntax")
    return int(text)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """The options of create, update and patch, and who writes."""

    dry_run: bool
    manager: str
    validation: str
    force: bool
    user: User = ADMIN


def write_options(
    query: Mapping[str, str], verb: str, user_agent: str, user: User = ADMIN
) -> WriteOptions:
    """Read the options of a write; an unnamed manager is named after the user agent.

    Args:
        query: The request's parameters.
        verb: ``create``, ``update``, ``patch``, or ``apply`` for a patch of that kind.
        user_agent: As the client sent it.
        user: Who writes.

    Raises:
        ApiError: 422 for values that are not allowed.
    """
    found = []
    if verb == "apply" and not query.get("fieldManager"):
        found.append(required("fieldManager", "is required for apply patch"))
    if verb == "patch" and "force" in query:
        found.append(forbidden("force", "may not be specified for non-apply patch"))
    found += _manager(query.get("fieldManager", ""))
    found += _dry_run(query)
    validation = query.get("fieldValidation") or "Warn"
    if validation not in _VALIDATIONS:
        found.append(unsupported("fieldValidation", validation, _VALIDATIONS))
    if found:
        kind = "Patch" if verb == "apply" else verb.title()
        raise invalid("meta.k8s.io", f"{kind}Options", "", found)
    agent = user_agent.partition("/")[0] or "unknown"
    return WriteOptions(
        "dryRun" in query,
        query.get("fieldManager") or agent[:_LONGEST_MANAGER],
        validation,
        flag(query, "force"),
        user,
    )


def check_delete_options(options: Json) -> None:
    """Check a ``DeleteOptions``, from the body and the parameters of a request.

    Raises:
        ApiError: 400 for what is no ``DeleteOptions``, 422 for values that are not allowed.
    """
    if options.get("kind") not in (None, "", "DeleteOptions"):
        raise bad_request(f"the body is no DeleteOptions, but of the kind {options['kind']!r}")
    for name, (kind, word) in _DELETE_FIELDS.items():
        value = options.get(name)
        if value is not None and type(value) is not kind:
            raise bad_request(
                f"json: cannot unmarshal the value {json.dumps(value)} into Go struct field "
                f"DeleteOptions.{name} of type {word}"
            )
    found = Found()
    policy, given = options.get("propagationPolicy"), options.get("dryRun") or []
    if policy is not None and options.get("orphanDependents") is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        found.append(wrong("propagationPolicy", policy, why))
    if policy not in (None, *_PROPAGATIONS):
        found.append(unsupported("propagationPolicy", str(policy), _PROPAGATIONS))
    if any(word != "All" for word in given):
        found.append(unsupported("dryRun", given, ["All"]))
    if found:
        raise invalid("meta.k8s.io", "DeleteOptions", "", found)


def _manager(name: str) -> Found:
    found = Found()
    if len(name.encode()) > _LONGEST_MANAGER:
        text = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
        found.append(Cause("FieldValueTooLong", text, "fieldManager"))
    for at, letter in enumerate(name):
        if not letter.isprintable():
            why = f"invalid character U+{ord(letter):04X} (at position {at})"
            found.append(wrong("fieldManager", name, why))
    return found


def _dry_run(query: Mapping[str, str]) -> Found:
    text = query.get("dryRun", "All")
    return [] if text == "All" else [unsupported("dryRun", [text], ["All"])]
