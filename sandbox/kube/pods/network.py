"""Names and connections inside the cluster: which pods answer at ``service:port``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sandbox.kube.controllers.meta import is_true, pod_ready
from sandbox.kube.resources import NODES, PODS, SERVICES
from sandbox.kube.store import Store

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a connection.

    Attributes:
        resolved: Whether the name is known.
        pods: The pods that would take the connection.
    """

    resolved: bool
    pods: tuple[Json, ...] = ()


def running(store: Store, pod: Json) -> bool:
    """Whether a pod's containers run, on a node that is there, and were not asked to stop."""
    status = pod.get("status") or {}
    states = [c.get("state") or {} for c in status.get("containerStatuses") or ()]
    return (
        "deletionTimestamp" not in pod["metadata"]
        and status.get("phase") == "Running"
        and bool(states)
        and all("running" in state for state in states)
        and reachable(store, pod)
    )


def reachable(store: Store, pod: Json) -> bool:
    """Whether the pod's node answers."""
    node = store.peek(NODES, None, pod["spec"].get("nodeName", ""))
    return node is not None and is_true(node.get("status") or {}, "Ready")


def ready(store: Store, pod: Json) -> bool:
    """Whether a pod takes traffic."""
    return running(store, pod) and pod_ready(pod)


def connect(store: Store, host: str, namespace: str) -> Answer:
    """Find who answers at a cluster-internal host name.

    Args:
        store: The cluster's objects.
        host: Such as ``web``, ``web.prod`` or ``db-0.db.prod.svc.cluster.local``.
        namespace: Where the caller is.
    """
    parts = host.removesuffix(".").removesuffix(".cluster.local").removesuffix(".svc").split(".")
    first = store.peek(SERVICES, parts[1] if len(parts) > 1 else namespace, parts[0])
    if first is not None and len(parts) <= 2:
        pods = (p for p in _behind(store, first) if ready(store, p) and _listens(p, first))
        return Answer(True, tuple(pods))
    if len(parts) in (2, 3):
        home = parts[2] if len(parts) == 3 else namespace
        service = store.peek(SERVICES, home, parts[1])
        pod = store.peek(PODS, home, parts[0])
        if service is not None and pod is not None and pod["spec"].get("subdomain") == parts[1]:
            early = service["spec"].get("publishNotReadyAddresses")
            if early or ready(store, pod):
                return Answer(True, (pod,) if running(store, pod) else ())
    return Answer(False)


def _behind(store: Store, service: Json) -> list[Json]:
    selector = service["spec"].get("selector")
    if not selector:
        return []
    return [
        pod
        for pod in store.scan(PODS, service["metadata"]["namespace"])
        if selector.items() <= (pod["metadata"].get("labels") or {}).items()
    ]


def _listens(pod: Json, service: Json) -> bool:
    """Whether something in the pod takes what the Service sends.

    A pod that declares no port is believed to listen if it is there to stay.
    """
    ports = [p for c in pod["spec"]["containers"] for p in c.get("ports") or ()]
    if not ports:
        return bool(pod["spec"].get("restartPolicy", "Always") == "Always")
    targets = [p.get("targetPort", p["port"]) for p in service["spec"].get("ports") or ()]
    return any(target in (p["containerPort"], p.get("name")) for target in targets for p in ports)


def host_of(url: str) -> str:
    """Return the host of a URL or of ``host:port/path``."""
    return urlsplit(url if "://" in url else f"//{url}").hostname or ""
