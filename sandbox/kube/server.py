"""The HTTP server of the practice cluster: who may ask, which part answers, how it fails."""

from __future__ import annotations

import base64
import json
import logging
import platform

from aiohttp import web

from sandbox.kube import discovery, errors, media, proxying
from sandbox.kube.clock import Clock, utc_now
from sandbox.kube.definitions import Definitions
from sandbox.kube.errors import ApiError
from sandbox.kube.faults import Faults, fault_from_json
from sandbox.kube.jsonutil import Json
from sandbox.kube.metrics import GROUP, MetricsApi
from sandbox.kube.objects import ObjectApi
from sandbox.kube.openapi import OpenApi
from sandbox.kube.resources import NAMESPACES
from sandbox.kube.rights.authorizer import Authorizer
from sandbox.kube.rights.gate import Gate
from sandbox.kube.rights.roles import furnish
from sandbox.kube.rights.tokens import Tokens
from sandbox.kube.rights.users import ADMIN, User
from sandbox.kube.runtime import PodRuntime
from sandbox.kube.schema.fields import Schemas
from sandbox.kube.store import Store
from sandbox.kube.table.render import Tables
from sandbox.kube.tls import self_signed
from sandbox.kube.watching import WatchHub

VERSION = "v1.35.4"
"""The Kubernetes version whose behaviour is followed."""

_log = logging.getLogger(__name__)
_CHECKS = ("ping", "log", "etcd", "etcd-readiness", "informer-sync", "shutdown")
"""Some of a real server's checks of itself, in its order."""
_FIRST_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_LARGEST_BODY = 3 * 1024 * 1024


