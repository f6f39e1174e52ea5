"""Which pods belong to a workload, and which of them to its newest revision.

A crash-looping pod of the *old* revision must not fail the deploy that replaces it, and a
StatefulSet's broken pod of the old revision blocks the new one until it is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Object = Mapping[str, Any]

_NUMBER = "deployment.kubernetes.io/revision"
_TEMPLATE = "pod-template-hash"
_CONTROLLER = "controller-revision-hash"


def selects(workload: Object, pod: Object) -> bool:
    """Whether the workload's selector matches the pod's labels."""
    selector: Object = (workload.get("spec") or {}).get("selector") or {}
    labels: Mapping[str, str] = pod["metadata"].get("labels") or {}
    equal: Mapping[str, str] = selector.get("matchLabels") or {}
    expressions: Sequence[Object] = selector.get("matchExpressions") or []
    if not equal and not expressions:
        return False
    return all(labels.get(k) == v for k, v in equal.items()) and all(
        _fulfils(expression, labels) for expression in expressions
    )


def _fulfils(expression: Object, labels: Mapping[str, str]) -> bool:
    key, values = str(expression.get("key")), expression.get("values") or []
    match expression.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False


def current_pods(
    workload: Object, pods: Iterable[Object], replica_sets: Iterable[Object] = ()
) -> list[Object]:
    """The pods of the newest revision; none while that revision is not known yet.

    Args:
        workload: Whose controller has observed its newest spec.
        pods: Pods that its selector matches.
        replica_sets: The namespace's, needed for a Deployment.
    """
    key, value = _newest(workload, replica_sets)
    if value is None:
        return []
    return [pod for pod in pods if _label(pod, key) == value]


def outdated_pods(workload: Object, pods: Iterable[Object]) -> list[str]:
    """Names of a StatefulSet's pods that are not ready and not of its newest revision.

    Kubernetes does not replace these by itself (kubernetes/kubernetes#67250): after a
    rollback they must be deleted, or the StatefulSet stays stuck.
    """
    newest = (workload.get("status") or {}).get("updateRevision")
    return [
        str(pod["metadata"]["name"])
        for pod in pods
        if selects(workload, pod)
        and newest
        and _label(pod, _CONTROLLER) != newest
        and not pod["metadata"].get("deletionTimestamp")
        and not is_ready(pod)
    ]


def is_ready(pod: Object) -> bool:
    """Whether the pod's Ready condition is true."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _newest(workload: Object, replica_sets: Iterable[Object]) -> tuple[str, str | None]:
    status: Object = workload.get("status") or {}
    meta: Object = workload["metadata"]
    match workload.get("kind"):
        case "StatefulSet":
            return _CONTROLLER, status.get("updateRevision")
        case "Deployment":
            number = (meta.get("annotations") or {}).get(_NUMBER)
            for candidate in replica_sets:
                owners = candidate["metadata"].get("ownerReferences") or []
                ours = any(o.get("uid") == meta.get("uid") for o in owners)
                its = (candidate["metadata"].get("annotations") or {}).get(_NUMBER)
                if ours and number is not None and its == number:
                    return _TEMPLATE, _label(candidate, _TEMPLATE)
            return _TEMPLATE, None
    # A DaemonSet does not name its revision; its pods carry the template's generation.
    return "pod-template-generation", (meta.get("annotations") or {}).get(
        "deprecated.daemonset.template.generation"
    )


def _label(item: Object, key: str) -> str | None:
    value = (item["metadata"].get("labels") or {}).get(key)
    return None if value is None else str(value)
