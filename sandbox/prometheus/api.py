"""Prometheus' HTTP API, as much of it as programs that draw and explain need."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.kube.jsonutil import Json

if TYPE_CHECKING:
    from sandbox.prometheus.server import PracticePrometheus

VERSION = "3.8.1"
"""The Prometheus whose behaviour is followed."""
_STATUS = {"bad_data": 400, "execution": 422, "timeout": 503, "canceled": 503, "internal": 500}

Answer = Callable[[Mapping[str, str]], Any]


class Api:
    """Answers for one practice Prometheus."""

    def __init__(self, server: PracticePrometheus) -> None:
        self._server = server
        self._queries: dict[str, Answer] = {
            "/api/v1/query": self._query,
            "/api/v1/query_range": self._range,
            "/api/v1/series": self._series,
            "/api/v1/labels": lambda _: sorted({n for s in self._all() for n in s}),
            "/api/v1/rules": lambda _: server.ruler.rules(),
            "/api/v1/alerts": lambda _: {"alerts": server.ruler.alerts()},
            "/api/v1/targets": lambda _: self._targets(),
            "/api/v1/status/buildinfo": lambda _: _BUILD,
        }

    def application(self) -> web.Application:
        """The application that serves it."""
        app = web.Application()
        for path in ("/-/healthy", "/-/ready"):
            app.router.add_get(path, self._ready)
        for path, answer in self._queries.items():
            handler = self._handler(answer)
            app.router.add_get(path, handler)
            app.router.add_post(path, handler)
        app.router.add_get("/api/v1/label/{name}/values", self._values)
        app.router.add_get("/graph", self._page)
        return app

    # -- questions -------------------------------------------------------------------------

    def _query(self, form: Mapping[str, str]) -> Any:
        from sandbox.prometheus import answers, asking

        moment = asking.moment(form, "time", self._server.now())
        most = asking.limit(form)
        found = self._server.query(form.get("query", ""), moment)
        return _limited(answers.instant(found, moment), most)

    def _range(self, form: Mapping[str, str]) -> Any:
        from sandbox.prometheus import answers, asking

        most = asking.limit(form)
        found, steps = self._server.range(form.get("query", ""), *asking.steps(form))
        return _limited(answers.ranged(found, steps), most)

    def _series(self, form: Mapping[str, str]) -> list[Mapping[str, str]]:
        from sandbox.prometheus import asking

        now = self._server.now()
        start = asking.moment(form, "start", now - 3_600_000)
        end = asking.moment(form, "end", now)
        return self._server.series(form.get("match[]", ""), start, end)

    def _all(self) -> list[Mapping[str, str]]:
        now = self._server.now()
        return self._server.series('{__name__=~".+"}', now - 3_600_000, now)

    def _targets(self) -> Json:
        return {"activeTargets": self._server.targets(), "droppedTargets": []}

    async def _values(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]

        def answer(_form: Mapping[str, str]) -> list[str]:
            return sorted({labels[name] for labels in self._all() if name in labels})

        return await self._handler(answer)(request)

    async def _ready(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text="Prometheus Server is Ready.\n")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        query = request.query.get("g0.expr", "")
        text = "The practice Prometheus draws no pages. Ask its API for this query:\n\n"
        return web.Response(text=text + query + "\n")

    # -- around them -----------------------------------------------------------------------

    def _handler(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            from sandbox.prometheus.promql.values import QueryError

            if not self._server.admits(request.headers.get("Authorization", "")):
                refusal = {"WWW-Authenticate": "Basic"}
                return web.Response(status=401, text="Unauthorized\n", headers=refusal)
            form: dict[str, str] = dict(request.query)
            if request.method == "POST":
                form |= {name: str(value) for name, value in (await request.post()).items()}
            if self._server.delay:
                refused = await self._wait(form)
                if refused is not None:
                    return refused
            try:
                data = answer(form)
            except QueryError as error:
                return _refusal(error.kind, str(error))
            warnings: list[str] = []
            if isinstance(data, tuple):
                data, warnings = data
            body: Json = {"status": "success", "data": data}
            if warnings:
                body["warnings"] = warnings
            return web.Response(text=json.dumps(body), content_type="application/json")

        return handle

    async def _wait(self, form: Mapping[str, str]) -> web.Response | None:
        """Be slow; a query that runs out of its time is given up."""
        from sandbox.prometheus import asking

        limit = asking.duration(form, "timeout") / 1000 if form.get("timeout") else 120.0
        await asyncio.sleep(min(self._server.delay, limit))
        if self._server.delay > limit:
            return _refusal("timeout", "query timed out in expression evaluation")
        return None


_BUILD = {
    "version": VERSION,
    "revision": "practice",
    "branch": "HEAD",
    "buildUser": "",
    "buildDate": "",
    "goVersion": "",
}


def _limited(data: Json, most: int) -> tuple[Json, list[str]]:
    if most and data["resultType"] in ("vector", "matrix") and len(data["result"]) > most:
        kept = {**data, "result": data["result"][:most]}
        return kept, ["results truncated due to limit"]
    return data, []


def _refusal(kind: str, message: str) -> web.Response:
    body = {"status": "error", "errorType": kind, "error": message}
    return web.Response(
        text=json.dumps(body), status=_STATUS.get(kind, 500), content_type="application/json"
    )
