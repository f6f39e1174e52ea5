"""Services: their Endpoints and EndpointSlices follow the pods they select."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sandbox.kube.controllers.base import Controller, Handler
from sandbox.kube.controllers.meta import (
    Json,
    deleting,
    key_of,
    labels,
    owner_ref,
    pod_ready,
    uid,
)
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import ENDPOINTS, ENDPOINTSLICES, PODS, SERVICES, Resource

SLICE_LIMIT = 100
"""Addresses in one EndpointSlice at most; Endpoints stop at 1,000, as the real ones."""
ENDPOINTS_LIMIT = 1000
_SERVICE_NAME = "kubernetes.io/service-name"
_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_MANAGER = "endpointslice-controller.k8s.io"


class Services(Controller):
    """Keeps the addresses behind each Service."""

    name = "services"
    level = 3

    def watches(self) -> Mapping[Resource, Handler]:
        """Services, and pods whose address, labels or readiness changed."""
        return {SERVICES: self.enqueue, PODS: self._pod_changed}

    def _pod_changed(self, event: Event) -> None:
        pod, before = event.object, event.previous
        if before is not None and event.type != "DELETED" and _face(pod) == _face(before):
            return
        for service in self.ctx.store.scan(SERVICES, pod["metadata"]["namespace"]):
            selector = service["spec"].get("selector")
            if selector and any(
                selector.items() <= labels(p).items() for p in (pod, before) if p is not None
            ):
                self.ctx.work.add(self.name, key_of(service))

    def reconcile(self, key: Key) -> None:
        """Write the Service's addresses."""
        service = self.ctx.store.peek(SERVICES, *key)
        if service is None or deleting(service):
            if self.ctx.store.peek(ENDPOINTS, *key) is not None:
                self.ctx.store.delete(ENDPOINTS, *key)
            return
        selector = service["spec"].get("selector")
        if not selector or service["spec"].get("type") == "ExternalName":
            return
        pods = sorted(
            (
                pod
                for pod in self.ctx.index.pods_in(key[0])
                if selector.items() <= labels(pod).items()
                and (pod.get("status") or {}).get("podIP")
                and pod["status"].get("phase") not in ("Succeeded", "Failed")
                and not deleting(pod)
            ),
            key=lambda pod: pod["metadata"]["name"],
        )
        self._write_endpoints(service, pods)
        self._write_slices(service, pods)

    def _write_endpoints(self, service: Json, pods: list[Json]) -> None:
        meta = service["metadata"]
        early = service["spec"].get("publishNotReadyAddresses")
        shown = pods[:ENDPOINTS_LIMIT]
        ready = [_address(p, service) for p in shown if early or pod_ready(p)]
        waiting = [_address(p, service) for p in shown if not (early or pod_ready(p))]
        subset: Json = {}
        if ready:
            subset["addresses"] = ready
        if waiting:
            subset["notReadyAddresses"] = waiting
        ports = [
            {k: v for k, v in port.items() if v}
            for port in _ports(service, pods[0] if pods else None)
        ]
        if subset and ports:
            subset["ports"] = ports
        body = {
            "metadata": {
                "name": meta["name"],
                "namespace": meta["namespace"],
                "labels": {
                    **labels(service),
                    "endpoints.kubernetes.io/managed-by": "endpoint-controller",
                },
            },
            "subsets": [subset] if subset else [],
        }
        kept = self.ctx.store.peek(ENDPOINTS, meta["namespace"], meta["name"])
        if kept is None:
            self.ctx.store.create(ENDPOINTS, body)
        elif kept.get("subsets", []) != body["subsets"]:
            self.ctx.store.update(ENDPOINTS, body)

    def _write_slices(self, service: Json, pods: list[Json]) -> None:
        have = sorted(
            self.ctx.index.owned(uid(service), ENDPOINTSLICES), key=lambda s: s["metadata"]["name"]
        )
        groups = [pods[i : i + SLICE_LIMIT] for i in range(0, len(pods), SLICE_LIMIT)] or [[]]
        for number, group in enumerate(groups):
            body = _slice(service, group)
            if number >= len(have):
                self.ctx.store.create(ENDPOINTSLICES, body)
            elif any(have[number].get(k) != body[k] for k in ("endpoints", "ports")):
                body["metadata"] = have[number]["metadata"]
                self.ctx.store.update(ENDPOINTSLICES, body)
        for surplus in have[len(groups) :]:
            self.ctx.remove(ENDPOINTSLICES, surplus)


def _face(pod: Json) -> tuple[object, ...]:
    status = pod.get("status") or {}
    return status.get("podIP"), pod_ready(pod), labels(pod), deleting(pod), status.get("phase")


def _address(pod: Json, service: Json) -> Json:
    meta = pod["metadata"]
    address: Json = {
        "ip": pod["status"]["podIP"],
        "nodeName": pod["spec"].get("nodeName"),
        "targetRef": {
            "kind": "Pod",
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        },
    }
    if _named(pod, service):
        address["hostname"] = pod["spec"]["hostname"]
    return address


def _named(pod: Json, service: Json) -> bool:
    spec = pod["spec"]
    return bool(spec.get("hostname")) and spec.get("subdomain") == service["metadata"]["name"]


def _ports(service: Json, pod: Json | None) -> list[Json]:
    found = []
    for port in service["spec"].get("ports") or ():
        target = port.get("targetPort", port["port"])
        number = _by_name(pod, target) if isinstance(target, str) else target
        if number is not None:
            found.append(
                {
                    "name": port.get("name", ""),
                    "port": number,
                    "protocol": port.get("protocol", "TCP"),
                }
            )
    return found


def _by_name(pod: Json | None, name: str) -> int | None:
    containers: Iterable[Json] = pod["spec"]["containers"] if pod else ()
    for container in containers:
        for port in container.get("ports") or ():
            if port.get("name") == name:
                return int(port["containerPort"])
    return None


def _slice(service: Json, pods: list[Json]) -> Json:
    meta = service["metadata"]
    early = bool(service["spec"].get("publishNotReadyAddresses"))
    endpoints = []
    for pod in pods:
        ready = early or pod_ready(pod)
        endpoint: Json = {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {"ready": ready, "serving": pod_ready(pod), "terminating": False},
            "nodeName": pod["spec"].get("nodeName"),
            "targetRef": _address(pod, service)["targetRef"],
        }
        if _named(pod, service):
            endpoint["hostname"] = pod["spec"]["hostname"]
        endpoints.append(endpoint)
    return {
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": {**labels(service), _SERVICE_NAME: meta["name"], _MANAGED_BY: _MANAGER},
            "ownerReferences": [owner_ref(service)],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": _ports(service, pods[0] if pods else None),
    }
