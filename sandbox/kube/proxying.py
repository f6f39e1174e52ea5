"""HTTP to what runs behind a Service, through the API server: ``services/NAME:PORT/proxy/PATH``.

Refusals follow ``pkg/registry/core/service/storage`` and ``apimachinery``'s ``proxy/transport.go``
of Kubernetes v1.35. What runs in the pods is played: Parse Server knows its health, everything
else says ``ok``.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from sandbox.kube import errors
from sandbox.kube.errors import ApiError
from sandbox.kube.pods import environment, network
from sandbox.kube.resources import SERVICES
from sandbox.kube.store import Store

Json = dict[str, Any]

_MOUNT = "PARSE_SERVER_MOUNT_PATH"


def asked(path: str) -> tuple[str, str, str] | None:
    """Return namespace, ``name:port`` and path when a request goes through a Service's proxy."""
    parts = path.lstrip("/").split("/", 7)
    if parts[:3] != ["api", "v1", "namespaces"] or len(parts) < 7:
        return None
    if (parts[4], parts[6]) != ("services", "proxy"):
        return None
    return parts[3], parts[5], "/" + (parts[7] if len(parts) > 7 else "")


def serve(store: Store, method: str, namespace: str, target: str, path: str) -> web.Response:
    """Answer as the pods behind the Service would.

    Raises:
        ApiError: 404 without such a Service; 503 without such a port or without ready pods.
    """
    scheme, _, rest = target.partition(":") if target.count(":") == 2 else ("", "", target)
    name, _, port = rest.partition(":")
    service = store.get(SERVICES, namespace, name)
    if scheme not in ("", "http"):
        raise errors.not_implemented(f"the scheme {scheme!r} of a Service's proxy")
    if method != "GET":
        raise errors.not_implemented(f"{method} through a Service's proxy")
    ports = service["spec"].get("ports") or []
    if not any(port in (str(p["port"]), p.get("name", "")) for p in ports) and (
        port or len(ports) != 1
    ):
        raise _unavailable(f'no service port "{port}" found for service "{name}"')
    found = network.connect(store, name, namespace)
    if not found.pods:
        raise _unavailable(f'no endpoints available for service "{name}"')
    return _answer(store, found.pods[0], path)


def _answer(store: Store, pod: Json, path: str) -> web.Response:
    for container in pod["spec"]["containers"]:
        mount = environment.environment(store, pod, container).get(_MOUNT)
        if mount is None:
            continue
        if path == f"{mount}/health":
            return _said(200, {"status": "ok"})
        if path.startswith(f"{mount}/"):
            return _said(403, {"error": "unauthorized"})
        return web.Response(status=404, text=f"Cannot GET {path}\n", content_type="text/html")
    return web.Response(text="ok\n")


def _said(status: int, body: Json) -> web.Response:
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")


def _unavailable(text: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", text)
