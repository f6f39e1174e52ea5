"""Keeps other web pages away from the page's API, which acts as anybody without a password."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def problem(request: web.Request) -> str | None:
    """Why this request may not use the page's API; None if it may.

    A foreign Host is DNS rebinding; a foreign Origin is another page in the same browser; a body
    that is not JSON is a form on another page, which browsers send without asking.
    """
    if urlsplit(f"//{request.host}").hostname not in LOOPBACK:
        return "this address is for 127.0.0.1 only"
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.host}":
        return "only the page itself may do this"
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return "only the page itself may do this"
    if request.method == "POST" and request.content_type != "application/json":
        return "the body has to be JSON"
    return None


def guarded(handler: Handler) -> Handler:
    """Wrap a handler with `problem` and the page's security headers."""

    async def checked(request: web.Request) -> web.StreamResponse:
        if reason := problem(request):
            return web.json_response({"error": reason}, status=403)
        response = await handler(request)
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    return checked
