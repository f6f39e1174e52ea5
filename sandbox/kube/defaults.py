"""Default values that the API server writes into objects, for kinds other than pods.

Clients rely on them: a three-way merge is stable only when what was left out comes back as the
server fills it. Source: ``pkg/apis/*/v1/defaults.go`` of Kubernetes v1.35.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.kube.autoscaling import fill_autoscaler
from sandbox.kube.defaults_pods import default_pod, default_pod_spec
from sandbox.kube.jsonutil import Json
from sandbox.kube.resources import Resource

_RBAC = "rbac.authorization.k8s.io"


def apply_defaults(resource: Resource, obj: Json) -> None:
    """Fill in what the real server fills in for this kind; the object is changed in place."""
    rule = _RULES.get(resource.key)
    if rule is not None:
        rule(obj)


def fill(target: Json, **values: Any) -> None:
    """Set the members that are missing or None."""
    for name, value in values.items():
        if target.get(name) is None:
            target[name] = value


def _spec(obj: Json) -> Json:
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        spec = obj["spec"] = {}
    return spec


def _template(spec: Json) -> None:
    template = spec.get("template")
    if isinstance(template, dict):
        default_pod_spec(template.setdefault("spec", {}))


def _deployment(obj: Json) -> None:
    spec = _spec(obj)
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    strategy = spec["strategy"]
    fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(strategy, rollingUpdate={})
        fill(strategy["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")
    _template(spec)


def _replicas(obj: Json) -> None:
    spec = _spec(obj)
    fill(spec, replicas=1)
    _template(spec)


def _replication_controller(obj: Json) -> None:
    spec = _spec(obj)
    fill(spec, replicas=1)
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels and not spec.get("selector"):
        spec["selector"] = dict(labels)
    _template(spec)


def _stateful_set(obj: Json) -> None:
    spec = _spec(obj)
    fill(
        spec,
        replicas=1,
        podManagementPolicy="OrderedReady",
        revisionHistoryLimit=10,
        updateStrategy={},
        persistentVolumeClaimRetentionPolicy={},
    )
    fill(spec["persistentVolumeClaimRetentionPolicy"], whenDeleted="Retain", whenScaled="Retain")
    update = spec["updateStrategy"]
    fill(update, type="RollingUpdate")
    if update["type"] == "RollingUpdate":
        fill(update, rollingUpdate={})
        fill(update["rollingUpdate"], partition=0)
    for claim in spec.get("volumeClaimTemplates") or ():
        claim["apiVersion"], claim["kind"] = "v1", "PersistentVolumeClaim"
        _claim(claim)
        fill(claim, status={"phase": "Pending"})
    _template(spec)


def _daemon_set(obj: Json) -> None:
    spec = _spec(obj)
    fill(spec, revisionHistoryLimit=10, updateStrategy={})
    update = spec["updateStrategy"]
    fill(update, type="RollingUpdate")
    if update["type"] == "RollingUpdate":
        fill(update, rollingUpdate={})
        fill(update["rollingUpdate"], maxUnavailable=1, maxSurge=0)
    _template(spec)


def _job(obj: Json) -> None:
    spec = _spec(obj)
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    fill(
        spec,
        parallelism=1,
        backoffLimit=6,
        completionMode="NonIndexed",
        suspend=False,
        podReplacementPolicy="TerminatingOrFailed",
    )
    _template(spec)


def _cron_job(obj: Json) -> None:
    spec = _spec(obj)
    fill(
        spec,
        concurrencyPolicy="Allow",
        suspend=False,
        successfulJobsHistoryLimit=3,
        failedJobsHistoryLimit=1,
    )
    _template((spec.get("jobTemplate") or {}).get("spec") or {})


def _service(obj: Json) -> None:
    spec = _spec(obj)
    fill(spec, type="ClusterIP", sessionAffinity="None")
    for port in spec.get("ports") or ():
        fill(port, protocol="TCP")
        fill(port, targetPort=port.get("port"))
    if spec["sessionAffinity"] == "ClientIP":
        fill(spec, sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10800}})
    if spec["type"] == "ExternalName":
        return
    fill(
        spec,
        internalTrafficPolicy="Cluster",
        ipFamilies=["IPv4"],
        ipFamilyPolicy="SingleStack",
    )
    if spec["type"] in ("NodePort", "LoadBalancer"):
        fill(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)


def _claim(obj: Json) -> None:
    fill(_spec(obj), volumeMode="Filesystem")


def _volume(obj: Json) -> None:
    fill(_spec(obj), persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")


def _network_policy(obj: Json) -> None:
    spec = _spec(obj)
    fill(spec, podSelector={})
    fill(spec, policyTypes=["Ingress"] + (["Egress"] if spec.get("egress") else []))
    for rule in [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]:
        for port in rule.get("ports") or ():
            fill(port, protocol="TCP")


def _secret(obj: Json) -> None:
    fill(obj, type="Opaque")


def _storage_class(obj: Json) -> None:
    fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _binding(obj: Json) -> None:
    fill(obj.get("roleRef") or {}, apiGroup=_RBAC)
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            fill(subject, apiGroup=_RBAC)


def _definition(obj: Json) -> None:
    spec = _spec(obj)
    names = spec.get("names") or {}
    if names.get("kind"):
        fill(names, singular=names["kind"].lower(), listKind=f"{names['kind']}List")
    fill(spec, conversion={"strategy": "None"})


def _priority_class(obj: Json) -> None:
    fill(obj, preemptionPolicy="PreemptLowerPriority")


def _endpoints(obj: Json) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            fill(port, protocol="TCP")


def _endpoint_slice(obj: Json) -> None:
    for port in obj.get("ports") or ():
        fill(port, protocol="TCP", name="")


_RULES: dict[str, Callable[[Json], None]] = {
    "pods": default_pod,
    "services": _service,
    "endpoints": _endpoints,
    "secrets": _secret,
    "persistentvolumes": _volume,
    "persistentvolumeclaims": _claim,
    "replicationcontrollers": _replication_controller,
    "deployments.apps": _deployment,
    "replicasets.apps": _replicas,
    "statefulsets.apps": _stateful_set,
    "daemonsets.apps": _daemon_set,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "horizontalpodautoscalers.autoscaling": fill_autoscaler,
    "networkpolicies.networking.k8s.io": _network_policy,
    "rolebindings.rbac.authorization.k8s.io": _binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding,
    "storageclasses.storage.k8s.io": _storage_class,
    "customresourcedefinitions.apiextensions.k8s.io": _definition,
    "priorityclasses.scheduling.k8s.io": _priority_class,
    "endpointslices.discovery.k8s.io": _endpoint_slice,
}
