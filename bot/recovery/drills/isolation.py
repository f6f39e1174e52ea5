"""What keeps a drill's copy to itself: its namespace, its walls, and what is left out. Pure.

A NetworkPolicy only ever allows, and several add up. So the app's own policies are left out: one
of them could open what the drill closes. Whether anything in the cluster enforces policies cannot
be seen from its API; that is why `hosts` is asked first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bot.recovery.which.apps import APP_LABEL, ASKER_ANNOTATION, JOB_ANNOTATION
from integrations.velero.models import RestoreSpec

if TYPE_CHECKING:
    from integrations.velero.contents import Saved

Object = Mapping[str, Any]

DRILL_LABEL = "onprem.io/drill"
WALL = "onprem-drill"
DOOR = "onprem-drill-probes"
_NAME_MAX = 63
_POD_SECURITY = "pod-security.kubernetes.io/"

_NETWORK, _GATEWAY = "networking.k8s.io", "gateway.networking.k8s.io"
_ADMISSION, _MONITORING = "admissionregistration.k8s.io", "monitoring.coreos.com"
_WEBHOOKS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
LEFT_OUT = (
    # Ways in from outside: the live app's hosts are its own.
    f"ingresses.{_NETWORK}",
    *(f"{kind}.{_GATEWAY}" for kind in ("gateways", "httproutes", "grpcroutes", "tlsroutes")),
    *("ingressroutes.traefik.io", "ingressroutetcps.traefik.io"),
    *("gateways.networking.istio.io", "virtualservices.networking.istio.io"),
    # What acts on its own.
    *("cronjobs.batch", "jobs.batch"),
    *(f"{kind}.{_ADMISSION}" for kind in _WEBHOOKS),
    "kustomizations.kustomize.toolkit.fluxcd.io",
    "helmreleases.helm.toolkit.fluxcd.io",
    "applications.argoproj.io",
    "certificates.cert-manager.io",
    # Alerts about the copy.
    *(f"{kind}.{_MONITORING}" for kind in ("servicemonitors", "podmonitors", "prometheusrules")),
    # What would open the walls, or lead out by an address.
    f"networkpolicies.{_NETWORK}",
    "ciliumnetworkpolicies.cilium.io",
    "networkpolicies.crd.projectcalico.org",
    "networkpolicies.projectcalico.org",
    "endpoints",
    "endpointslices.discovery.k8s.io",
)
"""What a drill does not restore, as Velero calls it."""
_UNSAID = frozenset({"endpoints", "endpointslices.discovery.k8s.io"})
"""Made anew; nobody misses them."""


def scratch_name(namespace: str, request_id: str) -> str:
    """The namespace of a drill's copy: `parse-drill-4k2m9xq1`."""
    tail = f"-drill-{request_id[-8:]}"
    return namespace[: _NAME_MAX - len(tail)].rstrip("-") + tail


def namespace_body(name: str, live: Object, app: str, job: str, asker: str) -> dict[str, Any]:
    """The namespace of the copy, with the pod security of the live one."""
    own = live.get("metadata") or {}
    kept = {k: v for k, v in (own.get("labels") or {}).items() if k.startswith(_POD_SECURITY)}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {**kept, DRILL_LABEL: job, APP_LABEL: app},
            "annotations": {JOB_ANNOTATION: job, ASKER_ANNOTATION: asker},
        },
    }


def wall(namespace: str, job: str) -> dict[str, Any]:
    """Nothing gets in or out; pods of the namespace reach each other, and any DNS."""
    inside: list[dict[str, Any]] = [{"podSelector": {}}]
    dns = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    return _policy(
        WALL,
        namespace,
        job,
        {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": inside}],
            "egress": [{"to": inside}, {"ports": dns}],
        },
    )


def door(namespace: str, job: str, ports: Iterable[int | str]) -> dict[str, Any]:
    """A way in to the ports that the probes ask, for the API server, whose address is unknown."""
    opened = [{"port": port, "protocol": "TCP"} for port in ports]
    return _policy(
        DOOR,
        namespace,
        job,
        {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": opened}]},
    )


def _policy(name: str, namespace: str, job: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace, "labels": {DRILL_LABEL: job}},
        "spec": dict(spec),
    }


def split(saved: Iterable[Saved], namespace: str) -> tuple[list[Object], list[str]]:
    """A backup's objects of a namespace: those that come back, and names of those left out."""
    kept: list[Object] = []
    left: list[str] = []
    for one in saved:
        if one.namespace != namespace or one.ended:
            continue
        if one.resource not in LEFT_OUT:
            kept.append(one.object)
        elif one.resource not in _UNSAID:
            left.append(f"{one.kind} {one.name}")
    return kept, sorted(left)


def plain_services(objects: Iterable[Object]) -> list[dict[str, Any]]:
    """Rules that keep Services from taking ports or addresses outside of the cluster.

    Two Services with one external address would share its traffic, the live app's.
    """
    return [
        {
            "conditions": {
                "groupResource": "services",
                "resourceNameRegex": f"^{re.escape(str(obj['metadata']['name']))}$",
            },
            "mergePatches": [{"patchData": json.dumps({"spec": _inner(obj["spec"])})}],
        }
        for obj in objects
        if obj.get("kind") == "Service" and _outward(obj["spec"])
    ]


def modifier_name(job: str) -> str:
    """The ConfigMap in Velero's namespace that holds a drill's rules."""
    return f"onprem-drill-{job}"


def modifier_body(
    name: str, namespace: str, job: str, rules: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The rules as Velero reads them; JSON is YAML."""
    text = json.dumps({"version": "v1", "resourceModifierRules": list(rules)})
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {DRILL_LABEL: job}},
        "data": {"rules.yaml": text},
    }


def is_ours(namespace: Object, job: str) -> bool:
    """Whether a namespace was made by this drill."""
    return bool((namespace["metadata"].get("labels") or {}).get(DRILL_LABEL) == job)


def restore_spec(
    backup: str, namespace: str, scratch: str, job: str, app: str, modifier: str
) -> RestoreSpec:
    """What a drill asks Velero for."""
    return RestoreSpec(
        backup=backup,
        mapping={namespace: scratch},
        namespaces=(namespace,),
        excluded_resources=LEFT_OUT,
        node_ports=False,
        resource_modifier=modifier,
        labels={DRILL_LABEL: job, APP_LABEL: app},
        annotations={JOB_ANNOTATION: job},
    )


def _outward(spec: Mapping[str, Any]) -> bool:
    return spec.get("type") in ("NodePort", "LoadBalancer") or bool(spec.get("externalIPs"))


def _inner(spec: Mapping[str, Any]) -> dict[str, Any]:
    ports = [{k: v for k, v in port.items() if k != "nodePort"} for port in spec.get("ports") or ()]
    outside = (
        "allocateLoadBalancerNodePorts",
        "externalIPs",
        "externalTrafficPolicy",
        "healthCheckNodePort",
        "loadBalancerClass",
        "loadBalancerIP",
        "loadBalancerSourceRanges",
    )
    gone = {field: None for field in outside if field in spec}
    return {**gone, "type": "ClusterIP", "ports": ports}
