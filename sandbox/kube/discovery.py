"""Discovery documents: which groups, versions and resources are served."""

from __future__ import annotations

from typing import Any

from sandbox.kube.jsonutil import Json
from sandbox.kube.resources import Registry, Resource

_WRITE = ("get", "patch", "update")
_SUBRESOURCES: dict[str, tuple[tuple[str, str, str], tuple[str, ...]]] = {
    "scale": (("autoscaling", "v1", "Scale"), _WRITE),
    "eviction": (("policy", "v1", "Eviction"), ("create",)),
    "exec": (("", "v1", "PodExecOptions"), ("create", "get")),
    "finalize": (("", "v1", "Namespace"), ("update",)),
    "log": (("", "v1", "Pod"), ("get",)),
    "token": (("authentication.k8s.io", "v1", "TokenRequest"), ("create",)),
}


def subresource_verbs(name: str) -> tuple[str, ...]:
    """Return what may be done with a subresource."""
    return _SUBRESOURCES.get(name, (("", "", ""), _WRITE))[1]


def aggregated(registry: Registry, *, core: bool) -> Json:
    """Return the ``APIGroupDiscoveryList`` (v2) of ``/api`` or of ``/apis``."""
    items = []
    for group, versions in registry.groups().items():
        if (group == "") is core:
            listed = [_version(registry, group, version) for version in versions]
            meta: Json = {"creationTimestamp": None}
            if group:
                meta["name"] = group
            items.append({"metadata": meta, "versions": listed})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _version(registry: Registry, group: str, version: str) -> Json:
    resources = [_aggregated_resource(r) for r in registry.in_version(group, version)]
    return {"version": version, "freshness": "Current", "resources": resources}


def _aggregated_resource(resource: Resource) -> Json:
    entry: Json = {
        "resource": resource.plural,
        "responseKind": _shown_kind(resource, resource.group, resource.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    _names(entry, resource)
    if resource.subresources:
        entry["subresources"] = [
            {
                "subresource": name,
                "responseKind": _shown_kind(resource, *_subresource_kind(resource, name)),
                "verbs": list(subresource_verbs(name)),
            }
            for name in resource.subresources
        ]
    return entry


def _kind(group: str, version: str, kind: str) -> Json:
    return {"group": group, "version": version, "kind": kind}


def _shown_kind(resource: Resource, group: str, version: str, kind: str) -> Json:
    # Group and version are left out where they are those of the list, except for custom kinds.
    if (group, version) == (resource.group, resource.version) and not resource.custom:
        return _kind("", "", kind)
    return _kind(group, version, kind)


def _names(entry: Json, resource: Resource) -> None:
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)


def _subresource_kind(resource: Resource, name: str) -> tuple[str, str, str]:
    known = _SUBRESOURCES.get(name)
    return known[0] if known else (resource.group, resource.version, resource.kind)


def versions(address: str) -> Json:
    """Return the plain document of ``/api``."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def groups(registry: Registry) -> Json:
    """Return the plain document of ``/apis``."""
    listed = [group_document(registry, name) for name in registry.groups() if name]
    for entry in listed:
        del entry["kind"], entry["apiVersion"]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def group_document(registry: Registry, group: str) -> Json:
    """Return the document of ``/apis/GROUP``."""
    entries: list[dict[str, Any]] = [
        {"groupVersion": f"{group}/{version}", "version": version}
        for version in registry.groups()[group]
    ]
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": group,
        "versions": entries,
        "preferredVersion": entries[0],
    }


def resource_list(registry: Registry, group: str, version: str) -> Json:
    """Return the plain document of one group version."""
    entries: list[Json] = []
    for resource in registry.in_version(group, version):
        entry: Json = {
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(resource.verbs),
        }
        _names(entry, resource)
        entries.append(entry)
        for name in resource.subresources:
            kind = _subresource_kind(resource, name)
            below: Json = {
                "name": f"{resource.plural}/{name}",
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": kind[2],
                "verbs": list(subresource_verbs(name)),
            }
            if kind[:2] != (resource.group, resource.version):
                below["group"], below["version"] = kind[:2]
            entries.append(below)
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": entries,
    }
