"""Objects shown in a second version: autoscaling/v1 and events.k8s.io/v1.

Each resource is kept in one version only; the others are views of it.
"""

from __future__ import annotations

from collections.abc import Callable

from sandbox.kube.autoscaling import to_v1, to_v2
from sandbox.kube.jsonutil import Json
from sandbox.kube.resources import EVENTS, EVENTS_V1, HPAS, HPAS_V1, Resource

_EVENT_NAMES = {
    "note": "message",
    "regarding": "involvedObject",
    "deprecatedSource": "source",
    "deprecatedCount": "count",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "reportingController": "reportingComponent",
}


def stored_form(resource: Resource) -> Resource:
    """Return the resource in the version its objects are kept in."""
    return _KEPT.get(resource, resource)


def to_stored(resource: Resource, obj: Json) -> Json:
    """Return an object of ``resource`` in the version it is kept in."""
    rule = _TO.get(resource)
    return rule(obj) if rule else obj


def from_stored(resource: Resource, obj: Json) -> Json:
    """Return a kept object as ``resource`` shows it."""
    rule = _FROM.get(resource)
    if rule is not None:
        return rule(obj)
    if resource.custom and obj.get("apiVersion") != resource.api_version:
        return {**obj, "apiVersion": resource.api_version}
    return obj


def _event_to(obj: Json) -> Json:
    renamed = {_EVENT_NAMES.get(name, name): value for name, value in obj.items()}
    return {**renamed, "apiVersion": EVENTS.api_version}


def _event_from(obj: Json) -> Json:
    back = {kept: shown for shown, kept in _EVENT_NAMES.items()}
    renamed = {back.get(name, name): value for name, value in obj.items()}
    return {**renamed, "apiVersion": EVENTS_V1.api_version}


_KEPT = {HPAS_V1: HPAS, EVENTS_V1: EVENTS}
_TO: dict[Resource, Callable[[Json], Json]] = {HPAS_V1: to_v2, EVENTS_V1: _event_to}
_FROM: dict[Resource, Callable[[Json], Json]] = {HPAS_V1: to_v1, EVENTS_V1: _event_from}
