"""HorizontalPodAutoscalers as the API server fills them in, and as autoscaling/v1 shows them.

What autoscaling/v1 has no field for stands in annotations there, so that a write in the old
version loses nothing. Facts: ``pkg/apis/autoscaling/{v1,v2}`` of Kubernetes v1.35.
"""

from __future__ import annotations

import json
from typing import Any

from sandbox.kube.jsonutil import Json, dig, thaw

_PREFIX = "autoscaling.alpha.kubernetes.io/"
METRICS, CURRENT = f"{_PREFIX}metrics", f"{_PREFIX}current-metrics"
BEHAVIOR, CONDITIONS = f"{_PREFIX}behavior", f"{_PREFIX}conditions"
_NOTES = frozenset({METRICS, CURRENT, BEHAVIOR, CONDITIONS})

_PERCENT = {"type": "Percent", "value": 100, "periodSeconds": 15}
_UP: Json = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, _PERCENT],
}
_DOWN: Json = {"selectPolicy": "Max", "policies": [_PERCENT]}

_UTILIZATION = (("target", "averageUtilization"), "targetAverageUtilization")
_AVERAGE = (("target", "averageValue"), "targetAverageValue")
_VALUE = (("target", "value"), "targetValue")
_METRIC = (("metric", "name"), "metricName")
_NAME, _CONTAINER = (("name",), "name"), (("container",), "container")
_SOURCES: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "Resource": (_NAME, _UTILIZATION, _AVERAGE),
    "ContainerResource": (_NAME, _UTILIZATION, _AVERAGE, _CONTAINER),
    "Pods": (_METRIC, _AVERAGE, (("metric", "selector"), "selector")),
    "External": (_METRIC, (("metric", "selector"), "metricSelector"), _VALUE, _AVERAGE),
    "Object": (
        (("describedObject",), "target"),
        _METRIC,
        _VALUE,
        (("metric", "selector"), "selector"),
        (("target", "averageValue"), "averageValue"),
    ),
}
"""For each type of metric: where a value stands in v2, and its name in v1."""
_CURRENTS = (
    _NAME,
    (("current", "averageUtilization"), "currentAverageUtilization"),
    (("current", "averageValue"), "currentAverageValue"),
)


def source_field(kind: str) -> str:
    """The member that holds a metric of this type: ``containerResource``."""
    return kind[:1].lower() + kind[1:]


def fill_autoscaler(obj: Json) -> None:
    """Give a new or changed autoscaler its defaults."""
    spec = obj.setdefault("spec", {})
    if spec.get("minReplicas") is None:
        spec["minReplicas"] = 1
    if not spec.get("metrics"):
        spec["metrics"] = [_cpu(80)]
    if isinstance(spec.get("behavior"), dict):
        for name, rules in (("scaleUp", _UP), ("scaleDown", _DOWN)):
            own = spec["behavior"].get(name) or {}
            given = {key: value for key, value in own.items() if value is not None}
            spec["behavior"][name] = {**thaw(rules), **given}


def to_v2(obj: Json) -> Json:
    """Return an autoscaling/v1 object as autoscaling/v2."""
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    meta = dict(obj.get("metadata") or {})
    notes = meta.get("annotations") or {}
    metrics = [_metric_to_v2(item) for item in _read(notes, METRICS, list)]
    percent = spec.pop("targetCPUUtilizationPercentage", None)
    if percent is not None:
        metrics.append(_cpu(percent))
    if metrics:
        spec["metrics"] = metrics
    behavior = _read(notes, BEHAVIOR, dict)
    if behavior:
        spec["behavior"] = _renamed(behavior, str.lower)
    status.pop("currentCPUUtilizationPercentage", None)
    if status:
        told = _read(notes, CONDITIONS, list)
        current = [_current_to_v2(item) for item in _read(notes, CURRENT, list)]
        status |= {"currentMetrics": current or None} | ({"conditions": told} if told else {})
    _put_notes(meta, {k: v for k, v in notes.items() if k not in _NOTES})
    shown = {**obj, "apiVersion": "autoscaling/v2", "metadata": meta, "spec": spec}
    return {**shown, "status": status} if "status" in obj else shown


