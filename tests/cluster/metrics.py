"""metrics-server on the lab: what nodes and pods use, for ``kubectl top`` and autoscalers.

    with metrics_server(lab, folder):
        lab.api("GET", f"{METRICS}/nodes")

What the containers use is made up by kwok (``kwok/config/usage.yaml``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.cluster import servers
from tests.cluster.build import Builder
from tests.cluster.lab import Lab, Refused
from tests.cluster.monitoring import Server
from tests.cluster.process import Ledger, Process, free_port

Json = dict[str, Any]

RESOLUTION = 10
"""Seconds between two looks of metrics-server, its least; use is known after the second one."""

CPU, MEMORY = "kwok.x-k8s.io/usage-cpu", "kwok.x-k8s.io/usage-memory"
"""Annotations of a pod: what each of its containers uses, as quantities."""

METRICS = "/apis/metrics.k8s.io/v1beta1"
"""Where metrics-server's figures are, at the lab's API server."""

NAME = "metrics-server"
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
SERVICES = "/api/v1/namespaces/kube-system/services"
APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


@contextmanager
def metrics_server(lab: Lab, folder: Path) -> Iterator[Server]:
    """Give a lab the metrics API, and take it away at the end.

    Ready once it knows what the nodes and pods that are there now use: ``RESOLUTION`` seconds,
    if the pods run already. The API server decides who may read it.
    """
    builder = Builder()
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    binary = builder.build(["metrics-server"])["metrics-server"]
    process = Process(
        "metrics-server",
        _metrics_server(binary, lab, port),
        folder / "metrics-server.log",
        Ledger(builder.cache / "labs"),
    )
    for node in lab.api("GET", "/api/v1/nodes")["items"]:
        _tell_where(lab, node)
    # Its own `/readyz` says no for ever where no pods run.
    url = f"https://127.0.0.1:{port}"
    server = Server(process, url, f"{url}/livez", lab.files.certificate)
    try:
        server.start()
        _register(lab, port)
        process.wait_until(lambda: _knows_all(lab))
        yield server
    finally:
        _unregister(lab)
        process.stop(grace=2.0)


def _metrics_server(binary: Path, lab: Lab, port: int) -> servers.Command:
    return [
        binary,
        f"--kubeconfig={lab.kubeconfig}",
        f"--authentication-kubeconfig={lab.kubeconfig}",
        f"--authorization-kubeconfig={lab.kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={lab.files.certificate}",
        f"--tls-private-key-file={lab.files.key}",
        f"--metric-resolution={RESOLUTION}s",
        f"--kubelet-request-timeout={RESOLUTION // 2}s",
        "--kubelet-insecure-tls",
        "--kubelet-use-node-status-port",
        "--kubelet-preferred-address-types=InternalIP",
    ]


def _tell_where(lab: Lab, node: Json) -> None:
    """Where a node's figures are: kwok answers for all nodes at one port."""
    name, port = node["metadata"]["name"], node["status"]["daemonEndpoints"]["kubeletEndpoint"]
    path = f"/metrics/nodes/{name}/metrics/resource"
    notes = {"metrics.k8s.io/resource-metrics-path": path}
    lab.api("PATCH", f"/api/v1/nodes/{name}", {"metadata": {"annotations": notes}})
    # kwok looks for its pods when it is asked first, and knows none of them in that answer.
    url = f"https://127.0.0.1:{port['Port']}{path}"
    lab.kwok.wait_until(lambda: servers.answers(url, lab.files.certificate))


def _register(lab: Lab, port: int) -> None:
    """Put it behind the API server; endpoints on the loopback address would be refused.

    The API server, which has asked RBAC about its caller already, has no certificate to show
    there, so it is nobody there; with it nobody else is anonymous.
    """
    reading = {"apiGroups": ["metrics.k8s.io"], "resources": ["*"], "verbs": ["get", "list"]}
    finding = {"nonResourceURLs": ["/apis/*", "/openapi/*"], "verbs": ["get"]}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME}
    anonymous = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User"}
    behind = {"namespace": "kube-system", "name": NAME, "port": port}
    parts: dict[str, Json] = {
        ROLES: {"rules": [reading, finding]},
        BINDINGS: {"roleRef": role, "subjects": [{**anonymous, "name": "system:anonymous"}]},
        SERVICES: {"spec": {"type": "ExternalName", "externalName": "localhost"}},
        APISERVICES: {
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": True,
                "service": behind,
            }
        },
    }
    for path, part in parts.items():
        lab.api("POST", path, {"metadata": {"name": _name(path)}, **part})


def _unregister(lab: Lab) -> None:
    for path in (APISERVICES, SERVICES, BINDINGS, ROLES):
        with suppress(OSError, Refused):
            lab.api("DELETE", f"{path}/{_name(path)}")


def _name(path: str) -> str:
    return "v1beta1.metrics.k8s.io" if path == APISERVICES else NAME


def _knows_all(lab: Lab) -> bool:
    """Whether nodes and running pods all have figures."""
    running = "/api/v1/pods?fieldSelector=status.phase%3DRunning"
    for there, kind in (("/api/v1/nodes", "nodes"), (running, "pods")):
        try:
            told = _names(lab, f"{METRICS}/{kind}")
        except Refused:
            return False
        if not _names(lab, there) <= told:
            return False
    return True


def _names(lab: Lab, path: str) -> set[tuple[str, str]]:
    found = (item["metadata"] for item in lab.api("GET", path)["items"])
    return {(meta.get("namespace", ""), meta["name"]) for meta in found}
