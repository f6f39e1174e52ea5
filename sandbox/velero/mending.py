"""What is changed in a saved object before it is created again. Pure.

Follows ``pkg/restore/actions`` and ``resetMetadataAndStatus`` of velero v1.18.3.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.kube.jsonutil import thaw
from sandbox.velero.site import label_value

Json = dict[str, Any]

BACKUP_LABEL, RESTORE_LABEL = "velero.io/backup-name", "velero.io/restore-name"
_RESET = (
    "generateName", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences",
)  # fmt: skip
_CLAIM_NOTES = (
    "pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller",
    "volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node", "velero.io/volume-snapshot-name",
    "velero.io/data-upload-name",
)  # fmt: skip
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
WAITER = "restore-wait"


def reset(obj: Json) -> Json:
    """Return a copy without what the cluster gave it: identity, owners, status."""
    copy: Json = thaw(obj)
    for name in _RESET:
        copy["metadata"].pop(name, None)
    copy.pop("status", None)
    return copy


def marked(obj: Json, backup: str, restore: str) -> None:
    """Label an object with where it came from."""
    labels = obj["metadata"].get("labels") or {}
    labels[BACKUP_LABEL], labels[RESTORE_LABEL] = label_value(backup), label_value(restore)
    obj["metadata"]["labels"] = labels


def unmarked(obj: Json) -> Json:
    """Return a copy without those labels."""
    copy: Json = thaw(obj)
    labels = copy["metadata"].get("labels") or {}
    for name in (BACKUP_LABEL, RESTORE_LABEL):
        labels.pop(name, None)
    return copy


def completed(resource: str, obj: Json) -> bool:
    """Whether an object has done its work; such pods and Jobs are not restored."""
    status = obj.get("status") or {}
    if resource == "pods":
        return status.get("phase") in ("Succeeded", "Failed")
    return resource == "jobs.batch" and bool(status.get("completionTime"))


def mended(resource: str, obj: Json, restore: Json) -> Json | None:
    """Return the object as it is to be created; None when it is left out."""
    rule = _RULES.get(resource)
    return rule(obj, restore["spec"]) if rule is not None else obj


def _pod(obj: Json, _spec: Json) -> Json:
    spec = obj["spec"]
    for name in ("nodeName", "priority"):
        spec.pop(name, None)
    head = f"{spec.get('serviceAccountName', '')}-token-"
    volumes = spec.get("volumes") or []
    spec["volumes"] = [v for v in volumes if not v["name"].startswith(head)]
    waiting = spec.get("initContainers") or []
    spec["initContainers"] = [c for c in waiting if c["name"] != WAITER]
    for container in (*spec["containers"], *spec["initContainers"]):
        mounts = container.get("volumeMounts") or []
        container["volumeMounts"] = [m for m in mounts if not m["name"].startswith(head)]
    return obj


def with_waiter(pod: Json, volumes: Mapping[str, str], restore: Json) -> None:
    """Give a pod the init container that waits until its volumes are filled."""
    env = [
        {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
        for name, path in (("POD_NAMESPACE", "metadata.namespace"), ("POD_NAME", "metadata.name"))
    ]
    waiter = {
        "name": WAITER,
        "image": "velero/velero:v1.18.3",
        "command": ["/velero-restore-helper"],
        "args": [restore["metadata"]["uid"]],
        "env": env,
        "volumeMounts": [{"name": v, "mountPath": f"/restores/{v}"} for v in sorted(volumes)],
    }
    pod["spec"]["initContainers"] = [waiter, *(pod["spec"].get("initContainers") or ())]


def _claim(obj: Json, _spec: Json) -> Json:
    notes = obj["metadata"].get("annotations") or {}
    for name in _CLAIM_NOTES:
        notes.pop(name, None)
    return obj


def _job(obj: Json, _spec: Json) -> Json:
    spec = obj["spec"]
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    selected = (spec.get("selector") or {}).get("matchLabels") or {}
    for where in (labels, selected):
        for name in ("controller-uid", "batch.kubernetes.io/controller-uid"):
            where.pop(name, None)
    return obj


def _account(obj: Json, _spec: Json) -> Json:
    head = f"{obj['metadata']['name']}-token-"
    if obj.get("secrets"):
        obj["secrets"] = [s for s in obj["secrets"] if not s["name"].startswith(head)]
    return obj


def _binding(obj: Json, spec: Json) -> Json:
    mapping = spec.get("namespaceMapping") or {}
    for subject in obj.get("subjects") or ():
        if subject.get("namespace") in mapping:
            subject["namespace"] = mapping[subject["namespace"]]
    return obj


def _service(obj: Json, spec: Json) -> Json:
    body = obj["spec"]
    if body.get("clusterIP") != "None":
        body.pop("clusterIP", None)
        body.pop("clusterIPs", None)
    if not spec.get("preserveNodePorts") and body.get("type") != "ExternalName":
        named = _explicit_ports(obj)
        for port in body.get("ports") or ():
            if not named(port):
                port.pop("nodePort", None)
    return obj


def _explicit_ports(obj: Json) -> Callable[[Json], bool]:
    """Return the test whether somebody chose a port's nodePort himself."""
    applied = (obj["metadata"].get("annotations") or {}).get(_APPLIED)
    if applied is not None:
        ports = (json.loads(applied).get("spec") or {}).get("ports") or ()
        chosen = {(p.get("name"), p["nodePort"]) for p in ports if p.get("nodePort")}
        names = {name for name, _ in chosen}
        return lambda port: (
            port["name"] in names if port.get("name") else (None, port.get("nodePort")) in chosen
        )
    fields = [
        ((entry.get("fieldsV1") or {}).get("f:spec") or {}).get("f:ports") or {}
        for entry in obj["metadata"].get("managedFields") or ()
    ]
    keys = {key for ports in fields for key, inside in ports.items() if "f:nodePort" in inside}
    return lambda port: _port_key(port) in keys


