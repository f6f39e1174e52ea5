"""A small JSON and WebSocket API below `/sandbox/`: for the page and for other processes.

Not a part of Slack. GET `people`, `state`, `messages`, `complete`, `stats`, `files/ID/NAME`,
`live` (a WebSocket of events); POST `slash`, `message`, `click`, `submit`, `close_view`, `react`,
`open_im`, `open_home`, `join`, `burst`, `control`. Refusals are `{"error": sentence}` with
status 4xx.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from sandbox.slack.control import burst, control
from sandbox.slack.entities import JSON, Channel, User
from sandbox.slack.errors import Refused
from sandbox.slack.guard import Handler, guarded
from sandbox.slack.seen import Seen

if TYPE_CHECKING:
    from sandbox.slack.server import SlackServer

PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
IMAGES = {"image/png", "image/jpeg", "image/gif", "image/webp"}


class Api:
    """Routes of the page and its API."""

    def __init__(self, server: SlackServer) -> None:
        self._server = server
        self._seen = Seen(server.core)
        self._live: set[web.WebSocketResponse] = set()

    def install(self, application: web.Application) -> None:
        """Add the routes."""
        router = application.router
        reads = {"people", "state", "messages", "complete", "stats", "live"}
        for name in sorted(reads):
            router.add_get(f"/sandbox/{name}", guarded(_polite(getattr(self, f"get_{name}"))))
        router.add_get("/sandbox/files/{file}/{name}", guarded(self.get_file))
        acts = {
            "slash": self._slash,
            "message": self._message,
            "click": self._click,
            "submit": self._submit,
            "close_view": self._close_view,
            "react": self._react,
            "open_im": self._open_im,
            "open_home": self._open_home,
            "join": self._join,
        }
        for name, act in acts.items():
            router.add_post(f"/sandbox/{name}", guarded(_polite(_with_body(act))))
        router.add_post("/sandbox/burst", guarded(_polite(_with_body(self._burst))))
        router.add_post("/sandbox/control", guarded(_polite(_with_body(self._control))))
        router.add_get("/", guarded(self.get_page))
        router.add_get("/page/{name}", guarded(self.get_page))

    # -- reading ------------------------------------------------------------------------------

    def _user(self, request: web.Request) -> User:
        return self._server.workspace.person(request.query.get("user", ""))

    def _channel(self, user: User, name: str) -> Channel:
        channel = self._server.workspace.channel(name)
        if not self._server.workspace.can_see(user, channel):
            raise LookupError("there is no such channel for this person")
        return channel

    async def get_people(self, _request: web.Request) -> web.StreamResponse:
        """Everybody one can be."""
        return web.json_response({"people": self._seen.people()})

    async def get_state(self, request: web.Request) -> web.StreamResponse:
        """What a person sees apart from messages."""
        return web.json_response(self._seen.state(self._user(request)))

    async def get_messages(self, request: web.Request) -> web.StreamResponse:
        """A channel or a thread as a person sees it."""
        user = self._user(request)
        channel = self._channel(user, request.query.get("channel", ""))
        thread = request.query.get("thread_ts") or None
        return web.json_response({"messages": self._seen.messages(user, channel, thread)})

    async def get_complete(self, request: web.Request) -> web.StreamResponse:
        """Completions of a command line."""
        user, text = self._user(request), request.query.get("text", "")
        found: list[str] = []
        if self._server.complete is not None and text.startswith("/"):
            found = await self._server.complete(text, user.id)
        elif text.startswith("/"):
            commands = sorted(self._server.workspace.app.commands)
            found = [c for c in commands if c.startswith(text)]
        return web.json_response({"completions": found})

    async def get_stats(self, _request: web.Request) -> web.StreamResponse:
        """Every delivery with its times."""
        return web.json_response(self._server.core.stats())

    async def get_file(self, request: web.Request) -> web.StreamResponse:
        """A file; only plain images are shown in the browser, the rest is downloaded."""
        file = self._server.workspace.files.get(request.match_info["file"])
        if file is None or file.state != "complete":
            return web.json_response({"error": "there is no such file"}, status=404)
        kind = file.mimetype
        headers = {"Content-Security-Policy": "sandbox; default-src 'none'"}
        if kind not in IMAGES:
            kind = "text/plain" if kind.startswith("text/") else "application/octet-stream"
            headers["Content-Disposition"] = "attachment"
        return web.Response(body=file.content, content_type=kind, headers=headers)

    async def get_page(self, request: web.Request) -> web.StreamResponse:
        """The page and its parts."""
        name = request.match_info.get("name", "index.html")
        path = PAGE / name
        if path.parent != PAGE or path.suffix not in TYPES or not path.is_file():
            return web.Response(status=404, text="there is no such page")
        text = await asyncio.to_thread(path.read_text, "utf-8")
        return web.Response(text=text, content_type=TYPES[path.suffix])

    async def get_live(self, request: web.Request) -> web.StreamResponse:
        """A WebSocket with everything that changes before a person's eyes."""
        user = self._user(request)
        ws = web.WebSocketResponse(heartbeat=30)
        with self._server.core.feed.subscribe() as queue:
            await ws.prepare(request)
            self._live.add(ws)
            sender = asyncio.create_task(self._send(ws, user, queue))
            try:
                async for message in ws:
                    if message.type is WSMsgType.ERROR:
                        break
            finally:
                sender.cancel()
                self._live.discard(ws)
        return ws

    async def _send(
        self, ws: web.WebSocketResponse, user: User, queue: asyncio.Queue[JSON]
    ) -> None:
        await ws.send_json({"type": "ready", "seq": self._server.core.feed.seq})
        while True:
            event = await queue.get()
            shown = self._seen.event(user, event)
            if shown is not None:
                await ws.send_json(shown)

    async def close(self) -> None:
        """Close the live connections."""
        for ws in list(self._live):
            await ws.close()

    # -- acting -------------------------------------------------------------------------------

    async def _slash(self, body: JSON) -> JSON:
        delivery = await self._server.slash(
            body["user"], body["channel"], str(body["text"]), thread_ts=body.get("thread_ts")
        )
        return delivery.to_json()

    async def _message(self, body: JSON) -> JSON:
        message, _ = self._server.say(
            body["user"], body["channel"], str(body["text"]), thread_ts=body.get("thread_ts")
        )
        return self._seen.message(message)

    async def _click(self, body: JSON) -> JSON:
        delivery = await self._server.click(
            body["user"],
            body.get("view_id") or body["message_ts"],
            str(body["action"]),
            where=body.get("channel"),
            value=body.get("value"),
        )
        return delivery.to_json()

    async def _submit(self, body: JSON) -> JSON:
        delivery = await self._server.submit_view(
            body["user"], body.get("view_id"), body.get("values") or {}
        )
        return delivery.to_json()

    async def _close_view(self, body: JSON) -> JSON:
        delivery = await self._server.close_view(body["user"], body.get("view_id"))
        return delivery.to_json() if delivery else {}

    async def _react(self, body: JSON) -> JSON:
        message = self._server.react(
            body["user"], body["channel"], body["message_ts"], str(body["name"])
        )
        return self._seen.message(message)

    async def _open_im(self, body: JSON) -> JSON:
        user = self._server.workspace.person(body["user"])
        return self._seen.channel(user, self._server.workspace.direct_message(user))

    async def _open_home(self, body: JSON) -> JSON:
        delivery = self._server.open_home(body["user"])
        return delivery.to_json() if delivery else {}

    async def _join(self, body: JSON) -> JSON:
        user = self._server.workspace.person(body["user"])
        channel = self._channel(user, body["channel"])
        self._server.workspace.join(channel, user)
        return self._seen.channel(user, channel)

    async def _burst(self, body: JSON) -> JSON:
        return await burst(self._server, body)

    async def _control(self, body: JSON) -> JSON:
        return await control(self._server, body)


def _with_body(act: Any) -> Handler:
    """Feed an act with the JSON body and answer with its result."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.text() or "{}")
        if not isinstance(body, dict):
            raise Refused("the body has to be a JSON object")
        return web.json_response(await act(body))

    return handle


def _polite(handler: Handler) -> Handler:
    """Turn refusals into sentences."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refusal:
            body = {"error": str(refusal), "fields": refusal.fields}
            return web.json_response(body, status=409)
        except KeyError as missing:
            error = f"the body lacks {missing.args[0]!r}"
            return web.json_response({"error": error}, status=400)
        except LookupError as unknown:
            return web.json_response({"error": str(unknown)}, status=404)
        except (ValueError, TypeError) as wrong:
            return web.json_response({"error": str(wrong)}, status=400)

    return handle