def to_v1(obj: Json) -> Json:
    """Return an autoscaling/v2 object as autoscaling/v1."""
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    meta, notes = dict(obj["metadata"]), {}
    others = []
    for metric in spec.pop("metrics", None) or ():
        percent = dig(metric, "resource", "target", "averageUtilization")
        if dig(metric, "resource", "name") == "cpu" and percent is not None:
            spec["targetCPUUtilizationPercentage"] = percent
        else:
            others.append(_metric_to_v1(metric))
    behavior = spec.pop("behavior", None)
    currents = status.pop("currentMetrics", None) or ()
    for current in currents:
        used = dig(current, "resource", "current", "averageUtilization")
        if dig(current, "resource", "name") == "cpu" and used is not None:
            status["currentCPUUtilizationPercentage"] = used
    for name, value in (
        (METRICS, others),
        (CURRENT, [_current_to_v1(item) for item in currents]),
        (BEHAVIOR, behavior and _renamed(behavior, str.upper)),
        (CONDITIONS, status.pop("conditions", None)),
    ):
        if value:
            notes[name] = json.dumps(value, separators=(",", ":"))
    kept = {k: v for k, v in (meta.get("annotations") or {}).items() if k not in _NOTES}
    _put_notes(meta, kept | notes)
    status = {"currentReplicas": 0, "desiredReplicas": 0, **status}
    return {**obj, "apiVersion": "autoscaling/v1", "metadata": meta, "spec": spec, "status": status}


def _cpu(percent: Any) -> Json:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def _metric_to_v1(metric: Json) -> Json:
    kind = str(metric.get("type"))
    return {"type": kind, source_field(kind): _flat(metric, kind, _SOURCES.get(kind, ()))}


def _metric_to_v2(metric: Json) -> Json:
    kind = str(metric.get("type"))
    source = _nested(metric, kind, _SOURCES.get(kind, ()))
    target = source.setdefault("target", {})
    if "averageUtilization" in target:
        target["type"] = "Utilization"
    elif "value" in target and not (kind == "Object" and "averageValue" in target):
        target["type"] = "Value"
    else:
        target["type"] = "AverageValue"
    return {"type": kind, source_field(kind): source}


def _current_to_v1(current: Json) -> Json:
    flat = _flat(current, "Resource", _CURRENTS)
    return {"type": current.get("type", ""), **({"resource": flat} if flat else {})}


def _current_to_v2(current: Json) -> Json:
    nested = _nested(current, "Resource", _CURRENTS)
    return {"type": current.get("type", ""), **({"resource": nested} if nested else {})}


def _flat(metric: Json, kind: str, names: tuple[tuple[tuple[str, ...], str], ...]) -> Json:
    source = metric.get(source_field(kind))
    found = {name: dig(source, *path) for path, name in names}
    return {name: value for name, value in found.items() if value is not None}


def _nested(metric: Json, kind: str, names: tuple[tuple[tuple[str, ...], str], ...]) -> Json:
    source, made = metric.get(source_field(kind)) or {}, dict[str, Any]()
    for path, name in names:
        if source.get(name) is not None:
            inner = made
            for step in path[:-1]:
                inner = inner.setdefault(step, {})
            inner[path[-1]] = source[name]
    return made


def _renamed(value: Any, change: Any) -> Any:
    """Change the first letter of all names: the annotation has those of the Go structs."""
    if isinstance(value, dict):
        return {change(k[:1]) + k[1:]: _renamed(v, change) for k, v in value.items()}
    if isinstance(value, list):
        return [_renamed(item, change) for item in value]
    return value


def _read(notes: Json, name: str, kind: type) -> Any:
    """Parse an annotation; the real server passes over what is no such JSON, too."""
    try:
        found = json.loads(notes.get(name) or "null")
    except ValueError:
        found = None
    return found if isinstance(found, kind) else kind()


def _put_notes(meta: Json, notes: Json) -> None:
    meta.pop("annotations", None)
    if notes:
        meta["annotations"] = notes