class KubeServer:
    """Serves a store as a Kubernetes API on the loopback interface.

    Args:
        store: The objects.
        runtime: What runs in pods: logs, exec, eviction.
        version: The version the server says it has.
        token: The administrator's bearer token, over TLS, for clients send tokens no other way;
            None lets everybody in as the administrator over plain HTTP.
        clock: The time for ages and logs.
        faults: Failures in force; also set through ``/sandbox/faults``.
        bookmark_seconds: How often watches get a bookmark.
        metrics: What nodes and pods use; None without a metrics server.
    """

    def __init__(
        self,
        store: Store,
        runtime: PodRuntime,
        *,
        version: str = VERSION,
        token: str | None = None,
        clock: Clock = utc_now,
        faults: Faults | None = None,
        bookmark_seconds: float = 60.0,
        metrics: MetricsApi | None = None,
    ) -> None:
        self.store = store
        self._metrics = metrics
        self.faults = faults or Faults()
        self._version = version
        self._token = token
        self._certificate = self_signed() if token else None
        schemas = Schemas()
        tables = Tables(store, clock)
        self._definitions = Definitions(store, schemas, tables)
        self._openapi = OpenApi(store.registry, schemas)
        self._hub = WatchHub(store, bookmark_seconds=bookmark_seconds)
        authorizer, tokens = Authorizer(store), Tokens(store, clock)
        self._gate = Gate(authorizer, tokens, token)
        self._objects = ObjectApi(
            store,
            runtime,
            clock=clock,
            schemas=schemas,
            tables=tables,
            hub=self._hub,
            authorizer=authorizer,
            tokens=tokens,
        )
        self._runner: web.AppRunner | None = None
        self._port = 0
        for name in _FIRST_NAMESPACES:
            if store.peek(NAMESPACES, None, name) is None:
                store.create(NAMESPACES, {"metadata": {"name": name}})
        furnish(store)

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one.

        Raises:
            OSError: The port is taken.
        """
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0
        )
        await self._runner.setup()
        context = self._certificate.server_context() if self._certificate else None
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=context)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """End all watches and stop listening."""
        self._hub.close()
        self._definitions.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def drop_watches(self) -> int:
        """Cut the connection of every open watch; returns how many there were."""
        return self._hub.drop_all()

    @property
    def url(self) -> str:
        """The server's address, without a trailing slash."""
        scheme = "https" if self._certificate else "http"
        return f"{scheme}://127.0.0.1:{self._port}"

    @property
    def authority_pem(self) -> str:
        """The certificate that clients must trust; empty for plain HTTP."""
        return self._certificate.certificate_pem if self._certificate else ""

    def kubeconfig(self) -> Json:
        """Return a kubeconfig for this server; it holds the token."""
        user: Json = {"token": self._token} if self._token else {}
        cluster: Json = {"server": self.url}
        if self._certificate:
            authority = base64.b64encode(self.authority_pem.encode()).decode()
            cluster["certificate-authority-data"] = authority
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": cluster}],
            "users": [{"name": ADMIN.name, "user": user}],
            "contexts": [
                {
                    "name": "sandbox",
                    "context": {
                        "cluster": "sandbox",
                        "user": ADMIN.name,
                        "namespace": "default",
                    },
                }
            ],
            "current-context": "sandbox",
        }

    # -- one request -----------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            user = self._gate.enter(request)
            if request.path == "/sandbox/faults":
                return await self._admin(request)
            await self.faults.meet(request.method, request.path)
            return await self._route(request, user)
        except ApiError as error:
            return _refusal(error)
        except ConnectionError:  # the client has gone; nobody reads this
            return web.Response(status=499)
        except web.HTTPException:
            raise
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            return _refusal(ApiError(500, "InternalError", "Internal error occurred: see the log"))

    async def _route(self, request: web.Request, user: User) -> web.StreamResponse:
        path = request.path.rstrip("/") or "/"
        parts = path.strip("/").split("/")
        if path in ("/healthz", "/readyz", "/livez"):
            for name in set(request.query) - {"verbose", "timeout"}:
                raise errors.not_implemented(f"the query parameter {name!r} of {path}")
            return self._health(path[1:], verbose="verbose" in request.query)
        if path == "/version":
            return _json(self._version_body())
        if parts[0] == "openapi":
            return self._serve_openapi(path, parts)
        proxied = proxying.asked(request.path)
        if proxied is not None:
            return proxying.serve(self.store, request.method, *proxied)
        metrics = self._metrics if self._metrics and self._metrics.served else None
        if metrics is not None and parts[:2] == ["apis", GROUP]:
            return _json(metrics.answer(request.method, parts[2:], request.query))
        if parts[0] in ("api", "apis"):
            small = self._serve_discovery(request, parts)
            return small if small is not None else await self._objects.serve(request, user)
        raise errors.not_implemented(f"the path {request.path!r}")

    def _health(self, name: str, *, verbose: bool) -> web.Response:
        """The server's health; its checks one by one where they are asked for, or one fails."""
        failing = self.faults.checks & set(_CHECKS)
        if not verbose and not failing:
            return web.Response(text="ok")
        lines = [
            f"[-]{check} failed: reason withheld" if check in failing else f"[+]{check} ok"
            for check in _CHECKS
        ]
        end = f"{name} check {'failed' if failing else 'passed'}"
        return web.Response(status=500 if failing else 200, text="\n".join([*lines, end, ""]))

    def _version_body(self) -> Json:
        major, minor, _ = self._version.removeprefix("v").split(".", 2)
        return {
            "major": major,
            "minor": minor,
            "gitVersion": self._version,
            "gitCommit": "",
            "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z",
            "goVersion": "",
            "compiler": "python",
            "platform": f"linux/{platform.machine()}",
        }

    def _serve_openapi(self, path: str, parts: list[str]) -> web.Response:
        if parts[:2] != ["openapi", "v3"]:
            raise errors.not_implemented(f"the path {path!r}; use /openapi/v3")
        if len(parts) == 2:
            return _json(self._openapi.index())
        document = self._openapi.document("/".join(parts[2:]))
        return web.Response(body=document, content_type=media.JSON)

    def _serve_discovery(self, request: web.Request, parts: list[str]) -> web.Response | None:
        """Answer a discovery path; None when the path is below a group version."""
        core = parts[0] == "api"
        registry = self.store.registry
        if len(parts) == 1:
            answer = media.negotiate(request.headers.get("Accept", ""))
            metrics = self._metrics if not core and self._metrics else None
            if answer.form == "Discovery":
                body = discovery.aggregated(registry, core=core)
                body["items"] += [metrics.aggregated()] if metrics and metrics.served else []
                return _discovery(body)
            if core:
                return _json(discovery.versions(self.url.partition("//")[2]))
            body = discovery.groups(registry)
            body["groups"] += [metrics.group()] if metrics and metrics.served else []
            return _json(body)
        group = "" if core else parts[1]
        if group not in registry.groups():
            raise errors.path_not_found()
        if not core and len(parts) == 2:
            return _json(discovery.group_document(registry, group))
        version = parts[1] if core else parts[2]
        if version not in registry.groups()[group]:
            raise errors.path_not_found()
        if len(parts) == (2 if core else 3):
            return _json(discovery.resource_list(registry, group, version))
        return None

    async def _admin(self, request: web.Request) -> web.Response:
        """The switchboard of failures: GET lists, POST adds, DELETE ends them.

        A POST of ``{"dropWatches": true}`` cuts all watches.
        """
        if request.method == "GET":
            return _json({"faults": self.faults.to_json()})
        if request.method == "DELETE":
            self.faults.clear()
            return _json({"faults": []})
        if request.method != "POST":
            raise errors.not_implemented(f"{request.method} of /sandbox/faults")
        body = media.object_body(media.decode(await request.read(), media.JSON))
        if body == {"dropWatches": True}:
            return _json({"dropped": self.drop_watches()})
        try:
            self.faults.add(fault_from_json(body))
        except ValueError as error:
            raise errors.bad_request(str(error)) from error
        return _json({"faults": self.faults.to_json()})


def _json(body: Json) -> web.Response:
    return web.Response(body=media.dumps(body), content_type=media.JSON)


def _discovery(body: Json) -> web.Response:
    kind = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    return web.Response(body=media.dumps(body), headers={"Content-Type": kind})


def _refusal(error: ApiError) -> web.Response:
    return web.Response(
        body=json.dumps(error.status()).encode(),
        content_type=media.JSON,
        status=error.code,
        headers=error.headers,
    )
