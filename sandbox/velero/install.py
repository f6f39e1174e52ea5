"""What an installation of Velero puts into a cluster."""

from __future__ import annotations

from typing import Any

from sandbox.kube.resources import (
    DAEMONSETS,
    DEPLOYMENTS,
    NAMESPACES,
    SECRETS,
    SERVICEACCOUNTS,
    Resource,
)
from sandbox.kube.store import Store
from sandbox.velero.definitions import LOCATIONS, define
from sandbox.velero.objectstore import BUCKET
from sandbox.velero.site import NAMESPACE, VERSION

Json = dict[str, Any]

_IMAGE = f"velero/velero:{VERSION}"


def install(store: Store, url: str, prefix: str = "") -> None:
    """Put the custom kinds, the server, its agents and a default location into a cluster.

    What is there already stays as it is.

    Args:
        store: The cluster's objects.
        url: The object store's address.
        prefix: Where in the bucket.
    """
    define(store)
    _ensure(store, NAMESPACES, {"metadata": {"name": NAMESPACE, "labels": {"component": "velero"}}})
    for resource, obj in (
        (SERVICEACCOUNTS, _named("velero")),
        (SECRETS, {**_named("cloud-credentials"), "type": "Opaque"}),
        (DEPLOYMENTS, _server()),
        (DAEMONSETS, _agent()),
        (LOCATIONS, _location(url, prefix)),
    ):
        _ensure(store, resource, obj)


def _ensure(store: Store, resource: Resource, obj: Json) -> None:
    meta = obj["metadata"]
    if store.peek(resource, meta.get("namespace"), meta["name"]) is None:
        store.create(resource, obj)


def _named(name: str, **labels: str) -> Json:
    labels = {"component": "velero", **labels}
    return {"metadata": {"name": name, "namespace": NAMESPACE, "labels": labels}}


def _server() -> Json:
    labels = {"component": "velero", "deploy": "velero"}
    container = {
        "name": "velero",
        "image": _IMAGE,
        "command": ["/velero"],
        "args": ["server", "--uploader-type=kopia"],
        "ports": [{"name": "metrics", "containerPort": 8085}],
    }
    pod = {"containers": [container], "serviceAccountName": "velero"}
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": {"deploy": "velero"}},
        "strategy": {"type": "Recreate"},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return {**_named("velero"), "spec": spec}


def _agent() -> Json:
    labels = {"name": "node-agent", "role": "node-agent"}
    container = {
        "name": "node-agent",
        "image": _IMAGE,
        "command": ["/velero"],
        "args": ["node-agent", "server"],
    }
    pod = {"containers": [container], "serviceAccountName": "velero"}
    spec = {
        "selector": {"matchLabels": {"name": "node-agent"}},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return {**_named("node-agent"), "spec": spec}


def _location(url: str, prefix: str) -> Json:
    where: Json = {"bucket": BUCKET}
    if prefix:
        where["prefix"] = prefix
    spec = {
        "provider": "aws",
        "default": True,
        "objectStorage": where,
        "config": {"region": "practice", "s3ForcePathStyle": "true", "s3Url": url},
        "credential": {"name": "cloud-credentials", "key": "cloud"},
    }
    return {**_named("default"), "spec": spec}
