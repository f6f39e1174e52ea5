"""Alertmanager's HTTP API, version 2.

Facts: `api/v2` of Alertmanager v0.31. Errors are bare strings, as JSON; what does not have the
shape that the API states gets a code and a message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.alertmanager import matchers
from sandbox.alertmanager.alerts import Alert, BadAlert, Malformed, api_stamp
from sandbox.alertmanager.matchers import Matcher
from sandbox.alertmanager.notifying import VERSION
from sandbox.alertmanager.silences import NoSuchSilence
from sandbox.kube.jsonutil import Json

if TYPE_CHECKING:
    from sandbox.alertmanager.server import PracticeAlertmanager

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_ID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


class Api:
    """Answers for one practice Alertmanager."""

    def __init__(self, server: PracticeAlertmanager) -> None:
        self._server = server

    def application(self) -> web.Application:
        """The application that serves it."""
        app = web.Application()
        for path in ("/-/healthy", "/-/ready"):
            app.router.add_get(path, self._ready)
        routes: tuple[tuple[str, str, Handler], ...] = (
            ("GET", "alerts", self._alerts),
            ("POST", "alerts", self._post_alerts),
            ("GET", "alerts/groups", self._groups),
            ("GET", "silences", self._silences),
            ("POST", "silences", self._post_silence),
            ("GET", "silence/{id}", self._silence),
            ("DELETE", "silence/{id}", self._delete_silence),
            ("GET", "status", self._status),
            ("GET", "receivers", self._receivers),
        )
        for method, path, handler in routes:
            app.router.add_route(method, f"/api/v2/{path}", _answering(handler))
        return app

    async def _ready(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text="OK")

    async def _alerts(self, request: web.Request) -> web.StreamResponse:
        return _json([self._told(alert, muted) for alert, muted in self._asked(request)])

    def _asked(self, request: web.Request) -> list[tuple[Alert, list[str]]]:
        receiver = request.query.get("receiver")
        if receiver is not None:
            try:
                fits = re.fullmatch(receiver, self._server.receiver.name) is not None
            except re.error as error:
                raise BadAlert(f"failed to parse receiver param: {error}") from None
            if not fits:
                return []
        return self._server.alerts(
            _filters(request),
            active=_flag(request, "active"),
            silenced=_flag(request, "silenced"),
        )

    def _told(self, alert: Alert, muted: list[str]) -> Json:
        return {
            "annotations": dict(sorted(alert.annotations.items())),
            "endsAt": api_stamp(alert.ends),
            "fingerprint": alert.fingerprint,
            "receivers": [{"name": self._server.receiver.name}],
            "startsAt": api_stamp(alert.starts),
            "status": {
                "inhibitedBy": [],
                "mutedBy": [],
                "silencedBy": muted,
                "state": "suppressed" if muted else "active",
            },
            "updatedAt": api_stamp(alert.updated),
            "generatorURL": alert.generator,
            "labels": dict(sorted(alert.labels.items())),
        }

    async def _post_alerts(self, request: web.Request) -> web.StreamResponse:
        given = await _body(request)
        if not isinstance(given, list):
            raise Malformed("alerts in body must be of type array", 601)
        self._server.put(given)
        return web.Response()

    async def _groups(self, request: web.Request) -> web.StreamResponse:
        asked = {alert.fingerprint: (alert, muted) for alert, muted in self._asked(request)}
        receiver = {"name": self._server.receiver.name}
        found: list[Json] = []
        for labels, members in self._server.grouped():
            told = [self._told(*asked[one]) for one in sorted(members) if one in asked]
            if told:
                found.append({"alerts": told, "labels": dict(labels), "receiver": receiver})
        return _json(sorted(found, key=lambda group: sorted(group["labels"].items())))

    async def _silences(self, request: web.Request) -> web.StreamResponse:
        now = self._server.clock()
        found = self._server.silences.all(_filters(request))
        return _json([silence.to_json(now) for silence in found])

    async def _post_silence(self, request: web.Request) -> web.StreamResponse:
        return _json({"silenceID": self._server.silences.put(await _body(request))})

    async def _silence(self, request: web.Request) -> web.StreamResponse:
        found = self._server.silences.get(_id(request))
        return _json(found.to_json(self._server.clock()))

    async def _delete_silence(self, request: web.Request) -> web.StreamResponse:
        self._server.silences.expire(_id(request))
        return web.Response()

    async def _status(self, _request: web.Request) -> web.StreamResponse:
        names = ("branch", "buildDate", "buildUser", "goVersion", "revision")
        peers = [{"address": "127.0.0.1:9094", "name": "practice-0"}]
        split = self._server.split
        return _json(
            {
                "cluster": {"status": "ready" if split else "disabled", "peers": peers * split},
                "config": {"original": self._config()},
                "uptime": api_stamp(self._server.started),
                "versionInfo": {**dict.fromkeys(names, ""), "version": VERSION},
            }
        )

    def _config(self) -> str:
        import yaml

        route, receiver = self._server.route, self._server.receiver
        settings = {
            "route": {
                "receiver": receiver.name,
                "group_by": list(route.group_by),
                "group_wait": f"{route.group_wait:g}s",
                "group_interval": f"{route.group_interval:g}s",
                "repeat_interval": f"{route.repeat_interval:g}s",
            },
            "receivers": [{"name": receiver.name}],
        }
        return yaml.safe_dump(settings, sort_keys=False)

    async def _receivers(self, _request: web.Request) -> web.StreamResponse:
        return _json([{"name": self._server.receiver.name}])


def _answering(handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Malformed as error:
            return _json({"code": error.code, "message": str(error)}, 422)
        except BadAlert as error:
            return _json(str(error), 400)
        except NoSuchSilence:
            return _missing(request)

    return handle


def _missing(request: web.Request) -> web.Response:
    return _json("silence not found", 404) if request.method == "POST" else web.Response(status=404)


def _json(body: Any, status: int = 200) -> web.Response:
    text = json.dumps(body, ensure_ascii=False) + "\n"
    return web.Response(text=text, status=status, content_type="application/json")


async def _body(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise BadAlert(f"parsing body failed: {error}") from None


def _filters(request: web.Request) -> list[Matcher]:
    return [matchers.parsed(text) for text in request.query.getall("filter", [])]


def _flag(request: web.Request, name: str) -> bool:
    text = request.query.get(name, "true").lower()
    if text not in ("true", "false", "1", "0"):
        raise Malformed(f"{name} in query must be of type boolean: {json.dumps(text)}", 601)
    return text in ("true", "1")


def _id(request: web.Request) -> str:
    found = request.match_info["id"]
    if not _ID.fullmatch(found):
        raise Malformed(f"silenceID in path must be of type uuid: {json.dumps(found)}", 601)
    return found
