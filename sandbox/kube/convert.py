"""Objects shown in a second version: autoscaling/v1 and events.k8s.io/v1.

Each resource is kept in one version only; the others are views of it.
"""

from __future__ import annotations

from collections.abc import Callable

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


def _hpa_to(obj: Json) -> Json:
    spec = dict(obj.get("spec") or {})
    percent = spec.pop("targetCPUUtilizationPercentage", None)
    if percent is not None:
        target = {"type": "Utilization", "averageUtilization": percent}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**obj, "apiVersion": HPAS.api_version, "spec": spec}


def _hpa_from(obj: Json) -> Json:
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    for metric in spec.pop("metrics", None) or ():
        source = metric.get("resource") or {}
        if source.get("name") == "cpu":
            spec["targetCPUUtilizationPercentage"] = source["target"].get("averageUtilization")
    spec.pop("behavior", None)
    for metric in status.pop("currentMetrics", None) or ():
        source = metric.get("resource") or {}
        if source.get("name") == "cpu":
            used = (source.get("current") or {}).get("averageUtilization")
            status["currentCPUUtilizationPercentage"] = used
    status.pop("conditions", None)
    status.setdefault("currentReplicas", 0)
    return {**obj, "apiVersion": HPAS_V1.api_version, "spec": spec, "status": status}


def _event_to(obj: Json) -> Json:
    renamed = {_EVENT_NAMES.get(name, name): value for name, value in obj.items()}
    return {**renamed, "apiVersion": EVENTS.api_version}


def _event_from(obj: Json) -> Json:
    back = {kept: shown for shown, kept in _EVENT_NAMES.items()}
    renamed = {back.get(name, name): value for name, value in obj.items()}
    return {**renamed, "apiVersion": EVENTS_V1.api_version}


_KEPT = {HPAS_V1: HPAS, EVENTS_V1: EVENTS}
_TO: dict[Resource, Callable[[Json], Json]] = {HPAS_V1: _hpa_to, EVENTS_V1: _event_to}
_FROM: dict[Resource, Callable[[Json], Json]] = {HPAS_V1: _hpa_from, EVENTS_V1: _event_from}