def _port_key(port: Json) -> str:
    return f'k:{{"port":{port["port"]},"protocol":"{port.get("protocol", "TCP")}"}}'


def _secret(obj: Json, _spec: Json) -> Json | None:
    if obj.get("type") != "kubernetes.io/service-account-token":
        return obj
    (obj["metadata"].get("annotations") or {}).pop("kubernetes.io/service-account.uid", None)
    for name in ("token", "ca.crt"):
        (obj.get("data") or {}).pop(name, None)
    return obj


def unbound(obj: Json) -> None:
    """Forget that a claim or volume was bound."""
    ref = obj["spec"].get("claimRef")
    if ref:
        for name in ("uid", "resourceVersion"):
            ref.pop(name, None)
    notes = obj["metadata"].get("annotations") or {}
    for name in _CLAIM_NOTES[:2]:
        notes.pop(name, None)


def difference(old: Any, new: Any) -> Any:
    """Return the JSON merge patch that makes ``new`` of ``old``."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    patch = {
        name: difference(old[name], value) if name in old else value
        for name, value in new.items()
        if name not in old or old[name] != value
    }
    return {**patch, **dict.fromkeys(set(old) - set(new))}


def merged_account(cluster: Json, saved: Json) -> Json:
    """Return a ServiceAccount with what the saved one has and it has not."""
    copy: Json = thaw(cluster)
    for name in ("secrets", "imagePullSecrets"):
        have = {ref["name"] for ref in copy.get(name) or ()}
        fresh = [ref for ref in saved.get(name) or () if ref["name"] not in have]
        if fresh:
            copy[name] = [*(copy.get(name) or ()), *fresh]
    for name in ("labels", "annotations"):
        both = {**(saved["metadata"].get(name) or {}), **(copy["metadata"].get(name) or {})}
        if both:
            copy["metadata"][name] = both
    return copy


_RULES: dict[str, Callable[[Json, Json], Json | None]] = {
    "pods": _pod,
    "persistentvolumeclaims": _claim,
    "jobs.batch": _job,
    "serviceaccounts": _account,
    "rolebindings.rbac.authorization.k8s.io": _binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding,
    "services": _service,
    "secrets": _secret,
}
