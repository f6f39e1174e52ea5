"""Checks of HorizontalPodAutoscalers, in the order and words of the real ones.

Facts: ``pkg/apis/autoscaling/validation`` of Kubernetes v1.35. Of the metrics, those by resource
are checked in full, and of others that their source is there.
"""

from __future__ import annotations

from sandbox.kube.autoscaling import source_field
from sandbox.kube.causes import Found, forbidden, invalid, required, unsupported
from sandbox.kube.errors import Cause
from sandbox.kube.jsonutil import Json, dig

_METRICS = ("ContainerResource", "External", "Object", "Pods", "Resource")
_TARGETS = ("Utilization", "Value", "AverageValue")


def check_autoscaler(obj: Json, old: Json | None = None) -> Found:
    """Check a new autoscaler, or a changed one against the kept one."""
    spec = obj.get("spec") or {}
    found, least, most = Found(), spec.get("minReplicas"), spec.get("maxReplicas") or 0
    if least is not None and least < 1:
        found.append(_at_least("spec.minReplicas", least, "1"))
    if most < 1:
        found.append(invalid("spec.maxReplicas", most, "must be greater than 0"))
    if least is not None and most < least:
        found.append(_at_least("spec.maxReplicas", most, "`minReplicas`"))
    found += _target(spec.get("scaleTargetRef") or {}, dig(old, "spec", "scaleTargetRef"))
    found += _metrics(spec.get("metrics") or [], least)
    for name in ("scaleUp", "scaleDown"):
        found += _rules(dig(spec, "behavior", name, default={}), f"spec.behavior.{name}")
    return found


def check_autoscaler_status(obj: Json) -> Found:
    """Check a status that somebody writes."""
    counts = {name: dig(obj, "status", name) for name in ("currentReplicas", "desiredReplicas")}
    return [
        _at_least(f"status.{name}", count, "0")
        for name, count in counts.items()
        if count is not None and count < 0
    ]


def _at_least(path: str, value: int, limit: str) -> Cause:
    return invalid(path, value, f"must be greater than or equal to {limit}")


def _target(ref: Json, before: Json | None) -> Found:
    found = Found()
    for name in ("kind", "name"):
        value = ref.get(name) or ""
        path = f"spec.scaleTargetRef.{name}"
        if not value:
            found.append(required(path))
        elif value in (".", ".."):
            found.append(invalid(path, value, f"may not be '{value}'"))
        else:
            bad = (c for c in "/%" if c in value)
            found += [invalid(path, value, f"may not contain '{c}'") for c in bad]
    same = before and all(ref.get(k) == before.get(k) for k in ("apiVersion", "kind"))
    version = ref.get("apiVersion") or ""
    if same:
        return found
    if version.count("/") > 1:
        why = f"unexpected GroupVersion string: {version}"
    elif "/" not in version and ref.get("kind") != "ReplicationController":
        why = "apiVersion must specify API group"
    else:
        return found
    return [*found, invalid("spec.scaleTargetRef.apiVersion", version, why)]


def _metrics(metrics: list[Json], least: int | None) -> Found:
    found = Found()
    for index, metric in enumerate(metrics):
        found += _metric(metric, f"spec.metrics[{index}]")
    if least == 0 and not any(m.get("type") in ("Object", "External") for m in metrics):
        detail = (
            "must specify at least one Object or External metric to support scaling to zero "
            "replicas"
        )
        found.append(forbidden("spec.metrics", detail))
    return found


def _metric(metric: Json, path: str) -> Found:
    kind, found = metric.get("type") or "", Found()
    if not kind:
        found.append(required(f"{path}.type", "must specify a metric source type"))
    if kind not in _METRICS:
        # The real server's two rules both say so.
        return [*found, *[unsupported(f"{path}.type", kind, _METRICS)] * 2]
    if metric.get("resource"):
        found += _resource(metric["resource"], f"{path}.resource")
    own = source_field(kind)
    if not metric.get(own):
        detail = "must populate information for the given metric source"
        found.append(required(f"{path}.{own}", detail))
    present = [source_field(k) for k in _METRICS if metric.get(source_field(k))]
    if len(present) > 1:
        detail = "must populate the given metric source only"
        found += [forbidden(f"{path}.{name}", detail) for name in present if name != own]
    return found


def _resource(source: Json, path: str) -> Found:
    found, target = Found(), source.get("target") or {}
    if not source.get("name"):
        found.append(required(f"{path}.name", "must specify a resource name"))
    path = f"{path}.target"
    if not target.get("type"):
        found.append(required(f"{path}.type", "must specify a metric target type"))
    if target.get("type") not in _TARGETS:
        detail = "must be either Utilization, Value, or AverageValue"
        found.append(invalid(f"{path}.type", target.get("type") or "", detail))
    percent, value = target.get("averageUtilization"), target.get("averageValue")
    if percent is not None and percent < 1:
        found.append(invalid(f"{path}.averageUtilization", percent, "must be greater than 0"))
    if percent is None and value is None:
        detail = "must set either a target raw value or a target utilization"
        found.append(required(f"{path}.averageUtilization", detail))
    if percent is not None and value is not None:
        detail = "may not set both a target raw value and a target utilization"
        found.append(forbidden(f"{path}.averageValue", detail))
    return found


def _rules(rules: Json, path: str) -> Found:
    if not rules:
        return []
    found, window = Found(), rules.get("stabilizationWindowSeconds")
    where = f"{path}.stabilizationWindowSeconds"
    if window is not None and window < 0:
        found.append(_at_least(where, window, "zero"))
    if window is not None and window > 3600:
        found.append(invalid(where, window, "must be less than or equal to 3600"))
    if rules.get("selectPolicy") not in (None, "Max", "Min", "Disabled"):
        known = ("Disabled", "Max", "Min")
        found.append(unsupported(f"{path}.selectPolicy", rules["selectPolicy"], known))
    if not rules.get("policies"):
        found.append(required(f"{path}.policies", "must specify at least one Policy"))
    for index, policy in enumerate(rules.get("policies") or ()):
        found += _policy(policy, f"{path}.policies[{index}]")
    return found


def _policy(policy: Json, path: str) -> Found:
    found = Found()
    if policy.get("type") not in ("Percent", "Pods"):
        found.append(unsupported(f"{path}.type", policy.get("type", ""), ("Percent", "Pods")))
    for name in ("value", "periodSeconds"):
        number = policy.get(name) or 0
        if number <= 0:
            found.append(invalid(f"{path}.{name}", number, "must be greater than zero"))
    if (policy.get("periodSeconds") or 0) > 1800:
        detail = "must be less than or equal to 1800"
        found.append(invalid(f"{path}.periodSeconds", policy["periodSeconds"], detail))
    return found
