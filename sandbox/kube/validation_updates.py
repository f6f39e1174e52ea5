"""What may not change: checks of an object against the one that is kept."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.kube.causes import Found, forbidden, invalid
from sandbox.kube.jsonutil import Json, dig
from sandbox.kube.validation_autoscalers import check_autoscaler
from sandbox.kube.validation_pods import check_pod_update

Change = Callable[[Json, Json], Found]

_STATEFUL_FREE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def _fixed(*path: str) -> Callable[[Json, Json], Found]:
    """A rule that a field may not change."""

    def rule(obj: Json, old: Json) -> Found:
        value = dig(obj, *path)
        if value == dig(old, *path):
            return []
        return [invalid(".".join(path), value, "field is immutable")]

    return rule


def check_finalizers(obj: Json, old: Json) -> Found:
    """An object that is being deleted gets no new finalizers."""
    before, after = (set(dig(o, "metadata", "finalizers", default=())) for o in (old, obj))
    new = sorted(after - before)
    if not new or "deletionTimestamp" not in old["metadata"]:
        return []
    shown = ", ".join(f'"{name}"' for name in new)
    why = (
        "no new finalizers can be added if the object is being deleted, "
        f"found new finalizers []string{{{shown}}}"
    )
    return [forbidden("metadata.finalizers", why)]


def _stateful_update(obj: Json, old: Json) -> Found:
    after, before = ({k: v for k, v in (o.get("spec") or {}).items() if k not in _STATEFUL_FREE}
                     for o in (obj, old))  # fmt: skip
    if after == before:
        return []
    free = ", ".join(f"'{name}'" for name in _STATEFUL_FREE[:-1])
    detail = (
        f"updates to statefulset spec for fields other than {free} and "
        f"'{_STATEFUL_FREE[-1]}' are forbidden"
    )
    return [forbidden("spec", detail)]


def _job_update(obj: Json, old: Json) -> Found:
    return [
        cause
        for name in ("selector", "completionMode", "template")
        for cause in _fixed("spec", name)(obj, old)
    ]


def _service_update(obj: Json, old: Json) -> Found:
    after, before = (dig(o, "spec", "clusterIP", default="") for o in (obj, old))
    external = "ExternalName" in (dig(obj, "spec", "type"), dig(old, "spec", "type"))
    if not before or after == before or external:
        return []
    value = dig(obj, "spec", "clusterIPs", default=[after])
    return [invalid("spec.clusterIPs[0]", value, "may not change once set")]


def _claim_update(obj: Json, old: Json) -> Found:
    free = ["resources", "volumeAttributesClassName"]
    if not dig(old, "spec", "volumeName"):
        free.append("volumeName")
    after, before = ({k: v for k, v in (o.get("spec") or {}).items() if k not in free}
                     for o in (obj, old))  # fmt: skip
    if after == before:
        return []
    detail = (
        "spec is immutable after creation except resources.requests and "
        "volumeAttributesClassName for bound claims"
    )
    return [forbidden("spec", detail)]


def _frozen_update(obj: Json, old: Json) -> Found:
    found = []
    if "type" in old and obj.get("type") != old["type"]:
        found.append(invalid("type", obj.get("type"), "field is immutable"))
    if old.get("immutable"):
        detail = "field is immutable when `immutable` is set"
        for name in ("immutable", "data", "binaryData"):
            if obj.get(name) != old.get(name):
                found.append(forbidden(name, detail))
    return found


def _binding_update(obj: Json, old: Json) -> Found:
    if obj.get("roleRef") == old.get("roleRef"):
        return []
    given = obj.get("roleRef") or {}
    shown = {"APIGroup": given.get("apiGroup", "")}
    shown |= {"Kind": given.get("kind", ""), "Name": given.get("name", "")}
    return [invalid("roleRef", shown, "cannot change roleRef")]


def _class_update(obj: Json, old: Json) -> Found:
    found = []
    for name in ("parameters", "provisioner"):
        if obj.get(name) != old.get(name):
            found.append(forbidden(name, f"updates to {name} are forbidden."))
    return found


CHANGES: dict[str, Change] = {
    "pods": check_pod_update,
    "horizontalpodautoscalers.autoscaling": check_autoscaler,
    "deployments.apps": _fixed("spec", "selector"),
    "replicasets.apps": _fixed("spec", "selector"),
    "daemonsets.apps": _fixed("spec", "selector"),
    "statefulsets.apps": _stateful_update,
    "jobs.batch": _job_update,
    "services": _service_update,
    "persistentvolumeclaims": _claim_update,
    "secrets": _frozen_update,
    "configmaps": _frozen_update,
    "rolebindings.rbac.authorization.k8s.io": _binding_update,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding_update,
    "storageclasses.storage.k8s.io": _class_update,
}
"""Rules by the key of the resource."""
