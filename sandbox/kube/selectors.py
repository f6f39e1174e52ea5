"""Label and field selectors: the text of a query into a function on objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.kube.errors import bad_request
from sandbox.kube.jsonutil import Json, dig
from sandbox.kube.resources import Resource
from sandbox.kube.validation import check_label_value

Test = Callable[[Json], bool]

_SET = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s=!]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s=!]*)$")
_COMPARE = re.compile(r"^(?P<key>[^\s<>]+)\s*(?P<op>[<>])\s*(?P<value>-?\d+)$")
_KEY = re.compile(
    r"^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$"
)
_SPLIT = re.compile(r",(?![^()]*\))")


def always(_: Json) -> bool:
    """Match everything."""
    return True


def label_test(text: str) -> Test:
    """Read a label selector such as ``app=web,tier in (a,b),!canary``.

    Raises:
        ApiError: 400, when the text is no selector.
    """
    if not text.strip():
        return always
    tests = [_requirement(part.strip(), text) for part in _SPLIT.split(text)]

    def test(obj: Json) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(check(labels) for check in tests)

    return test


def _requirement(part: str, whole: str) -> Test:
    if match := _SET.match(part):
        key, values = match["key"], {v.strip() for v in match["values"].split(",")}
        _check_key(key, whole)
        _check_values(key, values)
        if match["op"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUAL.match(part):
        key, value = match["key"], match["value"]
        _check_key(key, whole)
        _check_values(key, {value})
        if match["op"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _COMPARE.match(part):
        key, limit, above = match["key"], int(match["value"]), match["op"] == ">"
        _check_key(key, whole)
        return lambda labels: _beyond(labels.get(key), limit, above)
    key = part.removeprefix("!").strip()
    _check_key(key, whole)
    if part.startswith("!"):
        return lambda labels: key not in labels
    return lambda labels: key in labels


def _beyond(value: Any, limit: int, above: bool) -> bool:
    try:
        number = int(value)
    except (TypeError, ValueError):
        return False
    return number > limit if above else number < limit


def _check_key(key: str, whole: str) -> None:
    if not _KEY.match(key):
        raise bad_request(f"unable to parse requirement: found {key!r} in selector {whole!r}")


def _check_values(key: str, values: Iterable[str]) -> None:
    for index, value in enumerate(sorted(values)):
        found = check_label_value(value, f"values[{index}][{key}]")
        if found:
            text = f"{found[0].field}: {found[0].message}"
            raise bad_request(f"unable to parse requirement: {text}")


_COMMON = ("metadata.name", "metadata.namespace")
_FIELDS: dict[str, dict[str, Any]] = {
    "pods": {
        "spec.nodeName": "",
        "spec.restartPolicy": "",
        "spec.schedulerName": "",
        "spec.serviceAccountName": "",
        "spec.hostNetwork": "false",
        "status.phase": "",
        "status.podIP": "",
        "status.nominatedNodeName": "",
    },
    "events": {
        "involvedObject.kind": "",
        "involvedObject.namespace": "",
        "involvedObject.name": "",
        "involvedObject.uid": "",
        "involvedObject.apiVersion": "",
        "involvedObject.resourceVersion": "",
        "involvedObject.fieldPath": "",
        "reason": "",
        "reportingComponent": "",
        "source": "",
        "type": "",
    },
    "nodes": {"spec.unschedulable": "false"},
    "namespaces": {"status.phase": ""},
    "secrets": {"type": ""},
    "services": {"spec.clusterIP": "", "spec.type": ""},
    "replicasets.apps": {"status.replicas": "0"},
    "replicationcontrollers": {"status.replicas": "0"},
    "jobs.batch": {"status.successful": "0"},
}


def field_test(text: str, resource: Resource) -> Test:
    """Read a field selector such as ``spec.nodeName=a,status.phase!=Running``.

    Raises:
        ApiError: 400, when the text is no selector or the field cannot be selected on.
    """
    if not text.strip():
        return always
    tests = [_field(part.strip(), text, resource) for part in text.split(",") if part.strip()]
    return lambda obj: all(check(obj) for check in tests)


def _field(part: str, whole: str, resource: Resource) -> Test:
    match = re.match(r"^([^=!]+?)\s*(==|=|!=)(.*)$", part)
    if match is None:
        raise bad_request(f"invalid field selector: \"{whole}\"; can't understand '{part}'")
    name, operator, wanted = match[1].strip(), match[2], match[3].strip()
    known = _FIELDS.get(resource.key, {})
    if name not in known and name not in _COMMON:
        raise bad_request(f'field label not supported: "{name}"')
    path, missing = tuple(name.split(".")), known.get(name, "")
    if resource.key == "jobs.batch" and name == "status.successful":
        path = ("status", "succeeded")
    if resource.key == "events" and name == "source":
        path = ("source", "component")

    def value(obj: Json) -> str:
        found = dig(obj, *path, default=missing)
        if isinstance(found, bool):
            return "true" if found else "false"
        return str(found)

    if operator == "!=":
        return lambda obj: value(obj) != wanted
    return lambda obj: value(obj) == wanted
