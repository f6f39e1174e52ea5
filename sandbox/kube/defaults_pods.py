"""Default values of pods and pod templates, as ``pkg/apis/core/v1/defaults.go`` sets them."""

from __future__ import annotations

from typing import Any

from sandbox.kube.jsonutil import Json

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_MODED = ("configMap", "secret", "downwardAPI", "projected")
_NOT_READY = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_EVICT_AFTER_SECONDS = 300


def default_pod(obj: Json) -> None:
    """Fill in a pod: its spec, and what admission adds to pods only."""
    spec = obj.setdefault("spec", {})
    if not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec.get("serviceAccount") or "default"
    default_pod_spec(spec)
    _fill(
        spec,
        enableServiceLinks=True,
        priority=0,
        preemptionPolicy="PreemptLowerPriority",
        tolerations=[],
    )
    tolerated = {t.get("key") for t in spec["tolerations"] if t.get("effect") != "NoSchedule"}
    for key in _NOT_READY:
        if key not in tolerated and None not in tolerated:
            spec["tolerations"].append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": _EVICT_AFTER_SECONDS,
                }
            )
    for container in _containers(spec):
        limits = container["resources"].get("limits")
        if limits:
            requests = container["resources"].setdefault("requests", {})
            for name, amount in limits.items():
                requests.setdefault(name, amount)
    obj.setdefault("status", {}).setdefault("qosClass", qos_class(spec))


def default_pod_spec(spec: Json) -> None:
    """Fill in the spec of a pod or of a pod template."""
    _fill(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in _containers(spec):
        _container(container)
        if spec.get("hostNetwork"):
            for port in container.get("ports") or ():
                _fill(port, hostPort=port.get("containerPort"))
    for volume in spec.get("volumes") or ():
        _volume(volume)


def qos_class(spec: Json) -> str:
    """Return Guaranteed, Burstable or BestEffort, from requests and limits."""
    guaranteed, any_set = True, False
    for container in _containers(spec):
        limits = container["resources"].get("limits") or {}
        requests = container["resources"].get("requests") or {}
        any_set = any_set or bool(limits or requests)
        for name in ("cpu", "memory"):
            if not limits.get(name) or requests.get(name, limits[name]) != limits[name]:
                guaranteed = False
    if not any_set:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _fill(target: Json, **values: Any) -> None:
    for name, value in values.items():
        if target.get(name) is None:
            target[name] = value


def _containers(spec: Json) -> list[Json]:
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _container(container: Json) -> None:
    image = str(container.get("image") or "")
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    floating = "@" not in image and tag in ("", "latest")
    _fill(
        container,
        imagePullPolicy="Always" if floating else "IfNotPresent",
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        resources={},
    )
    for port in container.get("ports") or ():
        _fill(port, protocol="TCP")
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference:
            _fill(reference, apiVersion="v1")
    for name in _PROBES:
        probe = container.get(name)
        if probe:
            _probe(probe)
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict) and hook.get("httpGet"):
            _fill(hook["httpGet"], path="/", scheme="HTTP")


def _probe(probe: Json) -> None:
    _fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if probe.get("httpGet"):
        _fill(probe["httpGet"], path="/", scheme="HTTP")
    if probe.get("grpc"):
        _fill(probe["grpc"], service="")


def _volume(volume: Json) -> None:
    if set(volume) <= {"name"}:
        volume["emptyDir"] = {}
    for kind in _MODED:
        if isinstance(volume.get(kind), dict):
            _fill(volume[kind], defaultMode=420)
    if isinstance(volume.get("hostPath"), dict):
        _fill(volume["hostPath"], type="")
    for source in (volume.get("projected") or {}).get("sources") or ():
        if source.get("serviceAccountToken"):
            _fill(source["serviceAccountToken"], expirationSeconds=3600)
    items = (volume.get("downwardAPI") or {}).get("items") or ()
    for item in items:
        if item.get("fieldRef"):
            _fill(item["fieldRef"], apiVersion="v1")
