"""The scale subresource: the number of replicas of a workload, whatever its kind."""

from __future__ import annotations

from sandbox.kube import errors
from sandbox.kube.errors import Cause
from sandbox.kube.jsonutil import Json, dig


def scale_of(obj: Json) -> Json:
    """Return the Scale of a workload."""
    meta = obj["metadata"]
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Json = {"replicas": dig(obj, "status", "replicas", default=0)}
    selector = dig(obj, "spec", "selector")
    if isinstance(selector, dict):
        status["selector"] = _selector_text(selector)
    replicas = dig(obj, "spec", "replicas", default=0)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: meta[name] for name in names if name in meta},
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def wanted_replicas(name: str, scale: Json) -> int:
    """Return the number that a Scale asks for.

    Raises:
        ApiError: 400, when it is no number; 422, when it is negative.
    """
    replicas = dig(scale, "spec", "replicas", default=0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise errors.bad_request(
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal into Go '
            "struct field ScaleSpec.spec.replicas of type int32"
        )
    if replicas < 0:
        text = f"Invalid value: {replicas}: must be greater than or equal to 0"
        cause = Cause("FieldValueInvalid", text, "spec.replicas")
        raise errors.invalid("autoscaling", "Scale", name, [cause])
    return replicas


def _selector_text(selector: Json) -> str:
    labels = selector.get("matchLabels") if "matchLabels" in selector else selector
    return ",".join(f"{k}={v}" for k, v in sorted((labels or {}).items()) if isinstance(v, str))
