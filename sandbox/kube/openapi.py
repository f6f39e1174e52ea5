"""OpenAPI v3: an index of group versions and one document for each.

Clients read from it whether ``fieldValidation`` is understood, how lists merge in patches, and
what ``explain`` prints. Paths are derived from the resources, schemas from the field facts.
"""

from __future__ import annotations

import hashlib
import json

from sandbox.kube.errors import path_not_found
from sandbox.kube.jsonutil import Json
from sandbox.kube.resources import Registry, Resource
from sandbox.kube.schema.fields import Schemas

_REF = "#/components/schemas/"
_JSON = "application/json"
_LIST = [
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "pretty",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
]
_WRITE = ["dryRun", "fieldManager", "fieldValidation", "pretty"]
_DELETE = ["dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy", "pretty"]
_INTEGERS = frozenset({"limit", "timeoutSeconds", "gracePeriodSeconds"})
_FLAGS = frozenset(
    {"allowWatchBookmarks", "sendInitialEvents", "watch", "force", "orphanDependents"}
)
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


class OpenApi:
    """Builds the documents, once each until the served resources change."""

    def __init__(self, registry: Registry, schemas: Schemas) -> None:
        self._registry = registry
        self._schemas = schemas
        self._documents: dict[str, tuple[frozenset[Resource], bytes]] = {}

    def index(self) -> Json:
        """Return the document of ``/openapi/v3``."""
        paths = {}
        for group, versions in self._registry.groups().items():
            for version in versions:
                path = f"apis/{group}/{version}" if group else f"api/{version}"
                digest = hashlib.sha256(self.document(path)).hexdigest()[:32].upper()
                paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
        return {"paths": paths}

    def document(self, path: str) -> bytes:
        """Return the encoded document of one group version, such as ``apis/apps/v1``.

        Raises:
            ApiError: 404, when no such group version is served.
        """
        parts = path.strip("/").split("/")
        group, version = (
            ("", parts[-1]) if parts[0] == "api" else ("/".join(parts[1:-1]), parts[-1])
        )
        resources = self._registry.in_version(group, version)
        if not resources:
            raise path_not_found()
        served = frozenset(resources)
        known = self._documents.get(path)
        if known is None or known[0] != served:
            body = json.dumps(self._build(resources), separators=(",", ":")).encode()
            known = self._documents[path] = (served, body)
        return known[1]

    def _build(self, resources: list[Resource]) -> Json:
        schemas = self._schemas.components(resources)
        paths: Json = {}
        for resource in resources:
            name = self._schemas.name(resource)
            if resource.stored:
                schemas[f"{name}List"] = _list_schema(resource, name)
            paths.update(_paths(resource, name))
        return {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1.35"},
            "paths": paths,
            "components": {"schemas": schemas},
        }


def _list_schema(resource: Resource, name: str) -> Json:
    return {
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "items": {"type": "array", "items": {"$ref": _REF + name}},
        },
        "x-kubernetes-group-version-kind": [_gvk(resource, resource.list_kind)],
    }


def _gvk(resource: Resource, kind: str = "") -> Json:
    return {"group": resource.group, "version": resource.version, "kind": kind or resource.kind}


def _paths(resource: Resource, name: str) -> Json:
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else "/api/v1"
    home = f"{root}/namespaces/{{namespace}}" if resource.namespaced else root
    one, many = f"{home}/{resource.plural}/{{name}}", f"{home}/{resource.plural}"
    if not resource.stored:
        return {many: {"post": _operation(resource, name, "post", _WRITE)}}
    paths = {
        many: {
            "get": _operation(resource, f"{name}List", "list", _LIST),
            "post": _operation(resource, name, "post", _WRITE),
            "delete": _operation(resource, name, "deletecollection", [*_LIST[:-1], *_DELETE]),
        },
        one: _single(resource, name),
    }
    if resource.namespaced:
        everywhere = _operation(resource, f"{name}List", "list", _LIST)
        paths[f"{root}/{resource.plural}"] = {"get": everywhere}
    if "status" in resource.subresources:
        paths[f"{one}/status"] = {k: v for k, v in _single(resource, name).items() if k != "delete"}
    return paths


def _single(resource: Resource, name: str) -> Json:
    return {
        "get": _operation(resource, name, "get", ["pretty"]),
        "put": _operation(resource, name, "put", _WRITE),
        "patch": _operation(resource, name, "patch", [*_WRITE, "force"]),
        "delete": _operation(resource, name, "delete", _DELETE),
    }


def _operation(resource: Resource, schema: str, action: str, names: list[str]) -> Json:
    content = {_JSON: {"schema": {"$ref": _REF + schema}}}
    operation: Json = {
        "operationId": f"{action}{resource.group}{resource.version}{resource.kind}",
        "parameters": [_parameter(name) for name in names],
        "responses": {"200": {"description": "OK", "content": content}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _gvk(resource),
    }
    if action in ("post", "put"):
        operation["requestBody"] = {"content": {"*/*": content[_JSON]}, "required": True}
    if action == "patch":
        body = {"schema": {"type": "object"}}
        operation["requestBody"] = {"content": dict.fromkeys(_PATCHES, body), "required": True}
    return operation


def _parameter(name: str) -> Json:
    kind = "integer" if name in _INTEGERS else "boolean" if name in _FLAGS else "string"
    return {"in": "query", "name": name, "schema": {"type": kind, "uniqueItems": True}}
