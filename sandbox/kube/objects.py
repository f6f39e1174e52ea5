"""The API's verbs on resources: from a parsed request to an HTTP answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from aiohttp import web

from sandbox.kube import convert, errors, media
from sandbox.kube.clock import Clock
from sandbox.kube.deleting import delete_object
from sandbox.kube.jsonutil import Json
from sandbox.kube.listing import Lister, Page
from sandbox.kube.media import Answer
from sandbox.kube.requests import (
    Target,
    check_delete_options,
    check_parameters,
    flag,
    number,
    parse_path,
    verb_of,
    write_options,
)
from sandbox.kube.rights import reviews
from sandbox.kube.rights.authorizer import Authorizer
from sandbox.kube.rights.tokens import Tokens
from sandbox.kube.rights.users import User
from sandbox.kube.runtime import PodRuntime
from sandbox.kube.scaling import scale_of
from sandbox.kube.schema.fields import Schemas
from sandbox.kube.store import Store
from sandbox.kube.streams import serve_exec, serve_log
from sandbox.kube.table.render import Include, Tables, partial
from sandbox.kube.watching import Present, WatchHub, read_watch
from sandbox.kube.writing import Writer, Written, is_patch

_CHUNK = 250


class ObjectApi:
    """Serves every resource path."""

    def __init__(
        self,
        store: Store,
        runtime: PodRuntime,
        *,
        clock: Clock,
        schemas: Schemas,
        tables: Tables,
        hub: WatchHub,
        authorizer: Authorizer,
        tokens: Tokens,
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._clock = clock
        self._tables = tables
        self._hub = hub
        self._lister = Lister(store)
        self._authorizer = authorizer
        self._tokens = tokens
        self._writer = Writer(store, schemas, authorizer)

    async def serve(self, request: web.Request, user: User) -> web.StreamResponse:
        """Answer one request of a user who may ask it.

        Raises:
            ApiError: Whatever the API refuses.
        """
        target = parse_path(request.path, self._store.registry)
        verb = verb_of(request.method, target, request.query)
        check_parameters(request.query, verb)
        answer = media.negotiate(request.headers.get("Accept", ""))
        match verb:
            case "get":
                return self._get(target, request.query, answer)
            case "list":
                return await self._list(request, target, answer)
            case "watch":
                return await self._watch(request, target, answer)
            case "create":
                return await self._create(request, target, answer, user)
            case "update" | "patch":
                return await self._change(request, target, answer, user)
            case "delete":
                options = await _delete_options(request)
                return self._one(target, delete_object(self._store, target, options), answer)
            case "deletecollection":
                return await self._delete_all(request, target)
            case "log":
                pod = self._existing(target)
                return await serve_log(request, pod, self._runtime, self._clock)
        return await serve_exec(request, self._existing(target), self._runtime)

    def _existing(self, target: Target) -> Json:
        kept = convert.stored_form(target.resource)
        found = self._store.get(kept, target.namespace, target.name)
        return convert.from_stored(target.resource, found)

    def _get(self, target: Target, query: Mapping[str, str], answer: Answer) -> web.Response:
        self._lister.check_version(query)
        obj = self._existing(target)
        if target.subresource == "scale":
            return _reply(scale_of(obj), answer)
        return self._one(target, obj, answer, query)

    def _one(
        self,
        target: Target,
        obj: Json,
        answer: Answer,
        query: Mapping[str, str] | None = None,
        *,
        status: int = 200,
        warnings: tuple[str, ...] = (),
    ) -> web.Response:
        """Answer with one object in the form the client asked for."""
        if obj.get("kind") == target.resource.kind and answer.form == "Table":
            meta = {"resourceVersion": obj["metadata"]["resourceVersion"]}
            include = _include(query or {})
            body = self._tables.encode(target.resource, [obj], meta, include)
            return web.Response(body=body, content_type=media.JSON, status=status)
        if answer.form == "Metadata" and obj.get("kind") == target.resource.kind:
            obj = partial(obj)
        return _reply(obj, answer, status=status, warnings=warnings)

    async def _list(
        self, request: web.Request, target: Target, answer: Answer
    ) -> web.StreamResponse:
        page = self._lister.page(target, request.query)
        resource = target.resource
        if answer.form == "Table":
            include = _include(request.query)
            body = self._tables.encode(resource, page.items, page.metadata(), include)
            return web.Response(body=body, content_type=media.JSON)
        present = _presenter(target, answer)
        if answer.yaml:
            items = [present(obj) for obj in page.items]
            return _reply(_list_body(target, answer, page, items), answer)
        return await _stream_list(request, _list_body(target, answer, page, []), page, present)

    async def _watch(
        self, request: web.Request, target: Target, answer: Answer
    ) -> web.StreamResponse:
        include = _include(request.query)
        present: Present = _presenter(target, answer, whole=True)
        if answer.form == "Table":
            present = self._table_presenter(target, include)
        form = f"{target.resource.api_version}/{answer.form}/{include}"
        watch = read_watch(target, request.query, form, present)
        response = web.StreamResponse(
            headers={"Content-Type": media.JSON, "Transfer-Encoding": "chunked"}
        )
        await response.prepare(request)
        cut = await self._hub.serve(watch, response)
        if cut and request.transport is not None:
            request.transport.abort()
        return response

    def _table_presenter(self, target: Target, include: Include) -> Present:
        def present(obj: Json) -> Any:
            meta = {"resourceVersion": obj["metadata"]["resourceVersion"]}
            return media.Encoded(self._tables.encode(target.resource, [obj], meta, include))

        return present

    async def _create(
        self, request: web.Request, target: Target, answer: Answer, user: User
    ) -> web.Response:
        agent = request.headers.get("User-Agent", "")
        options = write_options(request.query, "create", agent, user)
        body = media.decode(await request.read(), request.content_type)
        if target.subresource == "eviction":
            return _reply(self._evict(target, media.object_body(body)), answer, status=201)
        if target.subresource == "token":
            made = self._tokens.answer(self._existing(target), media.object_body(body))
            return _reply(made, answer, status=201)
        if not target.resource.stored:
            review = reviews.answer(self._authorizer, user, target, media.object_body(body))
            return _reply(review, answer, status=201)
        written = self._writer.create(target, body, options)
        return self._written(target, written, answer)

    def _evict(self, target: Target, eviction: Json) -> Json:
        if eviction.get("kind") not in (None, "", "Eviction"):
            raise errors.bad_request(f"the body is no Eviction, but of kind {eviction['kind']!r}")
        name = (eviction.get("metadata") or {}).get("name")
        if name not in (None, "", target.name):
            raise errors.bad_request("name in URL does not match name in Eviction object")
        pod = self._existing(target)
        options = eviction.get("deleteOptions") or {}
        check_delete_options(options)
        return self._runtime.evict(self._store, pod, options)

    async def _change(
        self, request: web.Request, target: Target, answer: Answer, user: User
    ) -> web.Response:
        query = request.query
        content_type = request.headers.get("Content-Type", "")
        verb = "update" if request.method == "PUT" else "patch"
        if verb == "patch" and "apply-patch" in content_type:
            verb = "apply"
        options = write_options(query, verb, request.headers.get("User-Agent", ""), user)
        if request.method == "PATCH" and not is_patch(content_type):
            raise errors.unsupported_media_type("415: Unsupported Media Type")
        body = media.decode(await request.read(), content_type)
        if verb == "apply":
            _check_identity(media.object_body(body))
        if request.method == "PUT":
            written = self._writer.update(target, body, options)
        else:
            written = self._writer.patch(target, content_type, body, options)
        return self._written(target, written, answer)

    def _written(self, target: Target, written: Written, answer: Answer) -> web.Response:
        status = 201 if written.created else 200
        return self._one(target, written.object, answer, status=status, warnings=written.warnings)

    async def _delete_all(self, request: web.Request, target: Target) -> web.Response:
        options = await _delete_options(request)
        number(request.query, "limit")
        page = self._lister.page(target, {**request.query, "limit": "0"})
        gone = []
        for obj in page.items:
            meta = obj["metadata"]
            one = Target(target.resource, meta.get("namespace"), meta["name"])
            delete_object(self._store, one, options)
            gone.append(convert.from_stored(target.resource, obj))
        return _reply(_list_body(target, Answer(), page, gone), Answer())


def _check_identity(config: Json) -> None:
    """An applied configuration says what it is; other bodies may leave that to the path."""
    for name in ("apiVersion", "kind"):
        if not config.get(name):
            raise errors.bad_request(f"Object '{name}' is missing in the applied configuration")


def _include(query: Mapping[str, str]) -> Include:
    found = query.get("includeObject") or "Metadata"
    if found not in ("None", "Metadata", "Object"):
        raise errors.bad_request(f'includeObject: unrecognized value "{found}"')
    return cast(Include, found)


def _presenter(target: Target, answer: Answer, *, whole: bool = False) -> Present:
    """Return what brings kept objects into the form of a list's items or a watch's objects."""
    resource = target.resource
    if answer.form == "Metadata":
        return partial
    if whole or resource.custom:
        return lambda obj: convert.from_stored(resource, obj)

    def bare(obj: Json) -> Json:
        shown = convert.from_stored(resource, obj)
        return {k: v for k, v in shown.items() if k not in ("kind", "apiVersion")}

    return bare


def _list_body(target: Target, answer: Answer, page: Page, items: list[Json]) -> Json:
    metadata_only = answer.form == "Metadata"
    return {
        "kind": "PartialObjectMetadataList" if metadata_only else target.resource.list_kind,
        "apiVersion": "meta.k8s.io/v1" if metadata_only else target.resource.api_version,
        "metadata": page.metadata(),
        "items": items,
    }


async def _stream_list(
    request: web.Request, head: Json, page: Page, present: Present
) -> web.StreamResponse:
    """Send a list; long ones in pieces, so that other requests are served in between."""
    start = media.dumps(head)[:-2]
    if len(page.items) <= _CHUNK:
        items = b",".join(media.dumps(present(obj)) for obj in page.items)
        return web.Response(body=start + items + b"]}", content_type=media.JSON)
    response = web.StreamResponse(headers={"Content-Type": media.JSON})
    await response.prepare(request)
    for at in range(0, len(page.items), _CHUNK):
        piece = b",".join(media.dumps(present(o)) for o in page.items[at : at + _CHUNK])
        await response.write((b"," if at else start) + piece)
        await asyncio.sleep(0)
    await response.write(b"]}")
    await response.write_eof()
    return response


def _reply(
    body: Json, answer: Answer, *, status: int = 200, warnings: tuple[str, ...] = ()
) -> web.Response:
    data, content_type = media.encode(body, answer)
    response = web.Response(body=data, content_type=content_type, status=status)
    for warning in warnings:
        text = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{text}"')
    return response


async def _delete_options(request: web.Request) -> Json:
    """The options of a deletion: those of the body; without one, those of the parameters."""
    data = await request.read()
    if data:
        body = media.decode(data, request.headers.get("Content-Type", ""))
        options = dict(media.object_body(body))
    else:
        options = _delete_parameters(request.query)
    check_delete_options(options)
    return options


def _delete_parameters(query: Mapping[str, str]) -> Json:
    options: Json = {}
    grace = number(query, "gracePeriodSeconds")
    if grace is not None:
        options["gracePeriodSeconds"] = grace
    if query.get("propagationPolicy"):
        options["propagationPolicy"] = query["propagationPolicy"]
    if "orphanDependents" in query:
        options["orphanDependents"] = flag(query, "orphanDependents")
    if "dryRun" in query:
        options["dryRun"] = [query["dryRun"]]
    return options
